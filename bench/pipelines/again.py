"""The inputs of a pipeline that is measured again: a folder is found by its name, and has no hash of its own."""

from pathlib import Path

from bench.errors import InputError
from bench.pipelines.asked import AUTO, PipelineAsk, every_file, files_of, most_inputs, sha256_of_inputs
from bench.quality.coco import ANCHORS
from bench.reading import is_file
from bench.record.record import Record
from bench.scenarios.staged import TEXT
from bench.suite.built_in_datasets import dataset_folder
from bench.suite.dataset_options import parse_options
from bench.suite.suite import ModelAsk, Suite
from bench.words import sentence


def piped_files(place: Path, record: Record) -> tuple[Path, ...]:
    """The files in the folder ``place`` that the pipeline of ``record`` may take, and the anchors that its options
    name; of a file that one. Raises ``InputError`` where there is none."""
    ask = _ask_of(record, place, labelled=False)
    named = [place / ANCHORS] if parse_options(ask.options).anchors == ANCHORS and place.is_dir() else []
    return (*every_file(ask), *(file for file in named if is_file(file)))


def went_through(place: Path, record: Record) -> bool:
    """Whether the files in ``place``, of a dataset where the record was fed from one, are those that went through the
    pipeline of ``record``. Raises ``InputError`` where there is none."""
    asked = record.plan.asked
    return _same(_ask_of(record, place, labelled=asked is None or asked.pipeline_inputs is None), record)


def refuse_other_inputs(record: Record, suite: Suite) -> None:
    """Raise ``InputError`` where the only model of ``suite``, made of ``record``, is fed other files than those that
    passed through the record's pipeline. What the record does not say, or the user replaces, is not checked."""
    facts, (model,) = record.plan.pipeline, suite.models
    if facts is not None and not fed_alike(record, model):
        told = sentence("pipeline.other_inputs", folder=model.pipeline_inputs or model.dataset, files=facts.files)
        raise InputError(told, sentence("pipeline.other_inputs.remedy"))


def fed_alike(record: Record, model: ModelAsk) -> bool:
    """Whether ``model`` is fed the files that passed through the pipeline of ``record``; so is one that is fed none.
    Raises ``InputError`` where there is no file."""
    if not model.pipeline_inputs and not model.dataset:
        return True
    ask = PipelineAsk(
        kind=_kind(record),
        folder=Path(model.pipeline_inputs) if model.pipeline_inputs else dataset_folder(model.dataset),
        labelled=not model.pipeline_inputs,
        preprocessing=model.preprocessing,
        options=model.dataset_options,
        most=most_inputs(record.plan.scenario),
    )
    return _same(ask, record)


def _ask_of(record: Record, place: Path, *, labelled: bool) -> PipelineAsk:
    asked = record.plan.asked
    return PipelineAsk(
        kind=_kind(record),
        folder=place,
        labelled=labelled,
        preprocessing="" if asked is None else asked.preprocessing,
        options="" if asked is None else asked.dataset_options,
        most=most_inputs(record.plan.scenario),
    )


def _kind(record: Record) -> str:
    """A language model takes lines of text, whatever else is in the folder."""
    if record.plan.model.task == "text_generation":
        return TEXT
    return str(record.plan.scenario.own_parameters.get("pipeline", AUTO))


def _same(ask: PipelineAsk, record: Record) -> bool:
    facts = record.plan.pipeline
    if facts is None:
        return True
    left = {one.file for one in facts.not_taken}
    return sha256_of_inputs(tuple(file for file in files_of(ask) if file.name not in left)) == facts.sha256
