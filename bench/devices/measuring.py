"""``odb run --on``: a model is measured by a benchmark program that the user has built for the device.

The program's own loop is what is timed, so the record holds its figures as another tool's, beside the device, the model
and the program; what this project would have checked (warm-up, steady state, outputs) is not there.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Artifact, Device, DeviceRunner, PartNamingTarget, Scenario
from bench.devices.adb import connected
from bench.devices.android import ABI, Handheld, environment, handheld
from bench.devices.device import RemoteDevice
from bench.digest import sha256_of_file
from bench.errors import InputError, OdbError, RunFailure
from bench.execution.assemble import assemble
from bench.execution.probe import temporary_workspace
from bench.execution.runner import JobRunner
from bench.execution.workbench import Bench
from bench.passes.evidence import Evidence
from bench.passes.prepare import made
from bench.plugins import Catalog, PluginRef, load
from bench.reading import is_file
from bench.record.record import Environment, Failure, RecordedRun
from bench.record.runner import OtherTool
from bench.store.records import new_record_id, save
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice, choose_models
from bench.suite.presets import PRESETS
from bench.suite.suite import Suite
from bench.words import Sentence, sentence

KIND = "android"
ELF, AARCH64 = b"\x7fELF\x02", 183  # 64 bits; e_machine of ELF's header
LOG_LINES = 20
LONGEST_S = 600.0


class Program(Struct, frozen=True):
    """The user's benchmark program, and the plugin that knows it."""

    file: Path
    ref: PluginRef

    @property
    def runner(self) -> DeviceRunner:
        found: DeviceRunner = load(self.ref)
        return found


def program_at(runner: Path | None, catalog: Catalog) -> Program:
    """Raises ``RunFailure`` (``unavailable``) without one, and ``InputError`` for a file that is none."""
    names = catalog.names("runners")
    if not names:
        raise RunFailure("unavailable", sentence("runner.no_plugin"), sentence("runner.no_plugin.remedy"), "plan")
    if runner is None:
        raise RunFailure("unavailable", sentence("runner.none"), sentence("runner.none.remedy", names=names), "plan")
    if not is_file(runner):
        raise InputError(sentence("runner.no_such_file", file=runner.name), sentence("runner.give_file", names=names))
    name = next((name for name in names if runner.stem.startswith(name)), None)
    if name is None:
        raise InputError(sentence("runner.unknown", file=runner.name, names=names), sentence("runner.rename"))
    with runner.open("rb") as stream:
        start = stream.read(20)
    if start[:5] != ELF or int.from_bytes(start[18:20], "little") != AARCH64:
        raise InputError(
            sentence("runner.not_for_android", file=runner.name, abi=ABI), sentence("runner.build", abi=ABI)
        )
    return Program(runner, catalog.find("runners", name))


def measure_on(
    named: str,
    runner: Path | None,
    suite: Suite,
    catalog: Catalog,
    out: Path,
    *,
    cache: Path,
    options: Mapping[str, str],
    say: Callable[[Sentence | str], None] = lambda text: None,
) -> list[RecordedRun]:
    """Measure the suite's models on the device ``named``; each record is on disk under ``out`` when its run ends.

    ``options``: the program's own. Raises ``RunFailure`` (``unavailable``) where the device or the program is missing,
    and ``InputError`` for what cannot be planned. A run that fails is a record with the reason.
    """
    program = program_at(runner, catalog)
    device = connected(named)
    of = handheld(device)
    if of.abi != ABI:
        message = sentence("device.other_abi", named=device.name, abi=of.abi or "?", wanted=ABI)
        raise RunFailure("unavailable", message, sentence("device.other_abi.remedy", wanted=ABI), "plan")
    models = choose_models(suite, catalog)
    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache, Path("/"))
        recorded = []
        for ask, ref in models:
            plugin = load(ref)
            choice = ModelChoice(ask, ref, plugin.task, tuple(plugin.formats))
            run = _planned(choice, program, suite, options)
            found = _OneRun(bench, run, program, device, say).recorded(of)
            recorded.append(RecordedRun(save(out, found.record, found.samples), found.samples))
        return recorded


def _planned(choice: ModelChoice, program: Program, suite: Suite, options: Mapping[str, str]) -> PlannedRun:
    formats = tuple(program.runner.formats)
    target = TargetChoice(program.ref, Device(KIND, True, ""), dict(options), formats, ("tensor",))
    rule = PRESETS[suite.preset].rule
    return PlannedRun(choice, target, Scenario("single-stream"), rule, suite.preset, 1, suite.seed)


