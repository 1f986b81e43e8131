"""The part of the record that says what was asked for, as data: types only, filled by ``bench.suite.asked``.

``odb run --against`` rebuilds the run from it, from ``plan.target`` and from ``plan.scenario``. Files are named without
their folders, with their hashes, by which they are found again.
"""

from typing import Literal

from bench.contracts import Format
from bench.record.part import Part


class NamedFile(Part, frozen=True):
    """A file or a folder. ``name``: without its folder. ``sha256`` and ``size_bytes`` are those of its bytes; null of a
    folder, and of what could not be read."""

    name: str
    sha256: str | None = None
    size_bytes: int | None = None


class Asked(Part, frozen=True):
    """``model``: a built-in's name, a file or a folder, as ``kind`` says. What the model's, the target's and the
    scenario's own parts of the plan say is not repeated here, but for ``lanes``, of which they hold the best one found.
    Null: left to the model, the runtime or the preset."""

    kind: Literal["built_in", "file", "folder"]
    model: NamedFile
    format: Format | None = None
    precision: str | None = None
    shapes: dict[str, tuple[int, ...]] = {}
    inputs: dict[str, NamedFile] = {}
    preprocessing: str = ""
    prompt_ids: tuple[int, ...] = ()
    prompts: NamedFile | None = None
    dataset: NamedFile | None = None
    dataset_options: str = ""
    reference: NamedFile | None = None
    lanes: int | None = None
    check_inputs: int | None = None
    max_seconds: float | None = None
