"""Gathers the evidence for one planned run: prepare, check, compare, measure, each in a process of its own."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.assemble import Evidence, placement_summary
from bench.contracts import Channel, OpenRequest
from bench.environment import capture
from bench.errors import OdbError, RunFailure
from bench.host_load import HostLoad
from bench.jobs import Checked, CheckJob, Failed, Measured, MeasureJob, Prepared, PrepareJob, Recalled, RecallJob
from bench.measure.stopping import text_generation_rule
from bench.plan import PlannedRun, settle_scenario
from bench.plugins import Catalog, PluginRef
from bench.record import Failure, Scenario
from bench.record_evidence import RepeatedInput
from bench.reference import References
from bench.suite import Suite
from bench.supervisor import STEP_SECONDS, JobResult, run_job

if TYPE_CHECKING:
    import numpy as np


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

    def sensors(self) -> tuple[PluginRef, ...]:
        """The sensor plugins that have something to read here."""
        used = {channel.sensor for channel in self.channels if channel.usable}
        return tuple(ref for ref in self.catalog.of("sensors") if ref.name in used)

    def deadline_s(self, run: PlannedRun | None = None) -> float:
        """How long one job may take."""
        if self.suite.timeout_s is not None:
            return self.suite.timeout_s
        rule_ns = 3 * (run.rule.max_duration_ns + run.rule.warmup_max_duration_ns) if run else 0
        return STEP_SECONDS + rule_ns / 1e9


class Opening(Struct, frozen=True):
    """What every repeat of a run opens and is fed."""

    request: OpenRequest
    scenario: Scenario
    feeds: Path | None


class Gathering:
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
        self._opening: Opening | None = None

    def gather(self) -> "tuple[PlannedRun, Evidence, list[dict[str, np.ndarray[Any, Any]]]]":
        """The run as it was carried out, and all that it left."""
        if self.prepare():
            self.attempt(self._measure_all)
        return self.left()

    def prepare(self) -> bool:
        """All that comes before measuring. Whether there is something to measure; if not, the failure is noted."""
        if self._run.skip is not None:
            self._note(failure=self._run.skip)
            return False
        return self.attempt(self._prepare_and_check)

    def left(self) -> "tuple[PlannedRun, Evidence, list[dict[str, np.ndarray[Any, Any]]]]":
        """What there is so far."""
        return self._run, self._evidence, self._samples

    def attempt(self, step: Callable[[], None]) -> bool:
        """Do ``step``; whether it went well. How it failed is noted."""
        try:
            step()
        except RunFailure as failure:
            self._note(failure=Failure(failure.phase, failure.kind, failure.message, failure.remedy))
        except OdbError as error:
            self._note(failure=Failure("check", "plugin_error", error.message, error.remedy))
        except OSError as error:
            message = f"a temporary file cannot be written or read: {error.strerror}"
            self._note(failure=Failure("start", "runtime_error", message, "Free space in the temporary folder."))
        except KeyboardInterrupt:
            done = len(self._evidence.repeats)
            message = f"interrupted after {done} of {self._run.repeats} repeats"
            self._note(failure=Failure("steady" if done else "start", "interrupted", message, "Run it again."))
        return self._evidence.failure is None

    def _prepare_and_check(self) -> None:
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
        self._opening = Opening(request, scenario, prepared.feeds[0] if prepared.feeds else None)

    def _measure_all(self) -> None:
        for index in range(self._run.repeats):
            before, job = HostLoad.now(), self.measure_job()
            result = run_job(job, self.deadline_s(), self._phase_of(f"repeat {index + 1} of {self._run.repeats}"))
            measured = self.settled(result)
            assert isinstance(measured, Measured)
            busy = HostLoad.now().busy_share_of_others(before, measured.cpu_seconds)
            self.keep(job, measured, result.wall_ns - measured.runtime_ns, busy)

    def _phase_of(self, title: str) -> Callable[[str], None]:
        self._say(title)
        return lambda phase: self._say(f"{title}, {phase}")

    def fail(self, failure: Failure) -> None:
        """End the run for a reason that lies elsewhere."""
        self._note(failure=failure)

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
        event = self.settled(self._prepared[key])
        assert isinstance(event, Prepared)
        return event

    def _check(self, request: OpenRequest, scenario: Scenario, feeds: tuple[Path, ...]) -> None:
        """Placement and outputs, before any time is spent on measuring."""
        self._say("checking placement and outputs")
        job = CheckJob(self._bench.folder(), self._run.target.plugin, request, scenario, feeds, self._run.seed)
        checked = self.settled(run_job(job, self._bench.deadline_s(self._run)))
        assert isinstance(checked, Checked)
        self._note(checked=checked)
        if self._run.strict_placement:
            _demand_placement(checked, request)
        self._say("checking against the reference")
        fidelity = self._references.compare(job, checked, self._bench.deadline_s(self._run), self._bench.folder)
        self._note(fidelity=fidelity)
        if not self._run.target.device.emulated:
            self._recall(request, feeds[0] if feeds else None)

    def _recall(self, request: OpenRequest, feeds: Path | None) -> None:
        """Whether a cache answers. That this cannot be tried is no reason not to measure."""
        self._say("checking for cached results")
        job = RecallJob(self._bench.folder(), self._run.target.plugin, request, feeds, self._run.seed)
        event = run_job(job, self._bench.deadline_s(self._run)).event
        if isinstance(event, Recalled):
            self._note(repeated_input=event.repeated_input)
        elif isinstance(event, Failed):
            self._note(repeated_input=RepeatedInput(reason=f"the pass failed: {event.failure.message}"))

    def measure_job(self, in_turns: bool = False) -> MeasureJob:
        """The next repeat. In turns no counter of energy is read: its window would hold the other's work too."""
        bench, opening = self._bench, self._opening
        assert opening is not None
        return MeasureJob(
            bench.folder(),
            self._run.target.plugin,
            opening.request,
            opening.scenario,
            self._run.rule,
            opening.feeds,
            self._run.seed,
            bench.sensors(),
            tuple(c for c in bench.channels if not in_turns or c.kind == "power"),
            bench.idle_watts,
            bench.root,
            in_turns,
        )

    def deadline_s(self) -> float:
        """How long the next repeat may take."""
        return self._bench.deadline_s(self._run)

    def keep(self, job: MeasureJob, measured: Measured, harness_ns: int | None, busy: float | None) -> None:
        """Take in what a repeat left."""
        import numpy as np

        with np.load(job.folder / "samples.npz", allow_pickle=False) as archive:
            self._samples.append({role: archive[role] for role in archive.files})
        self._note(
            repeats=(*self._evidence.repeats, measured),
            harness_ns=(*self._evidence.harness_ns, harness_ns),
            cpu_busy_share=(*self._evidence.cpu_busy_share, busy),
        )

    def settled(self, result: JobResult) -> Any:
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
            "Ask for fewer with --prompt-tokens and --generate-tokens.",
            "prepare",
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
