"""Which models and inputs the form names: their files, or only their hashes where the files are not in the bundle."""

from typing import Literal

from msgspec import Struct

from bench.submission.form import SubmittedModel


class PackedFile(Struct, frozen=True, forbid_unknown_fields=True):
    """``name``: relative to ``data``."""

    name: str
    size_bytes: int
    sha256: str


class PackedModel(Struct, frozen=True, forbid_unknown_fields=True):
    """A model of the form. ``files``: in the order in which ``sha256`` covers their contents, as records have it;
    ``packed``: whether they are in the bundle. A ``built_in`` is made by the program and has no files; ``missing``: the
    form names a file that was not there. ``beside``: what lies beside a language model's file and is read with it, such
    as its tokenizer, which ``sha256`` does not cover. ``reference``: the file to open of the model that it is compared
    with; ``reference_beside``: the other files of that."""

    id: str
    kind: Literal["built_in", "file", "folder", "missing"]
    packed: bool = False
    sha256: str | None = None
    size_bytes: int | None = None
    files: tuple[PackedFile, ...] = ()
    beside: tuple[PackedFile, ...] = ()
    reference: PackedFile | None = None
    reference_beside: tuple[PackedFile, ...] = ()


class PackedInput(Struct, frozen=True, forbid_unknown_fields=True):
    """What a model is fed: a file (``inputs.NAME``, ``prompts``), a ``dataset``, or the ``pipeline_inputs``, by its
    ``field`` in the form. ``file``: null of the two that may have many files, whose hashes are in the records, and of a
    file that was not there. ``files``: those of the two that are in the bundle."""

    model: str
    field: str
    name: str
    file: PackedFile | None = None
    dataset_sha256: tuple[str, ...] = ()
    pipeline_sha256: tuple[str, ...] = ()
    files: tuple[PackedFile, ...] = ()


class ModelList(Struct, frozen=True, forbid_unknown_fields=True):
    """``models.json``."""

    models: tuple[PackedModel, ...] = ()


class InputList(Struct, frozen=True, forbid_unknown_fields=True):
    """``inputs.json``."""

    inputs: tuple[PackedInput, ...] = ()


def named_inputs(model: SubmittedModel) -> dict[str, str]:
    """Field -> path of each file that the model is fed."""
    found = {f"inputs.{name}": path for name, path in model.inputs.items()}
    return found | ({"prompts": model.prompts} if model.prompts else {})
