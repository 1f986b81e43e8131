"""Gathers the evidence for one planned run: prepare, check, compare, measure, each in a process of its own."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.analysis.repeats import Seen, ended, in_time, left_ns, seen_of, set_aside, why_more
from bench.contracts import Artifact, OpenRequest, Scenario
from bench.errors import OdbError, RunFailure
from bench.jobs import Checked, CheckJob, Failed, JudgeJob, Measured, MeasureJob, Prepared, Recalled, RecallJob
from bench.machine.environment import capture
from bench.machine.load import HostLoad
from bench.plugins import Catalog
from bench.printable import counted
from bench.process.supervisor import JobResult, run_job
from bench.quality.texts import WINDOW
from bench.record.evidence import RepeatedInput, RepeatRule
from bench.record.inputs import made_up_controls
from bench.record.record import Failure
from bench.run.artifacts import Making, device_name
from bench.run.assemble import Evidence, demand_placement
from bench.run.cache_pass import cache_of
from bench.run.compile_caches import CompileCaches
from bench.run.quality import SAMPLE_SECONDS, Evaluations
from bench.run.references import References
from bench.run.text_references import TextReferences
from bench.run.workbench import Bench
from bench.scenarios import kind_of
from bench.store.records import new_record_id
from bench.suite.plan import PlannedRun, refuse_unfit, settle_scenario
from bench.suite.presets import emulated_generation_rule, text_generation_rule
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np


class Shared:
    """What one run leaves for the next of the same suite: models made, and reference runs."""

    def __init__(self, catalog: Catalog) -> None:
        self.done: dict[str, JobResult] = {}
        self.references = References(catalog)
        self.text_references = TextReferences(catalog)
        self.evaluations = Evaluations(catalog)


class Opening(Struct, frozen=True):
    """What every repeat of a run opens and is fed."""

    request: OpenRequest
    scenario: Scenario
    prepared: Prepared
    caches: CompileCaches


class Gathering:
    """Gathers the evidence for one planned run, step by step, and stops at the first failure.

    ``prepare``, then ``measure`` until it ``has_ended``; others may be measured in between. Samples stay on disk until
    the run is taken as ``left``.
    """

    def __init__(self, bench: Bench, run: PlannedRun, shared: Shared, say: Callable[[str], None]) -> None:
        self._bench, self._run, self._shared, self._say = bench, run, shared, say
        self._making = Making(bench, run, shared.done, say, self.settled)
        began = datetime.now(UTC)
        record_id = new_record_id(run.model.id, run.target.id, began)
        self._evidence = Evidence(capture(bench.root), channels=bench.channels, began_utc=began, record_id=record_id)
        self._note(device_name=device_name(run))
        self._samples: list[Path] = []
        self._seen: list[Seen] = []
        self._opening: Opening | None = None

    @property
    def run(self) -> PlannedRun:
        """The run as it is carried out."""
        return self._run

    @property
    def evidence(self) -> Evidence:
        """What there is so far."""
        return self._evidence

    def prepare(self) -> bool:
        """All that comes before measuring. Whether there is something to measure; if not, the failure is noted."""
        if self._run.skip is not None:
            self._note(failure=self._run.skip)
            return False
        return self.attempt(self._prepare_and_check)

    def measure(self) -> bool:
        """One repeat more. Whether it went well."""
        return self.attempt(self._measure_one)

    def has_ended(self, nothing_spare: bool = True) -> bool:
        """Whether there is nothing more to measure: the run failed, or needs no further repeat. Why is noted.
        ``nothing_spare``: the other runs of the suite have left no time for it."""
        if self._evidence.failure is None:
            self._note(repeats_ended=ended(self._rule, self._seen, self._run.rule.precision, nothing_spare))
        return self._evidence.failure is not None or self._evidence.repeats_ended is not None

    def in_time(self) -> bool:
        """Whether the next repeat is within the run's own time."""
        return in_time(self._rule, self._seen)

    def left_ns(self) -> int:
        """What the repeats so far have left of the run's own time; negative where they took more."""
        return left_ns(self._rule, self._seen)

    def left(self) -> "tuple[PlannedRun, Evidence, list[dict[str, np.ndarray[Any, Any]]]]":
        """The run as it was carried out, and all that it left so far."""
        import numpy as np

        samples = []
        for file in self._samples:
            with np.load(file, allow_pickle=False) as archive:
                samples.append({role: archive[role] for role in archive.files})
        self._note(set_aside=set_aside(self._run.repeat_rule, [seen.disturbed for seen in self._seen]))
        return self._run, self._evidence, samples

    def unfinished(self) -> "tuple[PlannedRun, Evidence, list[dict[str, np.ndarray[Any, Any]]]]":
        """As ``left``, if the run were interrupted now."""
        run, evidence, samples = self.left()
        return run, msgspec.structs.replace(evidence, failure=interrupted(len(evidence.repeats), run)), samples

    @property
    def _rule(self) -> RepeatRule:
        return self._run.repeat_rule or RepeatRule(self._run.repeats, self._run.repeats)

    def attempt(self, step: Callable[[], None]) -> bool:
        """Do ``step``; whether it went well. How it failed is noted."""
        try:
            step()
        except RunFailure as failure:
            made_up = made_up_controls(self._evidence.inputs) if failure.kind == "runtime_error" else ""
            remedy = sentence("text.sentences", parts=[one for one in (made_up, failure.advice) if one])
            self._note(failure=Failure(failure.phase, failure.kind, failure.sentence, remedy))
        except OdbError as error:
            self._note(failure=Failure("check", "plugin_error", error.sentence, error.advice))
        except OSError as error:
            message = f"a temporary file cannot be written or read: {error.strerror}"
            self._note(failure=Failure("start", "runtime_error", message, "Free space in the temporary folder."))
        except KeyboardInterrupt:
            done = len(self._evidence.repeats)
            self._note(failure=interrupted(done, self._run))
        return self._evidence.failure is None

    def _prepare_and_check(self) -> None:
        prepared = self._making.prepared()
        artifact, target = prepared.artifact, self._run.target
        emulated, text = target.device.emulated, artifact.task == "text_generation"
        scenario = settle_scenario(self._run.scenario, artifact.task, emulated, prepared.prompts is not None)
        name = device_name(self._run, artifact)
        self._note(artifact=artifact, inputs=prepared.inputs, scenario=scenario, device_name=name)
        refuse_unfit(artifact, target, scenario)
        request = open_request(artifact, self._run, scenario, prepared)
        opened = self._making.converted(artifact)
        if opened != artifact:
            self._note(opened=opened)
        request = msgspec.structs.replace(request, artifact=opened)
        caches = CompileCaches(scenario.compile_cache, self._bench.folder)
        self._check(caches.request(request), scenario, prepared)
        caches.demand(self._evidence.checked, target.id)
        self._judge(caches.request(request), prepared)
        rule = self._run.rule
        if text:
            rule = emulated_generation_rule() if emulated else text_generation_rule(rule)
        self._run = msgspec.structs.replace(self._run, rule=rule)
        self._opening = Opening(request, scenario, prepared, caches)
        if not emulated:
            self._recall(self._opening)
        if artifact.decoder is not None:
            self._say("observing the KV cache")
            self._note(kv_cache=cache_of(artifact.decoder, request, target, self._bench.folder, self.deadline_s()))

    def _measure_one(self) -> None:
        before, job = HostLoad.now(), self.measure_job()
        result = run_job(job, self.deadline_s(), self._phase_of(self._title()))
        measured = self.settled(result)
        assert isinstance(measured, Measured)
        busy = HostLoad.now().busy_share_of_others(before, measured.cpu_seconds)
        self.keep(job, measured, result.wall_ns - measured.runtime_ns, busy, took_ns=result.wall_ns)

    def _title(self) -> str:
        """Which repeat is measured, and why, where it is one beyond the fewest."""
        number, rule = len(self._seen) + 1, self._rule
        why = why_more(rule, self._seen, self._run.rule.precision)
        return f"repeat {number}, at most {rule.most} ({why})" if why else f"repeat {number} of {rule.fewest}"

    def _phase_of(self, title: str) -> Callable[[str], None]:
        self._say(title)
        return lambda phase: self._say(f"{title}, {phase}")

    def fail(self, failure: Failure) -> None:
        """End the run for a reason that lies elsewhere."""
        self._note(failure=failure)

    def _check(self, request: OpenRequest, scenario: Scenario, prepared: Prepared) -> None:
        """Placement and outputs, before any time is spent on measuring."""
        self._say("checking placement and outputs")
        run, deadline_s, folder = self._run, self._bench.deadline_s(self._run), self._bench.folder
        inputs = run.check_inputs or (1 if run.target.device.emulated else len(prepared.checks))
        feeds = prepared.checks[:inputs]
        job = CheckJob(folder(), run.target.plugin, request, scenario, feeds, run.seed, prepared.prompts)
        foreseen = self._making.converts(prepared.artifact)
        job = msgspec.structs.replace(job, emulated=run.target.device.emulated, foreseen=foreseen)
        checked = self.settled(run_job(job, deadline_s))
        assert isinstance(checked, Checked)
        self._note(checked=checked)
        if run.strict_placement:
            demand_placement(checked, request)
        self._say("checking against the reference")
        if checked.text is not None:
            self._compare_text(job, checked, prepared.artifact)
            return
        of_model = msgspec.structs.replace(job, request=msgspec.structs.replace(request, artifact=prepared.artifact))
        fidelity = self._shared.references.compare(
            of_model, checked, deadline_s, folder, self._making.named_twin(prepared.artifact)
        )
        self._note(fidelity=msgspec.structs.replace(fidelity, inputs_source=prepared.check_source))

    def _compare_text(self, job: CheckJob, checked: Checked, artifact: Artifact) -> None:
        """Against the same file on another engine, and against the model's float32 weights where there are such."""
        compare = self._shared.text_references.compare
        with_limits = self._bench.deadline_s(self._run), self._bench.folder
        engine, fidelity = compare("engine", artifact, job, checked, *with_limits)
        self._note(fidelity=fidelity, agreement=(engine,))
        twin = self._making.named_twin(artifact) or self._making.float32_twin(artifact)
        if twin is not None:
            model, _ = compare("model", twin, job, checked, *with_limits)
            self._note(agreement=(engine, model))

    def _judge(self, request: OpenRequest, prepared: Prepared) -> None:
        """How good the answers are on the user's dataset, if there is one."""
        dataset = self._making.dataset()
        if dataset is None:
            return
        self._say("judging on the dataset")
        run, artifact = self._run, prepared.artifact
        twin = self._making.named_twin(artifact)
        if artifact.decoder is not None:
            twin = twin or self._making.float32_twin(artifact)
            window = min(WINDOW, artifact.decoder.context_length)
            request = msgspec.structs.replace(request, prompt_tokens=window // 2, decode_context=window)
        plugins = run.target.plugin, run.model.plugin
        job = JudgeJob(self._bench.folder(), plugins[0], request, dataset, plugins[1], artifact, foreseen=True)
        deadline_s = self._bench.deadline_s(run) + SAMPLE_SECONDS * prepared.dataset_samples
        judgement = self._shared.evaluations.judge(
            job, twin, run.target.id, deadline_s, self._bench.folder, self.settled
        )
        self._note(judgement=judgement)

    def _recall(self, opening: Opening) -> None:
        """Whether a cache answers. That this cannot be tried is no reason not to measure."""
        self._say("checking for cached results")
        feeds = opening.prepared.feeds[0] if opening.prepared.feeds else None
        folder, plugin = self._bench.folder(), self._run.target.plugin
        job = RecallJob(
            folder, plugin, opening.caches.request(opening.request), opening.scenario, feeds, self._run.seed
        )
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
            opening.caches.request(opening.request),
            opening.scenario,
            self._run.rule,
            opening.prepared.feeds[0] if opening.prepared.feeds else None,
            self._run.seed,
            bench.sensors(),
            tuple(c for c in bench.channels if not in_turns or c.kind == "power"),
            bench.idle_watts,
            bench.root,
            opening.prepared.prompts,
            in_turns,
            self._run.player,
        )

    def deadline_s(self) -> float:
        """How long the next repeat may take."""
        return self._bench.deadline_s(self._run)

    def keep(
        self, job: MeasureJob, measured: Measured, harness_ns: int | None, busy: float | None, took_ns: int = 0
    ) -> None:
        """Take in what a repeat left. ``took_ns``: from spawn to exit, where the run's time is limited."""
        import numpy as np

        assert self._opening is not None
        self._opening.caches.proven(measured.facts.compile_cache)
        file, rules = job.folder / "samples.npz", (self._run.rule, self._rule)
        with np.load(file, allow_pickle=False) as archive:
            arrays = {role: archive[role] for role in archive.files}
        self._samples.append(file)
        self._seen.append(seen_of(measured.repeat, arrays, self._opening.scenario, rules, busy, took_ns=took_ns))
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


