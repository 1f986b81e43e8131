"""The tensors a model is fed: seeded noise, or the user's own arrays and photographs."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.contracts import Shapes, Tensors, TensorSpec
from bench.element_types import EXTENDED, PACKED_BITS, STRING, element_name, numpy_type, restored, storable
from bench.errors import InputError, UnknownName
from bench.measure.images import IMAGE_SUFFIXES, ImagePreprocessing, image_tensor
from bench.reading import is_file

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LONE_INTEGERS = ("int16", "int32", "int64", "uint16", "uint32", "uint64")
EXACT_STEPS = {"bfloat16": 256} | dict.fromkeys(
    ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"), 8
)


def seeded_feeds(specs: Sequence[TensorSpec], shapes: Shapes, seed: int) -> "dict[str, Array]":
    """One array for each input, the same for the same seed, name and shape, whatever the other inputs are.

    Floating point: uniform in [0, 1). ``int8`` and ``uint8``: uniform over the type's whole range. Other integers: 0 or
    1, because they may be indices, and those are valid for nearly any table. ``bool``: either. ``bfloat16`` and float8
    as floating point, in steps that they hold exactly; int4 and uint4 as int8. Raises ``InputError`` for other types.
    """
    return {spec.name: _seeded(spec, shapes[spec.name], seed) for spec in specs}


def _seeded(spec: TensorSpec, shape: tuple[int, ...], seed: int) -> "Array":
    import numpy as np

    digest = sha256(f"{seed}:{spec.name}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest, "big"))
    match spec.dtype:
        case "float32":
            return random.random(shape, np.float32)
        case "float64":
            return random.random(shape)
        case "float16":  # multiples of 2^-11 are exact; rounding a float32 could give 1.0
            return (random.integers(0, 2048, shape) / 2048).astype(np.float16)
        case "int8" | "uint8":
            limits = np.iinfo(spec.dtype)
            return random.integers(limits.min, limits.max, shape, spec.dtype, endpoint=True)
        case "bool":
            return random.integers(0, 2, shape).astype(np.bool_)
        case dtype if dtype in LONE_INTEGERS:
            return random.integers(0, 2, shape).astype(dtype)
        case dtype if dtype in EXACT_STEPS:
            steps = EXACT_STEPS[dtype]
            return (random.integers(0, steps, shape) / steps).astype(numpy_type(dtype))
        case dtype if dtype in PACKED_BITS:  # every pattern of bits
            patterns = random.integers(0, 1 << PACKED_BITS[dtype], shape, np.uint8)
            return np.asarray(patterns).view(numpy_type(dtype))
    raise InputError(
        f"input {spec.name}: no values can be made up for type {spec.dtype}",
        f"Give its values with --input {spec.name}=FILE.npy"
        + (", written by numpy.save from an array of text." if spec.dtype == STRING else "."),
    )


def user_feeds(
    assignments: Sequence[str],
    specs: Sequence[TensorSpec],
    shapes: Shapes,
    preprocessing: ImagePreprocessing | None = None,
) -> "dict[str, Array]":
    """An array for each input from ``NAME=array.npy``, ``NAME=photo.jpg`` or ``arrays.npz`` (which carries its names).

    Raises ``InputError`` for a file that cannot be read, an unknown input, a wrong shape or type (a cast happens only
    where no value can change), and inputs left without a value.
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
    missing = sorted(by_name.keys() - feeds.keys())
    if missing:
        raise InputError(f"no values for input {', '.join(missing)}", "Give every input, or none to use seeded values.")
    return feeds


def feeds_source(assignments: Sequence[str]) -> Literal["seeded", "file", "image"]:
    """Where the tensors of these ``--input`` come from, as the record says it."""
    if not assignments:
        return "seeded"
    return "image" if any(a.lower().endswith(IMAGE_SUFFIXES) for a in assignments) else "file"


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
