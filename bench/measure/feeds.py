"""The tensors a model is fed: the user's own arrays and photographs. ``made_inputs`` makes up what nobody gave."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.contracts import Shapes, Tensors, TensorSpec
from bench.element_types import EXTENDED, STRING, element_name, numpy_type, restored, storable
from bench.errors import InputError, UnknownName
from bench.measure.images import IMAGE_SUFFIXES, ImagePreprocessing, image_tensor
from bench.reading import is_file

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def user_feeds(
    assignments: Sequence[str],
    specs: Sequence[TensorSpec],
    shapes: Shapes,
    preprocessing: ImagePreprocessing | None = None,
) -> "dict[str, Array]":
    """An array for each input; see ``given_feeds``. Raises ``InputError`` for inputs left without a value, too."""
    feeds = given_feeds(assignments, specs, shapes, preprocessing)
    missing = sorted({spec.name for spec in specs} - feeds.keys())
    if missing:
        raise InputError(f"no values for input {', '.join(missing)}", "Give every input.")
    return feeds


def given_feeds(
    assignments: Sequence[str],
    specs: Sequence[TensorSpec],
    shapes: Shapes,
    preprocessing: ImagePreprocessing | None = None,
) -> "dict[str, Array]":
    """Arrays from ``NAME=array.npy``, ``NAME=photo.jpg`` or ``arrays.npz`` (which carries its names), by input.

    Raises ``InputError`` for a file that cannot be read, an unknown input, and a wrong shape or type (a cast happens
    only where no value can change).
    """
    by_name = {spec.name: spec for spec in specs}
    feeds: dict[str, Array] = {}
    for assignment in assignments:
        name, equals, file = assignment.partition("=")
        if assignment.endswith(".npz") and (not equals or is_file(Path(assignment))):
            given: Mapping[str, Array] = load_feeds(Path(assignment))
        elif not equals or not name or not file:
            raise InputError(f"--input {assignment}: is not NAME=FILE", "Example: --input image=photo.jpg")
        elif name not in by_name:
            raise UnknownName("input of the model", name, by_name)
        else:
            given = {name: _read(Path(file), by_name[name], shapes[name], preprocessing or ImagePreprocessing())}
        for key, array in given.items():
            if key not in by_name:
                raise UnknownName(f"input of the model in {Path(assignment).name}", key, by_name)
            if key in feeds:
                raise InputError(f"--input {key}: given twice", "Give each input once.")
            feeds[key] = _fitting(array, by_name[key], shapes[key])
    return feeds


def feeds_source(assignments: Sequence[str], made_up: bool = False) -> str:
    """Where the tensors of these ``--input`` come from, as the record says it. ``made_up``: inputs were left out."""
    if not assignments:
        return "seeded"
    if made_up:
        return "partly seeded"
    return "image" if any(a.lower().endswith(IMAGE_SUFFIXES) for a in assignments) else "file"


def input_source(name: str, assignments: Sequence[str]) -> Literal["file", "image"]:
    """Where the tensor of a given input comes from."""
    images = [a.partition("=")[0] for a in assignments if a.lower().endswith(IMAGE_SUFFIXES)]
    return "image" if name in images else "file"


def _read(file: Path, spec: TensorSpec, shape: tuple[int, ...], preprocessing: ImagePreprocessing) -> "Array":
    _check_exists(file)
    if file.suffix.lower() in IMAGE_SUFFIXES:
        return image_tensor(file, spec, shape, preprocessing)
    if file.suffix.lower() == ".npy":
        loaded: Array = _numpy_load(file)
        return loaded
    kinds = ", ".join((".npy", *IMAGE_SUFFIXES))
    raise InputError(
        f"--input {spec.name}={file.name}: files that end in {file.suffix or 'nothing'} are not read",
        f"Use one of {kinds}; an .npz is given without a name, as --input arrays.npz.",
    )


def _check_exists(file: Path) -> None:
    if not is_file(file):
        raise InputError(f"--input {file.name}: no such file", "Check the path; it is relative to the current folder.")


MOST_INPUT_BYTES = 1 << 31
"""Of the arrays of one file together; a video of a minute in float32 is a quarter of it."""


def _numpy_load(file: Path) -> Any:
    """What ``numpy.load`` returns, pickles refused."""
    from zipfile import ZipFile, is_zipfile

    import numpy as np

    try:
        if is_zipfile(file):
            with ZipFile(file) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MOST_INPUT_BYTES:
                raise ValueError(f"its arrays would take {unpacked:,} bytes")
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray) == (file.suffix.lower() == ".npy"):
            return loaded if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
        raise ValueError("one array where several belong, or the other way round")
    except Exception:  # numpy and zipfile raise whatever they meet in a damaged file, tokenize.TokenError among them
        raise InputError(
            f"--input {file.name}: is not a whole {file.suffix} file of plain arrays",
            "Write it with numpy.save or numpy.savez, without Python objects.",
        ) from None


def _fitting(array: "Array", spec: TensorSpec, shape: tuple[int, ...]) -> "Array":
    """The array in the input's type. Raises ``InputError`` unless shape and values stay as they are."""
    import numpy as np

    if tuple(array.shape) != tuple(shape):
        raise InputError(
            f"--input {spec.name}: has the shape {list(array.shape)}, the model takes {list(shape)}",
            "Give an array of that shape, or choose the shape of a dynamic input with --shape.",
        )
    if spec.dtype == STRING and element_name(array) == STRING:
        return array
    try:
        wanted = numpy_type(spec.dtype)
    except TypeError:
        raise InputError(f"--input {spec.name}: type {spec.dtype} cannot be fed from a file") from None
    if wanted.name in EXTENDED and array.dtype == np.dtype(f"V{wanted.itemsize}"):  # as numpy.save writes such an array
        array = array.view(wanted)
    if array.dtype != wanted and not _converts(array, wanted):
        raise InputError(
            f"--input {spec.name}: holds {element_name(array)}, the model takes {spec.dtype}",
            f"Convert it where you know what may be lost: array.astype({spec.dtype!r}).",
        )
    return np.ascontiguousarray(array, wanted).reshape(shape)


