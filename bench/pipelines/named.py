"""What a pipeline says of its stages, for the record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from bench.record.inputs import PipelineInput
from bench.words import Sentence

Does = tuple[Sentence | str, Mapping[str, str]]
"""What a stage does, and the libraries that it does it with: name -> version."""


class Stages(Struct, frozen=True):
    """Of the stages around the network."""

    decode: Does = ("", {})
    preprocess: Does = ("", {})
    postprocess: Does = ("", {})


@runtime_checkable
class ToldPipeline(Protocol):
    """What the ready pipelines offer beyond ``Pipeline``. ``kind``: of ``bench.scenarios.kinds.PIPELINES``, once the
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
