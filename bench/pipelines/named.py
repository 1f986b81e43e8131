"""What a pipeline says of its stages, for the record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from bench.contracts import STAGES
from bench.pipelines.asked import PipelineOpening, every_file, sha256_of_inputs
from bench.record.inputs import PipelineFacts, PipelineInput, PipelineStage
from bench.words import Sentence, sentence

Does = tuple[Sentence | str, Mapping[str, str]]
"""What a stage does, and the libraries that it does it with: name -> version."""


class Stages(Struct, frozen=True):
    """Of each stage; ``infer`` of one query of tensors unless it is said."""

    decode: Does = ("", {})
    preprocess: Does = ("", {})
    postprocess: Does = ("", {})
    infer: Does = (sentence("pipeline.does.infer"), {})


@runtime_checkable
class ToldPipeline(Protocol):
    """What the ready pipelines offer beyond ``Pipeline``. ``kind``: of ``bench.scenarios.staged.PIPELINES``, once the
    first answer has been given."""

    kind: str

    def stages(self) -> Stages: ...


@runtime_checkable
class PartOfFile(Protocol):
    """An input that is a part of a file. ``place``: where in it, in a few characters."""

    @property
    def file(self) -> Path: ...

    @property
    def place(self) -> str: ...


def input_facts(item: object, number: int) -> PipelineInput:
    """What an input is called, by its file where it has one, and the size of a file."""
    if isinstance(item, Path):
        return PipelineInput(item.name, item.stat().st_size)
    if isinstance(item, PartOfFile):
        return PipelineInput(f"{item.file.name} {item.place}")
    return PipelineInput(str(number))


def facts_of(
    asked: PipelineOpening, kind: str, stages: Stages, items: Sequence[object], found: int, *, bound_each: bool = False
) -> PipelineFacts:
    """What the record says of a pipeline whose passes take ``items``, of as many as were ``found`` in its files."""
    told = [(name, *getattr(stages, name)) for name in STAGES]
    return PipelineFacts(
        kind=kind,
        stages=tuple(PipelineStage(name, words, dict(by)) for name, words, by in told),
        inputs=len(items),
        inputs_found=found,
        files=len(asked.files),
        files_found=len(every_file(asked.ask)),
        each=tuple(input_facts(item, number) for number, item in enumerate(items, 1)),
        sha256=sha256_of_inputs(asked.files),
        bound_each=bound_each,
    )
