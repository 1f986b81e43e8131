"""Photographs as a model's input: decoded, resized, normalised."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import TensorSpec
from bench.contracts.element_types import PACKED_BITS, numpy_type
from bench.errors import InputError, of_flag
from bench.inputs.decoding import DECODERS
from bench.suite.preprocessing import ImagePreprocessing
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array = np.ndarray[Any, Any]

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


class Picture(Struct, frozen=True):
    """A photograph on its way into a model. ``pixels``: upright, in 8-bit RGB or grey; ``size``: its width and height;
    ``name``: of its file."""

    pixels: "Image"
    size: tuple[int, int]
    name: str


class ImageInput(Struct, frozen=True):
    """An input that takes a photograph: ``decode`` reads the file, ``tensor`` makes the input's tensor of it."""

    spec: TensorSpec
    shape: tuple[int, ...]
    preprocessing: ImagePreprocessing
    layout: str
    channels: int
    height: int
    width: int

    def decode(self, file: Path) -> Picture:
        """Raises ``InputError`` for a file that is no picture, or is ambiguous in 8 bits, and without the decoder."""
        opened = DECODERS[self.preprocessing.decoder](self.spec.name, file, self.channels)
        return Picture(opened, opened.size, file.name)

    def tensor(self, picture: Picture) -> "Array":
        """[1, C, H, W] or [1, H, W, C], also without the 1. An integer input takes the rounded values; those outside
        its range raise ``InputError``."""
        return self.normalised(self.levels(picture))

    def levels(self, picture: Picture) -> "Array":
        """[height, width, channels] of the input's size and order: uint8, or float32 with a padding that is no level of
        8 bits. Raises ``InputError``."""
        import numpy as np

        size = self.width, self.height
        if self.preprocessing.letterbox is not None:
            return _letterboxed(picture.pixels, size, self.channels, self.preprocessing)
        image = _resized(picture.pixels, picture.name, size, self.preprocessing.crop)
        pixels = np.asarray(image).reshape(self.height, self.width, self.channels)
        return pixels[:, :, ::-1] if self.preprocessing.order == "bgr" else pixels

    def normalised(self, levels: "Array") -> "Array":
        """The tensor of what ``levels`` returned."""
        import numpy as np

        spec, preprocessing = self.spec, self.preprocessing
        if spec.dtype == "uint8" and levels.dtype == np.uint8 and preprocessing.is_identity:
            placed = levels.transpose(2, 0, 1) if self.layout == "nchw" else levels
            return np.array(placed, order="C").reshape(self.shape)
        mean, scale = (np.asarray(numbers, np.float32) for numbers in (preprocessing.mean, preprocessing.scale))
        values = (np.asarray(levels, np.float32) - mean) / scale
        if self.layout == "nchw":
            values = values.transpose(2, 0, 1)
        if not spec.dtype.startswith(("float", "bfloat", "int", "uint")) or spec.dtype in PACKED_BITS:
            raise InputError(
                of_flag("--input", sentence("input.not_an_image_input", spec_name=spec.name, dtype=spec.dtype))
            )
        dtype = numpy_type(spec.dtype)
        if dtype.kind in "iu":
            values = np.rint(values)
            limits = np.iinfo(dtype)
            if values.min() < limits.min or values.max() > limits.max:
                raise InputError(
                    of_flag(
                        "--input",
                        sentence(
                            "input.pixels_outside_type",
                            spec_name=spec.name,
                            lowest=values.min(),
                            highest=values.max(),
                            dtype=spec.dtype,
                        ),
                    ),
                    sentence("input.choose_mean_and_scale"),
                )
        return np.ascontiguousarray(values.reshape(self.shape), dtype)


def image_input(spec: TensorSpec, shape: tuple[int, ...], preprocessing: ImagePreprocessing) -> ImageInput:
    """The input as one that takes photographs. Raises ``InputError`` for a shape that cannot hold one."""
    layout, channels, height, width = image_layout(spec.name, shape, preprocessing)
    pad = () if preprocessing.letterbox is None else preprocessing.letterbox.pad
    if channels == 1 and max(len(preprocessing.mean), len(preprocessing.scale), len(pad)) > 1:
        raise InputError(
            of_flag("--input", sentence("input.one_channel", spec_name=spec.name)), sentence("input.give_one_number")
        )
    return ImageInput(spec, shape, preprocessing, layout, channels, height, width)


def image_tensor(file: Path, spec: TensorSpec, shape: tuple[int, ...], preprocessing: ImagePreprocessing) -> "Array":
    """The photograph as the input's tensor; see ``ImageInput``. Raises ``InputError``, also for a shape that cannot
    hold an image."""
    taken = image_input(spec, shape, preprocessing)
    return taken.tensor(taken.decode(file))


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
        code = "input.shape_of_either_layout" if fits else "input.shape_not_of_an_image"
        raise InputError(
            of_flag("--input", sentence(code, name=name, shape=str(list(shape)))),
            sentence("input.say_layout"),
        )
    return fits[0]


def _letterboxed(image: "Image", size: tuple[int, int], channels: int, preprocessing: ImagePreprocessing) -> "Array":
    """[height, width, channels] in the order of the tensor's channels, padded; see ``ImageInput.levels``."""
    import numpy as np
    from PIL.Image import Resampling

    assert preprocessing.letterbox is not None
    at = preprocessing.placed(image.size, size)
    inner = np.asarray(image.resize((at.width, at.height), Resampling.BILINEAR))
    inner = inner.reshape(at.height, at.width, channels)
    pad = preprocessing.letterbox.pad
    whole = all(0 <= level <= 255 and level == int(level) for level in pad)
    pixels = np.empty((size[1], size[0], channels), np.uint8 if whole else np.float32)
    pixels[:] = np.asarray(pad, pixels.dtype)
    placed = inner[:, :, ::-1] if preprocessing.order == "bgr" else inner
    pixels[at.top : at.top + at.height, at.left : at.left + at.width] = placed
    return pixels


def _resized(image: "Image", name: str, size: tuple[int, int], crop: int | None) -> "Image":
    from PIL.Image import Resampling

    if crop is None:
        return image.resize(size, Resampling.BILINEAR)
    if crop < max(size):
        raise InputError(
            of_flag(
                "--input",
                sentence("input.crop_smaller_than_input", file_name=name, crop=crop, width=size[0], height=size[1]),
            ),
            sentence("input.give_larger_crop", size=max(size)),
        )
    ratio = crop / min(image.size)
    scaled = image.resize((round(image.width * ratio), round(image.height * ratio)), Resampling.BILINEAR)
    left, top = (scaled.width - size[0]) // 2, (scaled.height - size[1]) // 2
    return scaled.crop((left, top, left + size[0], top + size[1]))
