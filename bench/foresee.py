"""Which runs of a plan would be refused, before anything is opened.

The user's files are read as a run reads them, and each target is asked whether it takes the model with the given
options. A built-in model is not built for this: its task, format and precision are enough.
"""

from pathlib import Path
from typing import Any

from bench.contracts import Artifact, GraphFacts
from bench.errors import OdbError, RunFailure
from bench.gather import Bench, open_request
from bench.jobs import Failed, ForeseeJob
from bench.making import Making
from bench.plan import OWN_MODELS, PlannedRun, refuse_unfit, settle_scenario
from bench.record import Failure
from bench.supervisor import JobResult, run_job


def foresee(bench: Bench, runs: tuple[PlannedRun, ...]) -> list[Failure | None]:
    """Why each of ``runs`` would be refused; ``None`` where it would not be, or where it is skipped."""
    done: dict[str, JobResult] = {}
    return [None if run.skip else _refusal(bench, run, done) for run in runs]


def _refusal(bench: Bench, run: PlannedRun, done: dict[str, JobResult]) -> Failure | None:
    try:
        _demand(bench, run, done)
    except RunFailure as failure:
        return Failure(failure.phase, failure.kind, failure.message, failure.remedy)
    except OdbError as error:
        return Failure("plan", "plugin_error", error.message, error.remedy)
    return None


def _demand(bench: Bench, run: PlannedRun, done: dict[str, JobResult]) -> None:
    artifact = _stand_in(run)
    if run.model.plugin.name.startswith(OWN_MODELS):
        prepared = Making(bench, run, done, lambda text: None, _settled).prepared()
        artifact = prepared.artifact
        emulated, own_prompts = run.target.device.emulated, prepared.prompts is not None
        scenario = settle_scenario(run.scenario, artifact.task, emulated, own_prompts)
        refuse_unfit(artifact, run.target, scenario)
        open_request(artifact, run, scenario, prepared)
    target = run.target
    key = f"foresee {target.id} {sorted(target.options.items())} {artifact.model_id} {artifact.sha256}"
    if key not in done:
        job = ForeseeJob(bench.folder(), target.plugin, artifact, target.device.name, target.options)
        done[key] = run_job(job, bench.deadline_s())
    _settled(done[key])


def _settled(result: JobResult) -> Any:
    if isinstance(result.event, Failed):
        failure = result.event.failure
        raise RunFailure(failure.kind, failure.message, failure.remedy, failure.phase)
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
