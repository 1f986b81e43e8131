"""The part of the record that says what was fed."""

from typing import Literal

from bench.record_part import Part


class FedInput(Part, frozen=True):
    """One input of the graph. ``source``: ``seeded`` where nobody gave it. ``values``: what they are, in words.
    ``decides_work``: its values decide how much the graph does, as a length, a number of steps or a branch does.
    ``rows``: of the table that it picks rows from, where the graph tells."""

    name: str
    dtype: str
    source: Literal["seeded", "file", "image"]
    values: str = ""
    decides_work: bool = False
    rows: int | None = None


class InputFacts(Part, frozen=True):
    """The tensors that were fed. ``source``: ``seeded``, ``file``, ``image``; ``partly seeded`` where some inputs were
    given and the rest made up; ``sha256`` covers their bytes. Of a language model the user's prompts: ``prompt_ids`` or
    ``prompt_text``, as given. ``fed``: one entry an input."""

    source: str
    sha256: str
    shapes: dict[str, tuple[int, ...]]
    preprocessing: str = ""
    fed: tuple[FedInput, ...] = ()
