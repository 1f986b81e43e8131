"""Makes what one run opens: the model's artifact, the target's own form of it, the float models it is held against.

Each is made once a suite, in a process of its own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.contracts import Artifact, ConvertingTarget, ModelRequest, NamingTarget
from bench.errors import OdbError, RunFailure
from bench.jobs import Converted, ConvertJob, ForeseeJob, Prepared, PrepareJob
from bench.plugins import load
from bench.process.supervisor import JobResult, run_job
from bench.suite.dataset_options import DatasetAsk
from bench.suite.plan import ModelChoice, PlannedRun

if TYPE_CHECKING:
    from bench.run.workbench import Bench


CHECK_INPUTS = 4  # that outputs are compared on, unless asked otherwise


class Making:
    """``done``: what was made before, by a key of its own. ``settled``: the event of a job that went well, else raises
    ``RunFailure``."""

    def __init__(
        self,
        bench: "Bench",
        run: PlannedRun,
        done: dict[str, JobResult],
        say: Callable[[str], None],
        settled: Callable[[JobResult], Any],
    ) -> None:
        self._bench, self._run, self._done, self._say, self._settled = bench, run, done, say, settled

    def prepared(self) -> Prepared:
        """The model that was asked for, and its inputs."""
        return self._made(self._run.model)

    def converted(self, artifact: Artifact) -> Artifact:
        """What the target opens instead of ``artifact``."""
        plugin = self._run.target.plugin
        key = f"{plugin.python} {plugin.name} of {artifact.format} {artifact.sha256} {sorted(artifact.shapes.items())}"
        if not self.converts(artifact):
            return artifact
        self.foresee(artifact)
        if key not in self._done:
            self._say("converting the model")
            job = ConvertJob(self._bench.folder(), plugin, artifact)
            self._done[key] = run_job(job, self._bench.deadline_s())
        event = self._settled(self._done[key])
        assert isinstance(event, Converted)
        return event.artifact

    def converts(self, artifact: Artifact) -> bool:
        """Whether the target opens ``artifact`` only in a form of its own."""
        target = load(self._run.target.plugin)
        return isinstance(target, ConvertingTarget) and target.converts(artifact)

    def foresee(self, artifact: Artifact) -> None:
        """Raises ``RunFailure`` for a model that the target does not take with its options."""
        target = self._run.target
        key = f"foresee {target.plugin.python} {target.id} {sorted(target.options.items())} {artifact.model_id} "
        key += artifact.sha256
        if key not in self._done:
            job = ForeseeJob(self._bench.folder(), target.plugin, artifact, target.device.name, target.options)
            self._done[key] = run_job(job, self._bench.deadline_s())
        self._settled(self._done[key])

    def dataset(self) -> DatasetAsk | None:
        """The user's labelled samples."""
        ask = self._run.model.ask
        return DatasetAsk(Path(ask.dataset), ask.dataset_options, ask.preprocessing) if ask.dataset else None

    def named_twin(self, artifact: Artifact) -> Artifact | None:
        """The float model that the user named as the reference of ``artifact``, of the same task."""
        source = self._run.model.ask.reference
        if not source:
            return None
        suffix = Path(source).suffix.lower()
        if suffix not in self._bench.catalog.names("models"):
            raise RunFailure("bad_input", f"--reference {Path(source).name}: no plugin takes such files", "", "prepare")
        key = f"reference {source}"
        if key not in self._done:
            plugin = self._bench.catalog.find("models", suffix)
            job = PrepareJob(self._bench.folder(), plugin, ModelRequest(source), self._bench.cache, input_sets=1)
            self._done[key] = run_job(job, self._bench.deadline_s())
        event = self._settled(self._done[key])
        assert isinstance(event, Prepared)
        if event.artifact.task != artifact.task:
            what = "a language model" if artifact.task == "text_generation" else "a model of tensors"
            raise RunFailure(
                "bad_input",
                f"--reference {Path(source).name}: is not {what}, as {artifact.model_id} is",
                "Name the reference of one model as MODEL:FILE.",
                "prepare",
            )
        return event.artifact

    def float32_twin(self, artifact: Artifact) -> Artifact | None:
        """The same model with float32 weights, where its plugin makes them."""
        choice = self._run.model
        if artifact.precision == "float32" or "float32" not in load(choice.plugin).precisions:
            return None
        ask = msgspec.structs.replace(choice.ask, precision="float32")
        return self._made(msgspec.structs.replace(choice, ask=ask)).artifact

    def _made(self, choice: ModelChoice) -> Prepared:
        key = repr(choice)
        if key not in self._done:
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
                dataset=self.dataset(),
            )
            self._done[key] = run_job(job, self._bench.deadline_s())
        event = self._settled(self._done[key])
        assert isinstance(event, Prepared)
        return event


def device_name(run: PlannedRun, artifact: Artifact | None = None) -> str:
    """The name of the device, where the target knows it before it opens a model; else empty. ``artifact``: the model,
    once it has been read."""
    asked = run.target
    try:
        target = load(asked.plugin)
        return target.name_of(asked.device.name, asked.options, artifact) if isinstance(target, NamingTarget) else ""
    except OdbError:  # the run reports what is wrong
        return ""
