"""The float models that a run's artifact is compared with: the one that the user named, and its own float32 weights."""

from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Artifact, ModelRequest
from bench.errors import RunFailure
from bench.inputs.prepared import InputsAsked
from bench.jobs import Runner
from bench.passes.prepare import PrepareJob, made
from bench.plugins import load
from bench.reading import is_folder
from bench.suite.plan import FOLDER, PlannedRun
from bench.words import sentence


def named_twin(run: PlannedRun, artifact: Artifact, jobs: Runner) -> Artifact | None:
    """The float model that the user named as the reference of ``artifact``, of the same task."""
    source = run.model.ask.reference
    if not source:
        return None
    taker = FOLDER if is_folder(Path(source)) else Path(source).suffix.lower()
    if taker not in jobs.catalog.names("models"):
        raise RunFailure("bad_input", sentence("run.reference_not_taken", file=Path(source).name), "", "prepare")
    job = PrepareJob(
        jobs.catalog.find("models", taker),
        request=ModelRequest(source),
        cache=jobs.cache,
        inputs=InputsAsked(sets=1),
    )
    twin = jobs.settled(jobs.once(PrepareJob, repr(job), lambda: job, says=sentence("run.preparing_model"))).artifact
    if twin.task != artifact.task:
        code = (
            "run.reference_not_a_language_model"
            if artifact.task == "text_generation"
            else "run.reference_not_of_tensors"
        )
        raise RunFailure(
            "bad_input",
            sentence(code, file=Path(source).name, model_id=artifact.model_id),
            sentence("run.name_reference_of_model"),
            "prepare",
        )
    return twin


def float32_twin(run: PlannedRun, artifact: Artifact, jobs: Runner) -> Artifact | None:
    """The same model with float32 weights, where its plugin makes them, or made this artifact from a source."""
    choice = run.model
    made_here = artifact.source is not None or "float32" in load(choice.plugin).precisions
    if artifact.precision == "float32" or not made_here:
        return None
    ask = replace(choice.ask, precision="float32")
    return made(run, replace(choice, ask=ask), jobs).artifact
