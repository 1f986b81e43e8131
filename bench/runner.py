"""Carries out a suite: plan, prepare, check, measure, write. One run after another, one process a step."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.assemble import Evidence, assemble, placement_summary
from bench.contracts import Channel, Device, OpenRequest
from bench.environment import capture
from bench.errors import RunFailure
from bench.host_load import HostLoad
from bench.jobs import Checked, CheckJob, Failed, Measured, MeasureJob, Prepared, PrepareJob, Probed, ProbeJob
from bench.measure.energy import discover, idle_baseline
from bench.measure.stopping import text_generation_rule
from bench.plan import (
    ModelChoice,
    Plan,
    PlannedRun,
    choose_models,
    choose_targets,
    make_plan,
    resolve_targets,
    settle_scenario,
)
from bench.plugins import Catalog, PluginRef, load
from bench.record import Failure, RecordedRun, Scenario
from bench.reference import References
from bench.store import save
from bench.suite import Suite, check
from bench.supervisor import JobResult, run_job

if TYPE_CHECKING:
    import numpy as np

IDLE_SECONDS = 2.0
STEP_SECONDS = 600.0
"""Time allowed for import, read and compile, and for each untimed step, unless the user says otherwise."""


class Listener:
    """Told what happens, for progress. Does nothing by itself."""

    def planned(self, plan: Plan) -> None:
        """Before anything runs."""

    def began(self, index: int, run: PlannedRun) -> None:
        """Run number ``index`` (from 0) begins."""

    def step(self, text: str) -> None:
        """What is running now, in a few words."""

    def written(self, index: int, recorded: RecordedRun) -> None:
        """The run's record is on disk."""


class Bench(Struct, frozen=True):
    """What every step of one suite shares."""

    catalog: Catalog
    suite: Suite
    workspace: Path
    cache: Path
    root: Path
    channels: tuple[Channel, ...] = ()
    idle_watts: dict[str, float] = {}

    def folder(self) -> Path:
        """A new folder for one job."""
        return Path(tempfile.mkdtemp(dir=self.workspace))

    def deadline_s(self, run: PlannedRun | None = None) -> float:
        """How long one job may take."""
        if self.suite.timeout_s is not None:
            return self.suite.timeout_s
        rule_ns = 3 * (run.rule.max_duration_ns + run.rule.warmup_max_duration_ns) if run else 0
        return STEP_SECONDS + rule_ns / 1e9


def run_suite(
    suite: Suite,
    catalog: Catalog,
    out: Path,
    *,
    cache: Path,
    listener: Listener | None = None,
    root: Path = Path("/"),
) -> list[RecordedRun]:
    """Measure everything ``suite`` asks for; each record is on disk under ``out`` the moment its run ends.

    ``cache`` keeps built models, ``root`` is where sensors and the machine's state are read. ``Ctrl-C`` writes what the
    current run has and is raised again. Raises ``InputError`` for what cannot be planned.
    """
    listener = listener or Listener()
    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache, root)
        plan = plan_suite(bench)
        listener.planned(plan)
        bench = _with_sensors(bench)
        prepared: dict[str, JobResult] = {}
        references = References(catalog)
        recorded = []
        for index, run in enumerate(plan.runs):
            listener.began(index, run)
            carried_out, evidence, samples = _Run(bench, run, prepared, references, listener.step).gather()
            result = assemble(carried_out, evidence, samples)
            result = RecordedRun(save(out, result.record, result.samples), result.samples)
            recorded.append(result)
            listener.written(index, result)
            if evidence.failure is not None and evidence.failure.kind == "interrupted":
                raise KeyboardInterrupt
        return recorded


