"""Gathers the evidence for one planned run: prepare, check, compare, measure, each in a process of its own."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.assemble import Evidence, placement_summary
from bench.compile_caches import CompileCaches
from bench.contracts import Artifact, Channel, ModelRequest, OpenRequest
from bench.environment import capture
from bench.errors import OdbError, RunFailure
from bench.host_load import HostLoad
from bench.jobs import (
    Checked,
    CheckJob,
    Converted,
    ConvertJob,
    Failed,
    JudgeJob,
    Measured,
    MeasureJob,
    Prepared,
    PrepareJob,
)
from bench.measure.stopping import emulated_generation_rule, text_generation_rule
from bench.plan import ModelChoice, PlannedRun, settle_scenario
from bench.plugins import Catalog, PluginRef, load
from bench.quality.evaluations import SAMPLE_SECONDS, Evaluations
from bench.quality.options import DatasetAsk
from bench.record import Failure, Scenario
from bench.reference import References
from bench.suite import Suite
from bench.supervisor import STEP_SECONDS, JobResult, run_job
from bench.text_reference import TextReferences

if TYPE_CHECKING:
    import numpy as np


CHECK_INPUTS = 4
"""On how many inputs outputs are compared with the reference, unless the user says otherwise."""


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


class Shared:
    """What one run leaves for the next of the same suite: models made, and reference runs."""

    def __init__(self, catalog: Catalog) -> None:
        self.done: dict[str, JobResult] = {}
        self.references = References(catalog)
        self.text_references = TextReferences(catalog)
        self.evaluations = Evaluations(catalog)


class Gathering:
    """Gathers the evidence for one planned run, step by step, and stops at the first failure."""

    def __init__(
        self,
        bench: Bench,
        run: PlannedRun,
        shared: "Shared",
        say: Callable[[str], None],
    ) -> None:
        self._bench, self._run, self._shared, self._say = bench, run, shared, say
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
        except OdbError as error:
            self._note(failure=Failure("check", "plugin_error", error.message, error.remedy))
        except OSError as error:
            message = f"a temporary file cannot be written or read: {error.strerror}"
            self._note(failure=Failure("start", "runtime_error", message, "Free space in the temporary folder."))
        except KeyboardInterrupt:
            done = len(self._evidence.repeats)
            message = f"interrupted after {done} of {self._run.repeats} repeats"
            self._note(failure=Failure("steady" if done else "start", "interrupted", message, "Run it again."))
        return self._run, self._evidence, self._samples

    def _gather(self) -> None:
        prepared = self._prepare()
        artifact = prepared.artifact
        emulated = self._run.target.device.emulated
        own_prompts = prepared.prompts is not None
        scenario = settle_scenario(self._run.scenario, artifact.task, emulated, own_prompts)
        self._note(artifact=artifact, inputs=prepared.inputs, scenario=scenario)
        if artifact.task not in self._run.target.tasks:
            raise RunFailure(
                "unsupported_task", f"{self._run.target.id} does not run {artifact.task} models", "", "plan"
            )
        if artifact.format not in self._run.target.formats:
            formats = " and ".join(self._run.target.formats)
            message = f"{self._run.target.id} opens {formats}, and {artifact.model_id} is {artifact.format}"
            raise RunFailure("unsupported_format", message, "", "plan")
        request = open_request(artifact, self._run, scenario, prepared)
        opened = self._convert(artifact)
        if opened != artifact:
            self._note(opened=opened)
        request = msgspec.structs.replace(request, artifact=opened)
        caches = CompileCaches(scenario.compile_cache, self._bench.folder)
        asked = self._run.check_inputs or (1 if emulated else len(prepared.checks))
        twin = self._twin()
        self._check(caches.request(request), scenario, prepared, asked, twin)
        caches.demand(self._evidence.checked, self._run.target.id)
        self._judge(request, prepared, twin)
        rule = self._run.rule
        if artifact.task == "text_generation":
            rule = emulated_generation_rule() if emulated else text_generation_rule(rule)
        self._run = msgspec.structs.replace(self._run, rule=rule)
        for index in range(self._run.repeats):
            title = f"repeat {index + 1} of {self._run.repeats}"
            self._say(title)
            self._measure(caches.request(request), scenario, prepared, title)
            caches.proven(self._evidence.repeats[-1].facts.compile_cache)

    def _prepare(self) -> Prepared:
        return self._made(self._run.model)

    def _made(self, choice: ModelChoice) -> Prepared:
        key = repr(choice)
        if key not in self._shared.done:
            self._say("preparing the model")
            ask = choice.ask
            job = PrepareJob(
                self._bench.folder(),
                choice.plugin,
                choice.request(self._run.seed),
                self._bench.cache,
                tuple(f"{name}={path}" if name else path for name, path in ask.inputs.items()),
                ask.preprocessing,
                self._run.check_inputs or CHECK_INPUTS,
                prompt_ids=ask.prompt_ids,
                prompts=ask.prompts,
                dataset=self._dataset(),
            )
            self._shared.done[key] = run_job(job, self._bench.deadline_s())
        event = self._settled(self._shared.done[key])
        assert isinstance(event, Prepared)
        return event

    def _convert(self, artifact: Artifact) -> Artifact:
        """What the target opens instead of ``artifact``, made once a suite."""
        plugin = self._run.target.plugin
        key = f"{plugin.name} of {artifact.format} {artifact.sha256}"
        if artifact.task != "text_generation":
            return artifact
        if key not in self._shared.done:
            self._say("converting the model")
            job = ConvertJob(self._bench.folder(), plugin, artifact)
            self._shared.done[key] = run_job(job, self._bench.deadline_s())
        event = self._settled(self._shared.done[key])
        assert isinstance(event, Converted)
        return event.artifact

    def _dataset(self) -> DatasetAsk | None:
        ask = self._run.model.ask
        return DatasetAsk(Path(ask.dataset), ask.dataset_options, ask.preprocessing) if ask.dataset else None

    def _twin(self) -> Artifact | None:
        """The float model that the user named as the reference, prepared once a suite."""
        source = self._run.model.ask.reference
        if not source:
            return None
        suffix = Path(source).suffix.lower()
        if suffix not in self._bench.catalog.names("models"):
            raise RunFailure("bad_input", f"--reference {Path(source).name}: no plugin takes such files", "", "prepare")
        key = f"reference {source}"
        if key not in self._shared.done:
            plugin = self._bench.catalog.find("models", suffix)
            job = PrepareJob(self._bench.folder(), plugin, ModelRequest(source), self._bench.cache, input_sets=1)
            self._shared.done[key] = run_job(job, self._bench.deadline_s())
        event = self._settled(self._shared.done[key])
        assert isinstance(event, Prepared)
        return event.artifact

    def _check(
        self, request: OpenRequest, scenario: Scenario, prepared: Prepared, inputs: int, twin: Artifact | None
    ) -> None:
        """Placement and outputs, before any time is spent on measuring."""
        self._say("checking placement and outputs")
        feeds = prepared.checks[:inputs]
        job = CheckJob(
            self._bench.folder(), self._run.target.plugin, request, scenario, feeds, self._run.seed, prepared.prompts
        )
        checked = self._settled(run_job(job, self._bench.deadline_s(self._run)))
        assert isinstance(checked, Checked)
        self._note(checked=checked)
        if self._run.strict_placement:
            _demand_placement(checked, request)
        self._say("checking against the reference")
        if checked.text is not None:
            self._compare_text(job, checked, prepared.artifact, twin)
            return
        deadline_s = self._bench.deadline_s(self._run)
        fidelity = self._shared.references.compare(job, checked, deadline_s, self._bench.folder, twin)
        self._note(fidelity=msgspec.structs.replace(fidelity, inputs_source=prepared.check_source))

    def _judge(self, request: OpenRequest, prepared: Prepared, twin: Artifact | None) -> None:
        """How good the answers are on the user's dataset, if there is one."""
        dataset = self._dataset()
        if dataset is None:
            return
        self._say("judging on the dataset")
        run = self._run
        plugins = run.target.plugin, run.model.plugin
        job = JudgeJob(self._bench.folder(), plugins[0], request, dataset, plugins[1], request.artifact)
        deadline_s = self._bench.deadline_s(run) + SAMPLE_SECONDS * prepared.dataset_samples
        self._note(judgement=self._shared.evaluations.judge(job, twin, run.target.id, deadline_s, self._bench.folder))

    def _compare_text(self, job: CheckJob, checked: Checked, artifact: Artifact, named: Artifact | None) -> None:
        """Against the same file on another engine, and against the model's float32 weights where there are such."""
        compare = self._shared.text_references.compare
        with_limits = self._bench.deadline_s(self._run), self._bench.folder
        engine, fidelity = compare("engine", artifact, job, checked, *with_limits)
        self._note(fidelity=fidelity, agreement=(engine,))
        twin = named or self._float32_twin(artifact)
        if twin is not None:
            model, _ = compare("model", twin, job, checked, *with_limits)
            self._note(agreement=(engine, model))

    def _float32_twin(self, artifact: Artifact) -> Artifact | None:
        """The same model with float32 weights, where its plugin makes them."""
        choice = self._run.model
        if artifact.precision == "float32" or "float32" not in load(choice.plugin).precisions:
            return None
        ask = msgspec.structs.replace(choice.ask, precision="float32")
        return self._made(msgspec.structs.replace(choice, ask=ask)).artifact

    def _measure(self, request: OpenRequest, scenario: Scenario, prepared: Prepared, title: str) -> None:
        import numpy as np

        job = MeasureJob(
            self._bench.folder(),
            self._run.target.plugin,
            request,
            scenario,
            self._run.rule,
            prepared.feeds[0] if prepared.feeds else None,
            self._run.seed,
            self._bench.sensors(),
            self._bench.channels,
            self._bench.idle_watts,
            self._bench.root,
            prepared.prompts,
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


def open_request(
    artifact: Artifact, run: PlannedRun, scenario: Scenario, prepared: Prepared | None = None
) -> OpenRequest:
    """What the target is asked to open, the same in every pass of a run."""
    own = prepared.prompt_tokens if prepared is not None else None
    prompt, generate = scenario.prompt_tokens or own or 0, scenario.generate_tokens or 0
    depth, decoder = scenario.depth_tokens or 0, artifact.decoder
    text = prepared is not None and prepared.inputs is not None and prepared.inputs.source == "prompt_text"
    if decoder is not None and depth + prompt + generate > decoder.context_length and not text:
        before = f"{depth} tokens of depth, " if depth else ""
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
        "throughput" if scenario.name == "offline" else "latency",
        prompt,
        min(depth + prompt + generate, decoder.context_length) if decoder is not None else 0,
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
