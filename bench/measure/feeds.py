"""The tensors a model is fed: seeded noise, or the user's own arrays and photographs."""

import math
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from bench.contracts import Shapes, Tensors, TensorSpec
from bench.errors import InputError, UnknownName

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array = np.ndarray[Any, Any]

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
LONE_INTEGERS = ("int16", "int32", "int64", "uint16", "uint32", "uint64")
PREPROCESSING_FORM = "order=bgr,mean=104:117:123,scale=1,resize=crop256,layout=nchw"


def seeded_feeds(specs: Sequence[TensorSpec], shapes: Shapes, seed: int) -> "dict[str, Array]":
    """One array for each input, the same for the same seed, name and shape, whatever the other inputs are.

    Floating point: uniform in [0, 1). ``int8`` and ``uint8``: uniform over the type's whole range. Other integers: 0 or
    1, because they may be indices, and those are valid for nearly any table. ``bool``: either. Raises ``InputError``
    for other types.
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
    raise InputError(
        f"input {spec.name}: no values can be made for type {spec.dtype}",
        "Change the model so that this input is float32, float16, bool or an integer of 8 bits or more.",
    )


class ImagePreprocessing(Struct, frozen=True):
    """How a photograph becomes a tensor: decoded to 0–255 (turned upright by its EXIF), resized, channels ordered, then
    (x − mean) / scale for each channel in that order.

    The size is the input's. ``crop`` None: stretched to it. Else the shorter side becomes ``crop`` and the centre is
    cut out. Bilinear, with antialiasing. ``layout`` None: where the 1 or 3 channels are in the input's shape.
    """

    order: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    crop: int | None = None
    layout: Literal["nchw", "nhwc"] | None = None

    def __str__(self) -> str:
        """As ``parse_preprocessing`` reads it."""
        mean, scale = (":".join(repr(x).removesuffix(".0") for x in values) for values in (self.mean, self.scale))
        resize = "plain" if self.crop is None else f"crop{self.crop}"
        text = f"order={self.order},mean={mean},scale={scale},resize={resize}"
        return text if self.layout is None else f"{text},layout={self.layout}"


def parse_preprocessing(text: str) -> ImagePreprocessing:
    """Read ``order=bgr,mean=104:117:123,scale=1,resize=crop256``; what is left out keeps its default.

    Raises ``InputError`` naming the part that is wrong.
    """
    parts: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        number = value.removeprefix("crop")
        match key:
            case "order" if value in ("rgb", "bgr"):
                parts["order"] = value
            case "layout" if value in ("nchw", "nhwc"):
                parts["layout"] = value
            case "mean" | "scale":
                parts[key] = _channel_numbers(part, key, value)
            case "resize" if value == "plain" or (value != number and number.isdecimal() and int(number) > 0):
                parts["crop"] = None if value == "plain" else int(number)
            case "order" | "layout" | "resize":
                raise InputError(f"image preprocessing: {part!r} is not understood", f"Example: {PREPROCESSING_FORM}")
            case _:
                raise UnknownName("image preprocessing", key, ("order", "mean", "scale", "resize", "layout"))
    return ImagePreprocessing(**parts)


def _channel_numbers(part: str, key: str, value: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in value.split(":"))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)) or (key == "scale" and 0 in numbers):
        raise InputError(
            f"image preprocessing: {part!r} is not understood",
            f"Give one number, or three with colons; scale must not be 0. Example: {PREPROCESSING_FORM}",
        )
    return numbers


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
        if assignment.endswith(".npz") and (not equals or Path(assignment).is_file()):
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
    if not file.is_file():
        raise InputError(f"--input {file.name}: no such file", "Check the path; it is relative to the current folder.")


def _numpy_load(file: Path) -> Any:
    """What ``numpy.load`` returns, pickles refused."""
    import zlib
    from zipfile import BadZipFile

    import numpy as np

    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray) == (file.suffix.lower() == ".npy"):
            return loaded if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
        raise ValueError("one array where several belong, or the other way round")
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error):
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
    try:
        wanted = np.dtype(spec.dtype)
    except TypeError:
        raise InputError(f"--input {spec.name}: type {spec.dtype} cannot be fed from a file") from None
    exact = np.can_cast(array.dtype, wanted, "safe") and np.array_equal(array.astype(wanted).astype(array.dtype), array)
    if array.dtype != wanted and not exact:
        raise InputError(
            f"--input {spec.name}: holds {array.dtype}, the model takes {spec.dtype}",
            f"Convert it where you know what may be lost: array.astype({spec.dtype!r}).",
        )
    return np.ascontiguousarray(array, wanted).reshape(shape)


def image_tensor(file: Path, spec: TensorSpec, shape: tuple[int, ...], preprocessing: ImagePreprocessing) -> "Array":
    """The photograph as the input's tensor: [1, C, H, W] or [1, H, W, C], also without the 1.

    An integer input takes the rounded values; those outside its range raise ``InputError``, as do shapes that are no
    image's.
    """
    import numpy as np

    layout, channels, height, width = image_layout(spec.name, shape, preprocessing)
    image = _resized(_opened(spec.name, file, channels), file, (width, height), preprocessing.crop)
    pixels = np.asarray(image, np.float32).reshape(height, width, channels)
    if preprocessing.order == "bgr":
        pixels = pixels[:, :, ::-1]
    if channels == 1 and max(len(preprocessing.mean), len(preprocessing.scale)) > 1:
        raise InputError(f"--input {spec.name}: has one channel, mean or scale has three", "Give one number.")
    mean, scale = (np.asarray(numbers, np.float32) for numbers in (preprocessing.mean, preprocessing.scale))
    values = (pixels - mean) / scale
    if layout == "nchw":
        values = values.transpose(2, 0, 1)
    dtype = np.dtype(spec.dtype) if spec.dtype.startswith(("float", "int", "uint")) else None
    if dtype is None:
        raise InputError(f"--input {spec.name}: takes {spec.dtype}, not an image")
    if dtype.kind in "iu":
        values = np.rint(values)
        limits = np.iinfo(dtype)
        if values.min() < limits.min or values.max() > limits.max:
            raise InputError(
                f"--input {spec.name}: pixels reach from {values.min():g} to {values.max():g}, outside {spec.dtype}",
                "Choose mean and scale to suit; an int8 input mostly takes mean=128.",
            )
    return np.ascontiguousarray(values.reshape(shape), dtype)


def image_layout(name: str, shape: tuple[int, ...], preprocessing: ImagePreprocessing) -> tuple[str, int, int, int]:
    """Layout, channels, height and width of an image input."""
    image = shape[1:] if len(shape) == 4 and shape[0] == 1 else shape
    fits: list[tuple[str, int, int, int]] = []
    if len(image) == 3:
        first, second, third = image
        if first in (1, 3) and preprocessing.layout != "nhwc":
            fits.append(("nchw", first, second, third))
        if third in (1, 3) and preprocessing.layout != "nchw":
            fits.append(("nhwc", third, first, second))
    if len(fits) != 1:
        state = "could be either layout" if fits else "is not that of one image"
        raise InputError(
            f"--input {name}: the shape {list(shape)} {state}",
            "Say layout=nchw or layout=nhwc in the preprocessing, or give an .npy file.",
        )
    return fits[0]


def _opened(name: str, file: Path, channels: int) -> "Image":
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            return ImageOps.exif_transpose(image).convert("RGB" if channels == 3 else "L")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        remedy = "Open it in a viewer, save it again."
        raise InputError(f"--input {name}={file.name}: is not a whole image", remedy) from None


def _resized(image: "Image", file: Path, size: tuple[int, int], crop: int | None) -> "Image":
    from PIL.Image import Resampling

    if crop is None:
        return image.resize(size, Resampling.BILINEAR)
    if crop < max(size):
        raise InputError(
            f"--input {file.name}: resize=crop{crop} is smaller than the input, {size[0]} × {size[1]}",
            f"Give crop{max(size)} or more.",
        )
    ratio = crop / min(image.size)
    scaled = image.resize((round(image.width * ratio), round(image.height * ratio)), Resampling.BILINEAR)
    left, top = (scaled.width - size[0]) // 2, (scaled.height - size[1]) // 2
    return scaled.crop((left, top, left + size[0], top + size[1]))


def feeds_sha256(feeds: Tensors) -> str:
    """SHA-256 over each array's name, type, shape and little-endian bytes, in the order of the names."""
    import numpy as np

    digest = sha256()
    for name in sorted(feeds):
        array = np.ascontiguousarray(feeds[name])
        digest.update(f"{name}\0{array.dtype.name}\0{feeds[name].shape}\0".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def save_feeds(path: Path, feeds: Tensors) -> None:
    """Write the arrays as ``.npz``; equal arrays give equal bytes. Any name may occur, also ``file``."""
    from zipfile import ZipFile, ZipInfo

    import numpy as np

    with ZipFile(path, "w") as archive:
        for name in sorted(feeds):
            with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(feeds[name]), allow_pickle=False)


def load_feeds(path: Path) -> "dict[str, Array]":
    """Read what ``save_feeds`` or ``numpy.savez`` wrote. Raises ``InputError``; Python objects are never loaded."""
    _check_exists(path)
    loaded: dict[str, Array] = _numpy_load(path)
    return loaded
