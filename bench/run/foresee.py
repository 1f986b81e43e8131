"""Which runs of a plan would be refused, before anything is opened.

The user's files are read as a run reads them, and each target is asked whether it takes the model with the given
options. A built-in model is not built for this: its task, format and precision are enough.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench.contracts import Artifact, GraphFacts
from bench.errors import OdbError, RunFailure
from bench.jobs import Failed, Prepared
from bench.process.supervisor import JobResult
from bench.record.record import Failure
from bench.run.artifacts import Making
from bench.run.one_run import open_request
from bench.run.workbench import Bench
from bench.suite.plan import OWN_MODELS, PlannedRun, refuse_unfit, settle_scenario


class Foreseen(Struct, frozen=True):
    """What is known of one run. ``failure``: why it would be refused; ``None`` where it would not be.
    ``artifact``: the user's own model as it was read; ``None`` of a built-in, and where it could not be read."""

    failure: Failure | None = None
    artifact: Artifact | None = None


def foresee(bench: Bench, runs: Sequence[PlannedRun]) -> list[Failure | None]:
    """Why each of ``runs`` would be refused; ``None`` where it would not be, or where it is skipped."""
    done: dict[str, JobResult] = {}
    return [foresee_one(bench, run, done).failure for run in runs]


def foresee_one(bench: Bench, run: PlannedRun, done: dict[str, JobResult]) -> Foreseen:
    """What is known of ``run``; nothing of one that is skipped. ``done``: what was read and asked before."""
    if run.skip is not None:
        return Foreseen()
    artifact = None
    try:
        making = Making(bench, run, done, lambda text: None, _settled)
        if run.model.plugin.name.startswith(OWN_MODELS):
            prepared = making.prepared()
            artifact = prepared.artifact
            _refuse_unfit(run, prepared)
        making.foresee(artifact or _stand_in(run))
    except RunFailure as failure:
        return Foreseen(Failure(failure.phase, failure.kind, failure.sentence, failure.advice), artifact)
    except OdbError as error:
        return Foreseen(Failure("plan", "plugin_error", error.sentence, error.advice), artifact)
    return Foreseen(None, artifact)


def _refuse_unfit(run: PlannedRun, prepared: Prepared) -> None:
    """Raises ``RunFailure`` for a model that the target does not open, or that does not fit the scenario."""
    artifact = prepared.artifact
    emulated, own_prompts = run.target.device.emulated, prepared.prompts is not None
    scenario = settle_scenario(run.scenario, artifact.task, emulated, own_prompts)
    refuse_unfit(artifact, run.target, scenario)
    open_request(artifact, run, scenario, prepared)


def _settled(result: JobResult) -> Any:
    if isinstance(result.event, Failed):
        failure = result.event.failure
        raise RunFailure(failure.kind, failure.sentence, failure.advice, failure.phase)
    return result.event


def _stand_in(run: PlannedRun) -> Artifact:
    """What is known of a built-in model that has not been built."""
    choice = run.model
    path = Path(f"{choice.id}.onnx")
    return Artifact(
        model_id=choice.id,
        task=choice.task,
        format=choice.formats[0],
        precision=choice.ask.precision or "float32",
        path=path,
        files=(path,),
        sha256=repr(choice.ask),
        size_bytes=0,
        facts=GraphFacts((), ()),
        shapes={},
    )