def _converts(array: "Array", wanted: "np.dtype[Any]") -> bool:
    """Whether no value changes. Of types that a ``.npy`` file cannot hold every value may be written in another."""
    import numpy as np

    if array.dtype.kind not in "biuf" or wanted.kind == "O":
        return False
    if wanted.name not in EXTENDED and not np.can_cast(array.dtype, wanted, "safe"):
        return False
    with np.errstate(all="ignore"):
        return bool(np.array_equal(array.astype(wanted).astype(array.dtype), array))


def feeds_sha256(feeds: Tensors) -> str:
    """SHA-256 over each array's name, type, shape and little-endian bytes, in the order of the names."""
    import numpy as np

    digest = sha256()
    for name in sorted(feeds):
        array = np.ascontiguousarray(storable(feeds[name]))
        digest.update(f"{name}\0{feeds[name].dtype.name}\0{feeds[name].shape}\0".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def save_feeds(path: Path, feeds: Tensors) -> None:
    """Write the arrays as ``.npz``; equal arrays give equal bytes. Any name may occur, also ``file``. Text and types
    that numpy has not are written as ``bench.element_types.storable`` says."""
    from zipfile import ZipFile, ZipInfo

    import numpy as np

    with ZipFile(path, "w") as archive:
        for name in sorted(feeds):
            with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, storable(np.asarray(feeds[name])), allow_pickle=False)


def load_feeds(path: Path) -> "dict[str, Array]":
    """Read what ``save_feeds`` or ``numpy.savez`` wrote. Raises ``InputError``; Python objects are never loaded."""
    _check_exists(path)
    loaded: dict[str, Array] = _numpy_load(path)
    return {name: restored(array) for name, array in loaded.items()}
