"""How a photograph becomes a tensor, as the user asks for it."""

import math
from typing import Any, Literal

from msgspec import Struct

from bench.errors import InputError, UnknownName
from bench.words import sentence

PREPROCESSING_FORM = "order=bgr,mean=104:117:123,scale=1,resize=crop256,layout=nchw"


CROP_DIGITS = 5  # of resize=crop…: no picture has a side of more


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
                raise InputError(
                    sentence("suite.image_preprocessing_not_understood", part=part),
                    sentence("suite.preprocessing_example", preprocessing_form=PREPROCESSING_FORM),
                )
            case _:
                raise UnknownName(
                    sentence("suite.image_preprocessing"), key, ("order", "mean", "scale", "resize", "layout")
                )
    return ImagePreprocessing(**parts)


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
