"""Which runs of a plan would be refused, before anything is opened.

The user's files are read as a run reads them, and each target is asked whether it takes the model with the given
options. A model that can be described is not built for this; of another plugin's built-in, task, format and precision
are enough.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from bench.contracts import Artifact, Describable, GraphFacts
from bench.errors import InputError, OdbError, RunFailure
from bench.execution.runner import JobRunner, Memo
from bench.execution.untimed import demand_prompts, open_request, settled_scenario
from bench.execution.workbench import Bench
from bench.inputs.prepared import Prepared
from bench.passes.foresee import ask
from bench.passes.prepare import inputs_asked, made, refuse_prompts
from bench.plugins import load
from bench.record.inputs import InputFacts
from bench.record.record import Failure
from bench.suite.fitness import refuse_unfit
from bench.suite.plan import OWN_MODELS, PlannedRun


class Foreseen(Struct, frozen=True):
    """What is known of one run. ``failure``: why it would be refused; ``None`` where it would not be.
    ``artifact``: the user's own model as it was read, or described; ``None`` of a built-in, and where it could not be
    read. ``inputs``: what it would be fed, where that is known. ``tokens_unknown``: whether only the engine's own
    tokenizer can tell how many tokens the prompts or the texts of the dataset have."""

    failure: Failure | None = None
    artifact: Artifact | None = None
    inputs: InputFacts | None = None
    tokens_unknown: bool = False


def foresee(bench: Bench, runs: Sequence[PlannedRun]) -> list[Foreseen]:
    """What is known of each of ``runs``."""
    memo: Memo = {}
    return [foresee_one(bench, run, memo) for run in runs]


def foresee_one(bench: Bench, run: PlannedRun, memo: Memo) -> Foreseen:
    """What is known of ``run``; nothing of one that is skipped. ``memo``: what was read and asked before."""
    if run.skip is not None:
        return Foreseen()
    artifact, inputs, own = None, None, run.model.plugin.name.startswith(OWN_MODELS)
    try:
        jobs = JobRunner(bench, memo, lambda: bench.deadline_s(run))
        if own or isinstance(load(run.model.plugin), Describable):
            prepared = made(run, run.model, jobs, build=False)
            artifact, inputs = prepared.artifact if own else None, prepared.inputs
        else:
            prepared = Prepared(artifact=_stand_in(run))
            if prepared.artifact.task == "tensor":
                refuse_prompts(inputs_asked(run, run.model), run.model.id)
        _refuse_unfit(run, prepared)
        ask(run.target, prepared.artifact, jobs)
    except RunFailure as failure:
        return Foreseen(Failure(failure.phase, failure.kind, failure.sentence, failure.advice), artifact)
    except InputError as error:
        return Foreseen(Failure("prepare", "bad_input", error.sentence, error.advice), artifact)
    except OdbError as error:
        return Foreseen(Failure("plan", "plugin_error", error.sentence, error.advice), artifact)
    return Foreseen(None, artifact, inputs, (prepared.counted.failure or prepared.no_texts) is not None)


def _refuse_unfit(run: PlannedRun, prepared: Prepared) -> None:
    """Raises ``RunFailure`` for a model that the target does not open, or that does not fit the scenario or the
    prompts."""
    artifact, scenario = prepared.artifact, settled_scenario(run, prepared)
    refuse_unfit(artifact, run.target, scenario)
    demand_prompts(run, prepared, scenario)
    open_request(artifact, run, scenario, prepared)


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
