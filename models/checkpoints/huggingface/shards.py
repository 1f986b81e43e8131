"""The ``*.safetensors`` of a folder: which belong to the model, what each contains, and rows of one tensor.

A file is opened for each piece that is read and closed again: it is mapped into memory, and what was read of it would
count as memory of this process until then.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.errors import InputError
from bench.models.checkpoints.checkpoint import Blocks
from bench.reading import is_file, leads_outside, read_object
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

INDEX, WHOLE = "model.safetensors.index.json", "model.safetensors"
NUMBERED = re.compile(r"(.+)-(\d+)-of-(\d+)\.safetensors")
LFS_POINTER = b"version https://git-lfs"
TYPES = ("BF16", "F16", "F32")


class Stored(Struct, frozen=True):
    """One tensor in a file, or the rows of it from ``first`` on that are a tensor of the model.

    ``added``: to every number, in float32. Implements ``Tensor``.
    """

    file: Path
    name: str
    shape: tuple[int, ...]
    stored_as: str
    first: int = 0
    added: float = 0.0

    @property
    def bits(self) -> int | None:
        return None

    @property
    def block(self) -> int:
        return 0

    def rows(self, start: int, stop: int) -> "Array":
        import numpy as np

        values = self.raw(start, stop).astype(np.float32)
        return values + np.float32(self.added) if self.added else values

    def raw(self, start: int, stop: int) -> "Array":
        """The rows in the type of the file."""
        end = self.first + min(stop, self.shape[0])
        with opened(self.file) as content:
            part: Array = content.get_slice(self.name)[self.first + start : end]
            return part

    def blocks(self, start: int, stop: int) -> Blocks:
        raise NotImplementedError(f"{self.name} is not stored in blocks")


@contextmanager
def opened(file: Path) -> "Iterator[Any]":
    """The file, mapped into memory. Raises ``InputError`` naming it if it is damaged or not there, and without the
    library."""
    try:
        import ml_dtypes  # noqa: F401  numpy knows bfloat16 by it
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise InputError(
            sentence("checkpoint.library_missing", file=file.name, library="safetensors"),
            sentence("checkpoint.install_text"),
        ) from None
    try:
        with safe_open(file, framework="np") as content:
            yield content
    except (SafetensorError, OSError) as error:
        raise InputError(
            sentence("checkpoint.file_damaged", file=file.name, error=str(error)[:200]),
            sentence("checkpoint.download_file_again"),
        ) from None


def stored_in(folder: Path) -> tuple[dict[str, Stored], tuple[Path, ...]]:
    """Every tensor of the model by its name in the file, and the files: the index, if there is one, then the shards.

    Raises ``InputError`` naming the file that is missing, damaged or not in the index, and the tensor of a type that is
    not read.
    """
    index = folder / INDEX
    if is_file(folder / WHOLE) or not is_file(index):
        return _tensors(_whole_or_numbered(folder)), tuple(_whole_or_numbered(folder))
    refuse_pointer(index)
    placed = _weight_map(index)
    files = [_shard(folder, name) for name in sorted(set(placed.values()))]
    tensors = _tensors(files)
    wrong = [name for name, file in placed.items() if name not in tensors or tensors[name].file.name != file]
    wrong += [name for name in tensors if name not in placed]
    if wrong:
        raise InputError(
            sentence("checkpoint.index_differs", index=INDEX, tensor=wrong[0], n_tensors=len(wrong)),
            sentence("checkpoint.download_again"),
        )
    return tensors, (index, *files)


def refuse_pointer(file: Path) -> None:
    """Raise ``InputError`` for what ``git clone`` leaves in the place of a large file."""
    with file.open("rb") as stream:
        if stream.read(len(LFS_POINTER)) == LFS_POINTER:
            raise InputError(sentence("model.git_lfs_pointer", file=file.name), sentence("model.fetch_with_git_lfs"))


def _weight_map(index: Path) -> Mapping[str, str]:
    placed = read_object(index, INDEX).get("weight_map")
    if not isinstance(placed, dict) or not placed or not all(isinstance(file, str) for file in placed.values()):
        raise InputError(sentence("checkpoint.no_weight_map", index=INDEX), sentence("checkpoint.download_again"))
    return placed


def _shard(folder: Path, name: str) -> Path:
    if leads_outside(name) or not name.endswith(".safetensors") or "\0" in name:
        raise InputError(
            sentence("checkpoint.shard_outside", index=INDEX, name=name), sentence("checkpoint.download_again")
        )
    if not is_file(folder / name):
        raise InputError(
            sentence("checkpoint.shard_not_there", name=name, index=INDEX), sentence("checkpoint.download_again")
        )
    return folder / name


def _whole_or_numbered(folder: Path) -> list[Path]:
    """Without an index: ``model.safetensors``, or all files, of which no number may be missing."""
    if is_file(folder / WHOLE):
        return [folder / WHOLE]
    files = safetensors_in(folder)
    numbered = [match for file in files if (match := NUMBERED.fullmatch(file.name))]
    for stem, total in {(match[1], match[3]) for match in numbered}:
        found = {int(match[2]) for match in numbered if match[1] == stem and match[3] == total}
        missing = next((n for n in range(1, min(int(total), 10_000) + 1) if n not in found), None)
        if missing is not None:
            name = f"{stem}-{missing:0{len(total)}}-of-{total}.safetensors"
            raise InputError(sentence("checkpoint.shard_missing", name=name), sentence("checkpoint.download_again"))
    return files


def safetensors_in(folder: Path) -> list[Path]:
    """The files of the folder with weights, by name; those of macOS (``._model.safetensors``) are none."""
    files = sorted(folder.glob("*.safetensors"))
    return [file for file in files if not file.name.startswith(".") and is_file(file)]


def _tensors(files: list[Path]) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    for file in files:
        refuse_pointer(file)
        with opened(file) as content:
            for name in content.keys():  # noqa: SIM118  it is no mapping
                part = content.get_slice(name)
                if name in found:
                    raise InputError(
                        sentence("checkpoint.tensor_twice", tensor=name, file=file.name, other=found[name].file.name),
                        sentence("checkpoint.download_again"),
                    )
                found[name] = Stored(file, name, tuple(part.get_shape()), part.get_dtype())
    return found


def most_used_type(tensors: Mapping[str, Stored]) -> str:
    """The type of most numbers."""
    from math import prod

    counts: Counter[str] = Counter()
    for tensor in tensors.values():
        counts[tensor.stored_as] += prod(tensor.shape)
    return counts.most_common(1)[0][0]