@contextmanager
def temporary_workspace() -> Iterator[Path]:
    """A folder for jobs, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="odb-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def plan_suite(bench: Bench) -> Plan:
    """Look at what was asked and what this machine has; measure nothing."""
    suite, catalog = bench.suite, bench.catalog
    check(suite)
    models = [_model_choice(ask, ref) for ask, ref in choose_models(suite, catalog)]
    chosen = choose_targets(suite, catalog)
    probed = probe_targets(
        catalog, bench.workspace, {ref.name: _asked_devices(chosen, ref.name) for _, ref, _ in chosen}
    )
    return make_plan(suite, models, resolve_targets(chosen, probed, suite))


def probe_targets(catalog: Catalog, workspace: Path, plugins: Mapping[str, tuple[str, ...]]) -> dict[str, Probed]:
    """Ask each plugin, in a process of its own and all at once, for its devices and the options of the named ones.

    A plugin that cannot answer is reported as one unusable device, with what it said.
    """

    def ask(item: tuple[str, tuple[str, ...]]) -> Probed:
        name, devices = item
        ref = catalog.find("targets", name)
        result = run_job(ProbeJob(Path(tempfile.mkdtemp(dir=workspace)), ref, devices), STEP_SECONDS)
        if isinstance(result.event, Probed):
            return result.event
        assert isinstance(result.event, Failed)
        failure = result.event.failure
        broken = [Device(d, False, reason=failure.message, remedy=failure.remedy) for d in devices or ("?",)]
        return Probed(tuple(broken), {}, (), (), {})

    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(plugins, pool.map(ask, plugins.items()), strict=True))


def _asked_devices(chosen: Sequence[tuple[Any, PluginRef, str]], plugin: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(device for _, ref, device in chosen if ref.name == plugin and device))


def _model_choice(ask: Any, ref: PluginRef) -> ModelChoice:
    plugin = load(ref)
    return ModelChoice(ask, ref, plugin.task, tuple(plugin.formats))


def _with_sensors(bench: Bench) -> Bench:
    """Find what can be read here, and how much the machine draws while nothing runs."""
    sensors = {ref.name: load(ref) for ref in bench.catalog.of("sensors")}
    channels = discover(sensors, bench.root)
    idle = idle_baseline(sensors, channels, bench.root, IDLE_SECONDS)
    return msgspec.structs.replace(bench, channels=channels, idle_watts=idle)


class _Run:
    """Gathers the evidence for one planned run, step by step, and stops at the first failure."""

    def __init__(
        self,
        bench: Bench,
        run: PlannedRun,
        prepared: dict[str, JobResult],
        references: References,
        say: Callable[[str], None],
    ) -> None:
        self._bench, self._run, self._prepared, self._references, self._say = bench, run, prepared, references, say
        self._evidence = Evidence(capture(bench.root), channels=bench.channels)
        self._samples: list[dict[str, np.ndarray[Any, Any]]] = []

    def gather(self) -> "tuple[PlannedRun, Evidence, list[dict[str, np.ndarray[Any, Any]]]]":
        """The run as it was carried out, and all that it left."""
        try:
            if self._run.skip is not None:
                self._note(failure=self._run.skip)
            else:
                self._gather()
        except RunFailure as failure:
            self._note(failure=Failure(failure.phase, failure.kind, failure.message, failure.remedy))
        except KeyboardInterrupt:
            done = len(self._evidence.repeats)
            message = f"interrupted after {done} of {self._run.repeats} repeats"
            self._note(failure=Failure("steady" if done else "start", "interrupted", message, "Run it again."))
        return self._run, self._evidence, self._samples

    def _gather(self) -> None:
        prepared = self._prepare()
        artifact = prepared.artifact
        emulated = self._run.target.device.emulated
        scenario = settle_scenario(self._run.scenario, artifact.task, emulated)
        self._note(artifact=artifact, inputs=prepared.inputs, scenario=scenario)
        if artifact.task not in self._run.target.tasks:
            raise RunFailure(
                "unsupported_task", f"{self._run.target.id} does not run {artifact.task} models", "", "plan"
            )
        request = open_request(artifact, self._run, scenario)
        self._check(request, scenario, prepared.feeds[:1] if emulated else prepared.feeds)
        rule = self._run.rule
        if artifact.task == "text_generation" and not emulated:
            rule = text_generation_rule(rule)
        self._run = msgspec.structs.replace(self._run, rule=rule)
        for index in range(self._run.repeats):
            title = f"repeat {index + 1} of {self._run.repeats}"
            self._say(title)
            self._measure(request, scenario, prepared.feeds[0] if prepared.feeds else None, title)

    def _prepare(self) -> Prepared:
        choice = self._run.model
        key = repr(choice)
        if key not in self._prepared:
            self._say("preparing the model")
            ask = choice.ask
            job = PrepareJob(
                self._bench.folder(),
                choice.plugin,
                choice.request(self._run.seed),
                self._bench.cache,
                tuple(f"{name}={path}" if name else path for name, path in ask.inputs.items()),
                ask.preprocessing,
            )
            self._prepared[key] = run_job(job, self._bench.deadline_s())
        event = self._settled(self._prepared[key])
        assert isinstance(event, Prepared)
        return event

    def _check(self, request: OpenRequest, scenario: Scenario, feeds: tuple[Path, ...]) -> None:
        """Placement and outputs, before any time is spent on measuring."""
        self._say("checking placement and outputs")
        job = CheckJob(self._bench.folder(), self._run.target.plugin, request, scenario, feeds, self._run.seed)
        checked = self._settled(run_job(job, self._bench.deadline_s(self._run)))
        assert isinstance(checked, Checked)
        self._note(checked=checked)
        if self._run.strict_placement:
            _demand_placement(checked, request)
        self._say("checking against the reference")
        fidelity = self._references.compare(job, checked, self._bench.deadline_s(self._run), self._bench.folder)
        self._note(fidelity=fidelity)

    def _measure(self, request: OpenRequest, scenario: Scenario, feeds: Path | None, title: str) -> None:
        import numpy as np

        job = MeasureJob(
            self._bench.folder(),
            self._run.target.plugin,
            request,
            scenario,
            self._run.rule,
            feeds,
            self._run.seed,
            self._bench.catalog.of("sensors"),
            self._bench.channels,
            self._bench.idle_watts,
            self._bench.root,
        )
        load_before = HostLoad.now()
        result = run_job(job, self._bench.deadline_s(self._run), lambda phase: self._say(f"{title}, {phase}"))
        measured = self._settled(result)
        assert isinstance(measured, Measured)
        busy = HostLoad.now().busy_share_of_others(load_before, measured.cpu_seconds)
        with np.load(job.folder / "samples.npz", allow_pickle=False) as archive:
            self._samples.append({role: archive[role] for role in archive.files})
        self._note(
            repeats=(*self._evidence.repeats, measured),
            harness_ns=(*self._evidence.harness_ns, result.wall_ns - measured.runtime_ns),
            cpu_busy_share=(*self._evidence.cpu_busy_share, busy),
        )

    def _settled(self, result: JobResult) -> Any:
        """The job's event. Raises ``RunFailure`` for a job that failed, with its log kept."""
        self._note(log_tail=result.log_tail)
        if isinstance(result.event, Failed):
            failure = result.event.failure
            raise RunFailure(failure.kind, failure.message, failure.remedy, failure.phase)
        return result.event

    def _note(self, **fields: Any) -> None:
        self._evidence = msgspec.structs.replace(self._evidence, **fields)