def interrupted(done: int, run: PlannedRun) -> Failure:
    """How a run ends that Ctrl-C ended after so many repeats."""
    fixed = run.repeat_rule is None or run.repeat_rule.budget_ns is None
    message = f"interrupted after {done} of {'' if fixed else 'at least '}{counted(run.repeats, 'repeat')}"
    return Failure("steady" if done else "start", "interrupted", message, "Run it again.")


def open_request(
    artifact: Artifact, run: PlannedRun, scenario: Scenario, prepared: Prepared | None = None
) -> OpenRequest:
    """What the target is asked to open, the same in every pass of a run."""
    own = prepared.prompt_tokens if prepared is not None else None
    prompt, generate = scenario.prompt_tokens or own or 0, scenario.generate_tokens or 0
    depth, decoder = scenario.depth_tokens or 0, artifact.decoder
    text = prepared is not None and prepared.inputs is not None and prepared.inputs.source == "prompt_text"
    if decoder is not None and depth + prompt + generate > decoder.context_length and not text:
        before = f"{counted(depth, 'token')} of depth, " if depth else ""
        raise RunFailure(
            "bad_input",
            f"{before}{prompt} prompt and {generate} generated tokens do not fit the context of "
            f"{decoder.context_length} that {artifact.model_id} has",
            "Ask for fewer with --prompt-tokens, --generate-tokens and --depth.",
            "prepare",
        )
    return OpenRequest(
        artifact,
        run.target.device.name,
        run.target.options,
        kind_of(scenario).intent,
        prompt,
        min(depth + prompt + generate, decoder.context_length) if decoder is not None else 0,
        strict=run.strict_placement,
    )
