"""The part of the record that says what was asked for, as data: types only, filled by ``bench.suite.asked``.

``odb run --against`` rebuilds the run from it, from ``plan.target`` and from ``plan.scenario``; the command that
reports show (``plan.command``) is made from the same fields. Files are named without their folders, with their hashes,
by which they are found again.
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
    """``model``: a built-in's name, a file or a folder, as ``kind`` says. What the parts of the plan for the model, the
    target and the scenario contain is not repeated here, except ``lanes``, for which they hold the number that was
    used. Null: left to the model, the runtime or the preset. ``plugins``: names of the plugin files (``--plugin``) that
    the run needs; nothing is loaded because a record names it. ``settings``: those of ``bench.settings`` that were
    given, by their fields. ``chat``: prompts were put into the model's chat template; ``stop``: generations end at an
    end-of-sequence token; ``profile``: the time of each operator is recorded. ``pipeline_inputs``: the
    files that went through a pipeline."""

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
    plugins: tuple[str, ...] = ()
    settings: dict[str, int | float | str] = {}
    chat: bool = False
    stop: bool = False
    profile: bool = False
    pipeline_inputs: NamedFile | None = None
