"""The user's own Hugging Face folder, named by one of its ``*.safetensors``."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Artifact, Format, ModelRequest, Task
from bench.errors import InputError
from bench.models.checkpoints.huggingface.folder import CONFIG, open_folder
from bench.models.checkpoints.prepared import PRECISIONS, prepare_checkpoint
from bench.reading import is_file
from bench.words import sentence


class WeightsFile:
    """A ``.safetensors`` file: the folder that it lies in, with its ``config.json`` and all of the model's files."""

    summary = sentence("model.summary.safetensors")
    task: Task = "text_generation"
    formats: Sequence[Format] = ("onnx",)
    precisions: Sequence[str] = PRECISIONS

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        path = Path(request.source)
        if not is_file(path):
            raise InputError(sentence("model.no_such_file", file=path.name), sentence("model.check_path"))
        return prepare_folder(path.parent, request, cache)


def prepare_folder(folder: Path, request: ModelRequest, cache: Path) -> Artifact:
    """The decoder made of the folder's weights. Raises ``InputError`` as ``open_folder`` does."""
    if not is_file(folder / CONFIG):
        raise InputError(
            sentence("checkpoint.no_config", folder=folder.resolve().name, config=CONFIG),
            sentence("checkpoint.download_again"),
        )
    return prepare_checkpoint(lambda: open_folder(folder), replace(request, source=str(folder)), cache)
