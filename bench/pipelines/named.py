"""What a pipeline says of its stages, for the record."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct

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
