"""The inputs of a pipeline that is measured again: a folder is found by its name, and has no hash of its own."""

from pathlib import Path

from bench.errors import InputError
from bench.pipelines.asked import AUTO, PipelineAsk, files_of, most_inputs, sha256_of_inputs
from bench.record.record import Record
from bench.suite.suite import Suite
from bench.words import sentence


def refuse_other_inputs(record: Record, suite: Suite) -> None:
    """Raise ``InputError`` where the only model of ``suite``, made of ``record``, is fed other files than those that
    passed through the record's pipeline. What the record does not say, or the user replaces, is not checked."""
    facts, (model,) = record.plan.pipeline, suite.models
    place = model.pipeline_inputs or model.dataset
    if facts is None or not place:
        return
    ask = PipelineAsk(
        kind=str(record.plan.scenario.own_parameters.get("pipeline", AUTO)),
        folder=Path(place),
        labelled=not model.pipeline_inputs,
        preprocessing=model.preprocessing,
        options=model.dataset_options,
        most=most_inputs(record.plan.scenario),
    )
    left = {one.file for one in facts.not_taken}
    taken = tuple(file for file in files_of(ask) if file.name not in left)
    if sha256_of_inputs(taken) != facts.sha256:
        told = sentence("pipeline.other_inputs", folder=place, files=facts.files)
        raise InputError(told, sentence("pipeline.other_inputs.remedy"))