def open_request(artifact: Any, run: PlannedRun, scenario: Scenario) -> OpenRequest:
    """What the target is asked to open, the same in every pass of a run."""
    prompt, generate = scenario.prompt_tokens or 0, scenario.generate_tokens or 0
    decoder = artifact.decoder
    if decoder is not None and prompt + generate > decoder.context_length:
        raise RunFailure(
            "bad_input",
            f"{prompt} prompt and {generate} generated tokens do not fit the context of {decoder.context_length} "
            f"that {artifact.model_id} has",
            "Ask for fewer with prompt_tokens and generate_tokens.",
            "plan",
        )
    return OpenRequest(
        artifact,
        run.target.device.name,
        run.target.options,
        "throughput" if scenario.name == "offline" else "latency",
        prompt,
        prompt + generate,
    )


def _demand_placement(checked: Checked, request: OpenRequest) -> None:
    summary = placement_summary(checked.placement, request.artifact)
    if summary is None:
        raise RunFailure(
            "fallback",
            "strict placement: this runtime does not tell what ran where",
            "Drop --strict-placement.",
            "check",
        )
    if summary.fallback:
        shown = ", ".join(summary.fallback[:5]) + (" …" if len(summary.fallback) > 5 else "")
        raise RunFailure(
            "fallback",
            f"strict placement: {len(summary.fallback)} of {sum(summary.nodes.values())} nodes fell back: {shown}",
            "Replace these operators, or run without --strict-placement.",
            "check",
        )
