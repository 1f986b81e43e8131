"""The user's own Hugging Face folder, named by one of its ``*.safetensors``."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Artifact, Format, ModelRequest, Task
from bench.errors import InputError
from bench.models.checkpoints.huggingface.folder import CONFIG, open_folder
from bench.models.checkpoints.prepared import PRECISIONS, described_checkpoint, prepare_checkpoint
from bench.reading import is_file
from bench.words import sentence


class WeightsFile:
    """A ``.safetensors`` file: the folder that it lies in, with its ``config.json`` and all of the model's files."""

    summary = sentence("model.summary.safetensors")
    task: Task = "text_generation"
    formats: Sequence[Format] = ("onnx",)
    precisions: Sequence[str] = PRECISIONS

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        return prepare_folder(_folder_of(request), request, cache)

    def described(self, request: ModelRequest, folder: Path) -> Artifact:
        return described_folder(_folder_of(request), request, folder)

    def altered(self, request: ModelRequest, folder: Path, seed: int) -> Path:
        path = Path(request.source)
        return altered_folder(path.parent, folder / path.resolve().parent.name, seed) / path.name


def prepare_folder(source: Path, request: ModelRequest, cache: Path) -> Artifact:
    """The decoder made of the weights in ``source``. Raises ``InputError`` as ``open_folder`` does."""
    _demand_config(source)
    return prepare_checkpoint(lambda: open_folder(source), replace(request, source=str(source)), cache)


def described_folder(source: Path, request: ModelRequest, folder: Path) -> Artifact:
    """As ``Describable.described``: what ``prepare_folder`` would make."""
    _demand_config(source)
    return described_checkpoint(lambda: open_folder(source), replace(request, source=str(source)), folder)


def _folder_of(request: ModelRequest) -> Path:
    path = Path(request.source)
    if not is_file(path):
        raise InputError(sentence("model.no_such_file", file=path.name), sentence("model.check_path"))
    return path.parent


def _demand_config(source: Path) -> None:
    if not is_file(source / CONFIG):
        raise InputError(
            sentence("checkpoint.no_config", folder=source.resolve().name, config=CONFIG),
            sentence("checkpoint.download_again"),
        )


def altered_folder(folder: Path, copy: Path, seed: int) -> Path:
    """``copy``, which is made: the files of the model in ``folder``, its matrices permuted. Raises ``InputError`` as
    ``open_folder`` does, and where there are no weights to permute."""
    from bench.models.altered.permuting import refuse_unaltered
    from bench.models.altered.safetensors_weights import altered_safetensors

    changed = 0
    for file in open_folder(folder).files:
        written = copy / file.relative_to(folder)
        written.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, written)
        if written.suffix == ".safetensors":
            changed += altered_safetensors(written, seed)
    refuse_unaltered(folder, changed)
    return copy
