"""Photographs as a model's input: decoded, resized, normalised."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from bench.contracts import TensorSpec
from bench.element_types import PACKED_BITS, numpy_type
from bench.errors import InputError, UnknownName

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array = np.ndarray[Any, Any]

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
PREPROCESSING_FORM = "order=bgr,mean=104:117:123,scale=1,resize=crop256,layout=nchw"
CROP_DIGITS = 5  # of resize=crop…: no picture has a side of more
DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
"""Pillow's modes of one channel of more than 8 bits; its own conversion to 8 clips them."""
DEEPEST_GREY = 65535


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
        pixels = int(number) if number != value and number.isdecimal() and len(number) <= CROP_DIGITS else 0
        match key:
            case "order" if value in ("rgb", "bgr"):
                parts["order"] = value
            case "layout" if value in ("nchw", "nhwc"):
                parts["layout"] = value
            case "mean" | "scale":
                parts[key] = _channel_numbers(part, key, value)
            case "resize" if value == "plain" or pixels > 0:
                parts["crop"] = pixels or None
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
    if not spec.dtype.startswith(("float", "bfloat", "int", "uint")) or spec.dtype in PACKED_BITS:
        raise InputError(f"--input {spec.name}: takes {spec.dtype}, not an image")
    dtype = numpy_type(spec.dtype)
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
    """Upright, in 8-bit RGB or grey. Raises ``InputError`` for what has no one meaning in 8 bits."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image)
            upright.load()
    except Exception:  # Pillow's decoders raise whatever they meet in a damaged file
        remedy = "Open it in a viewer, save it again."
        raise InputError(f"--input {name}={file.name}: is not a whole image", remedy) from None
    _refuse_transparent(name, file, upright)
    wide = upright if upright.mode not in DEEP_GREY else _eight_bits(name, file, upright)
    return wide.convert("RGB" if channels == 3 else "L")


def _refuse_transparent(name: str, file: Path, image: "Image") -> None:
    """What is behind a transparent pixel is not in the file; an alpha channel that hides nothing is dropped."""
    if not image.has_transparency_data:
        return
    keyed = image.mode in DEEP_GREY  # one grey value counts as transparent; Pillow cannot show which pixels have it
    if keyed or image.convert("RGBA").getchannel("A").getextrema()[0] != 255:
        raise InputError(
            f"--input {name}={file.name}: has transparent pixels, whose colour depends on what is behind them",
            "Flatten it on the background that the model expects, and save it without transparency.",
        )


def _eight_bits(name: str, file: Path, image: "Image") -> "Image":
    """A grey image of 16 bits by its high byte, as Pillow reads colour of 16 bits: 0–65535 becomes 0–255."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > DEEPEST_GREY:
        raise InputError(
            f"--input {name}={file.name}: its values reach from {values.min():g} to {values.max():g}, and nothing says "
            "what is black and white",
            "Scale it to 8 bits, or give the array as an .npy file.",
        )
    return Image.fromarray((values.astype(np.uint16) >> 8).astype(np.uint8))


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
