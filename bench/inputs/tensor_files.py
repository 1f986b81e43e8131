"""Tensors in ``.npz`` and ``.npy`` files: written, read and hashed."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import Tensors
from bench.contracts.element_types import restored, storable
from bench.errors import InputError, RunFailure, of_flag
from bench.reading import is_file
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def check_exists(file: Path) -> None:
    if not is_file(file):
        raise InputError(
            of_flag("--input", sentence("input.no_such_file", file_name=file.name)),
            sentence("input.check_relative_path"),
        )


MOST_INPUT_BYTES = 1 << 31
"""Of the arrays of one file together; a video of a minute in float32 is a quarter of it."""


def numpy_load(file: Path) -> Any:
    """What ``numpy.load`` returns, pickles refused."""
    from zipfile import ZipFile, is_zipfile

    import numpy as np

    try:
        if is_zipfile(file):
            with ZipFile(file) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MOST_INPUT_BYTES:
                raise ValueError(sentence("input.arrays_would_take_bytes", unpacked=unpacked))
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray) == (file.suffix.lower() == ".npy"):
            return loaded if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
        raise ValueError(sentence("input.one_array_or_several"))
    except Exception:  # numpy and zipfile raise whatever they meet in a damaged file, tokenize.TokenError among them
        raise InputError(
            of_flag("--input", sentence("input.not_plain_arrays", file_name=file.name, file_suffix=file.suffix)),
            sentence("input.write_with_numpy"),
        ) from None


def feeds_sha256(feeds: Tensors) -> str:
    """SHA-256 over each array's name, type, shape and little-endian bytes, in the order of the names."""
    import numpy as np

    digest = sha256()
    for name in sorted(feeds):
        array = np.ascontiguousarray(storable(feeds[name]))
        digest.update(f"{name}\0{feeds[name].dtype.name}\0{feeds[name].shape}\0".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def temporary_file_lost(name: str = "") -> RunFailure:
    """What is raised where a file that the harness made for itself, or the whole folder, is gone or damaged."""
    code = "input.temporary_file_changed" if name else "input.temporary_folder_changed"
    message = sentence(code, name=name)
    remedy = sentence("input.temporary_files_cleaned")
    return RunFailure("plugin_error", message, remedy)


def save_feeds(path: Path, feeds: Tensors) -> None:
    """Write the arrays as ``.npz``; equal arrays give equal bytes. Any name may occur, also ``file``. Text and types
    that numpy has not are written as ``bench.contracts.element_types.storable`` says. Raises ``RunFailure`` where the
    folder is gone."""
    from zipfile import ZipFile, ZipInfo

    import numpy as np

    if not path.parent.is_dir():
        raise temporary_file_lost(path.name)
    with ZipFile(path, "w") as archive:
        for name in sorted(feeds):
            with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, storable(np.asarray(feeds[name])), allow_pickle=False)


def load_feeds(path: Path) -> "dict[str, Array]":
    """Read what ``save_feeds`` wrote for another process of the run. Raises ``RunFailure`` where it is not there as it
    was written."""
    try:
        return load_given(path)
    except InputError:
        raise temporary_file_lost(path.name) from None


def load_given(path: Path) -> "dict[str, Array]":
    """Read the user's ``.npz``. Raises ``InputError``; Python objects are never loaded."""
    check_exists(path)
    loaded: dict[str, Array] = numpy_load(path)
    return {name: restored(array) for name, array in loaded.items()}