class _OneRun:
    """One model on the device. ``log``: what the program printed last."""

    def __init__(
        self,
        bench: Bench,
        run: PlannedRun,
        program: Program,
        device: RemoteDevice,
        say: Callable[[Sentence | str], None],
    ) -> None:
        self._bench, self._run, self._program, self._device, self._say = bench, run, program, device, say
        self._jobs = JobRunner(bench, {}, lambda: bench.deadline_s(run), say)
        self._log: tuple[str, ...] = ()

    def recorded(self, of: Handheld) -> RecordedRun:
        """The record, also where the run fails."""
        began = datetime.now(UTC)
        evidence = Evidence(
            run=self._run,
            environment=Environment(),
            began_utc=began,
            record_id=new_record_id(self._run.model.id, self._run.target.id, began),
            device_name=_named(of, self._bench.catalog),
        )
        try:
            evidence = replace(evidence, environment=environment(self._device, of))
            evidence = replace(evidence, prepared=made(self._run, self._run.model, self._jobs))
            assert evidence.prepared is not None
            unfed = replace(evidence.prepared, inputs=None, feeds=())  # the program makes its own
            evidence = replace(evidence, prepared=unfed, other_tool=self._measured(unfed.artifact))
        except RunFailure as failure:
            evidence = replace(evidence, failure=_failure(failure, failure.phase or "check", failure.kind))
        except OdbError as error:
            evidence = replace(evidence, failure=_failure(error, "steady", "runtime_error"))
        run = assemble(replace(evidence, log_tail=self._log), [])
        plan = replace(run.record.plan, command="", asked=None)  # flags alone do not measure it again
        return RecordedRun(replace(run.record, plan=plan), run.samples)

    def _measured(self, artifact: Artifact) -> OtherTool:
        runner, file = self._program.runner, self._program.file
        if artifact.format not in runner.formats:
            figures = {"runner": self._program.ref.name, "model": artifact.model_id, "format": artifact.format}
            message = sentence("runner.other_format", formats=list(runner.formats), **figures)
            raise RunFailure("unsupported_format", message, sentence("runner.other_format.remedy"), "plan")
        if artifact.decoder is not None:
            message = sentence("runner.generates_text", runner=self._program.ref.name, model=artifact.model_id)
            raise RunFailure("unsupported_task", message, sentence("runner.generates_text.remedy"), "plan")
        self._say(sentence("device.pushing", named=self._device.name))
        try:
            self._device.push(file, file.name, program=True)
            for part in artifact.files:
                self._device.push(part, _place(part, artifact.path.parent))
            arguments = tuple(runner.arguments(_no_option(artifact.path.name), self._run.target.options))
            self._say(sentence("device.running", runner=self._program.ref.name, named=self._device.name))
            deadline_s = self._bench.suite.timeout_s or LONGEST_S
            ran = self._device.run((f"./{file.name}", *arguments), {"LD_LIBRARY_PATH": "."}, deadline_s)
            self._log = tuple(ran.output.splitlines()[-LOG_LINES:])
        finally:
            self._cleared()
        if ran.status != 0:
            message = sentence("runner.failed", runner=self._program.ref.name, status=ran.status)
            raise RunFailure("runtime_error", message, sentence("runner.see_log"), "steady")
        figures = msgspec.structs.asdict(runner.read(ran.output))
        tool = OtherTool(self._program.ref.name, sha256_of_file(file), file.stat().st_size, arguments)
        return replace(tool, **figures)

    def _cleared(self) -> None:
        with suppress(RunFailure):  # the failure before it says more
            self._device.clear()


def _place(file: Path, folder: Path) -> str:
    """Where ``file`` belongs beside the model; one that a link leads to, by its name."""
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name


def _no_option(name: str) -> str:
    """``name`` as a program takes it for a file, also where it begins with a dash."""
    return f"./{name}" if name.startswith("-") else name


def _failure(error: OdbError, phase: str, kind: str) -> Failure:
    return Failure(phase, kind, error.sentence, error.advice)


def _named(of: Handheld, catalog: Catalog) -> str:
    """The device's SoC as its maker sells it, where a target knows the part; else the part, else the product."""
    for ref in catalog.of("targets"):
        try:
            target = load(ref)
        except OdbError:  # told where it is listed
            continue
        named = target.part_named(of.part) if of.part and isinstance(target, PartNamingTarget) else ""
        if named:
            return f"{named} ({of.part})"
    return of.part or of.model
