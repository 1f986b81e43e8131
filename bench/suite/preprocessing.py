"""How a photograph becomes a tensor, as the user asks for it."""

import math
from fractions import Fraction
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from bench.errors import InputError, UnknownName
from bench.words import sentence

DECODERS = ("pillow", "opencv")
PREPROCESSING_FORM = "order=bgr,mean=104:117:123,scale=1,resize=crop256,layout=nchw"


CROP_DIGITS = 5  # of resize=crop…: no picture has a side of more


class Letterbox(Struct, frozen=True):
    """The picture keeps its proportions and the rest of the input is filled with ``pad``, pixels of 0 to 255 in the
    order of the channels. ``corner``: the picture is at the top left; else in the centre, half a pixel to the top left
    where the rest is odd. ``floor``: its shorter side is rounded down; else to the nearest. ``shrink``: a picture
    smaller than the input is not enlarged.
    """

    pad: tuple[float, ...] = (114.0,)
    corner: bool = False
    floor: bool = False
    shrink: bool = False

    def __str__(self) -> str:
        words = [name for name in LETTERBOX_WORDS if getattr(self, name)]
        return ":".join([*(repr(x).removesuffix(".0") for x in self.pad), *words])


LETTERBOX_WORDS = ("corner", "floor", "shrink")


class Placed(Struct, frozen=True):
    """Where a picture lies in the model's input, in whole pixels of the input. Its sides are scaled one by one, since
    both are rounded."""

    left: int
    top: int
    width: int
    height: int


class ImagePreprocessing(Struct, frozen=True):
    """How a photograph becomes a tensor: decoded to 0–255 (turned upright by its EXIF), resized, channels ordered, then
    (x − mean) / scale for each channel in that order.

    The size is the input's. ``crop`` and ``letterbox`` None: stretched to it. ``crop``: the shorter side becomes
    ``crop`` and the centre is cut out. Bilinear, with antialiasing. ``layout`` None: where the 1 or 3 channels are in
    the input's shape. ``decoder``: what decodes files; OpenCV's levels may differ from Pillow's by a few.
    """

    order: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    crop: int | None = None
    layout: Literal["nchw", "nhwc"] | None = None
    letterbox: Letterbox | None = None
    decoder: Literal["pillow", "opencv"] = "pillow"

    @property
    def is_identity(self) -> bool:
        """Whether mean and scale change nothing."""
        return {*self.mean} == {0.0} and {*self.scale} == {1.0}

    def prepares_as(self, other: "ImagePreprocessing") -> bool:
        """Whether both make the same values of a picture, in whatever layout and with whichever decoder."""
        return self._values() == other._values()

    def _values(self) -> tuple[object, ...]:
        mean, scale = (one * 3 if len(one) == 1 else one for one in (self.mean, self.scale))
        box = self.letterbox
        if box is not None and len(box.pad) == 1:
            box = replace(box, pad=box.pad * 3)
        return self.order, mean, scale, self.crop, box

    def placed(self, image: tuple[int, int], network: tuple[int, int]) -> Placed:
        """Where a picture of that width and height lies in an input of that width and height, without a crop."""
        if self.letterbox is None:
            return Placed(0, 0, *network)
        ratio = min(Fraction(network[0], image[0]), Fraction(network[1], image[1]))
        if self.letterbox.shrink:
            ratio = min(ratio, Fraction(1))
        whole = math.floor if self.letterbox.floor else round
        width, height = (max(1, whole(side * ratio)) for side in image)
        if self.letterbox.corner:
            return Placed(0, 0, width, height)
        return Placed((network[0] - width) // 2, (network[1] - height) // 2, width, height)

    def __str__(self) -> str:
        """As ``parse_preprocessing`` reads it."""
        mean, scale = (":".join(repr(x).removesuffix(".0") for x in values) for values in (self.mean, self.scale))
        resize = "resize=plain" if self.crop is None else f"resize=crop{self.crop}"
        if self.letterbox is not None:
            resize = f"letterbox={self.letterbox}"
        text = f"order={self.order},mean={mean},scale={scale},{resize}"
        text = text if self.layout is None else f"{text},layout={self.layout}"
        return text if self.decoder == "pillow" else f"{text},decoder={self.decoder}"


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
            case "decoder" if value in DECODERS:
                parts["decoder"] = value
            case "mean" | "scale":
                parts[key] = _channel_numbers(part, key, value)
            case "resize" if value == "plain" or pixels > 0:
                parts["crop"] = pixels or None
            case "letterbox":
                parts["letterbox"] = _letterbox(part, value)
            case "order" | "layout" | "resize" | "decoder":
                raise InputError(
                    sentence("suite.image_preprocessing_not_understood", part=part),
                    sentence("suite.preprocessing_example", preprocessing_form=PREPROCESSING_FORM),
                )
            case _:
                raise UnknownName(
                    sentence("suite.image_preprocessing"),
                    key,
                    ("order", "mean", "scale", "resize", "letterbox", "layout", "decoder"),
                )
    if "crop" in parts and "letterbox" in parts:
        raise InputError(sentence("suite.crop_and_letterbox", text=text), sentence("suite.give_one_of_resize"))
    return ImagePreprocessing(**parts)


def _letterbox(part: str, value: str) -> Letterbox:
    """``114:corner:floor``, ``0:127.5:255``: one or three pixels, then words in any order."""
    pad, words = [], []
    for piece in value.split(":"):
        if piece in LETTERBOX_WORDS:
            words.append(piece)
            continue
        try:
            pad.append(float(piece))
        except ValueError:
            pad.append(math.nan)
    twice = len({*words}) < len(words)
    if len(pad) not in (1, 3) or twice or not all(0 <= pixel <= MOST_PIXEL for pixel in pad):
        raise InputError(
            sentence("suite.image_preprocessing_not_understood", part=part), sentence("suite.letterbox_form")
        )
    return Letterbox(tuple(pad), **dict.fromkeys(words, True))


MOST_PIXEL = 255


def _channel_numbers(part: str, key: str, value: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in value.split(":"))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)) or (key == "scale" and 0 in numbers):
        raise InputError(
            sentence("suite.image_preprocessing_not_understood", part=part),
            sentence("suite.give_one_number_three_colons", preprocessing_form=PREPROCESSING_FORM),
        )
    return numbers
