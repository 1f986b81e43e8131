"""Files decoded to pictures of 8 bits: by Pillow, or by OpenCV (extra ``opencv``) where ``decoder=opencv`` asks for it.

OpenCV is never chosen by itself: decoders of JPEG round differently. It only decodes; why it does not resize is in
docs/experiments.md, "Pictures as tensors".
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.entry_points import versions
from bench.errors import InputError, of_flag
from bench.words import sentence

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
"""Pillow's modes of one channel of more than 8 bits; its own conversion to 8 clips them."""
DEEPEST_GREY = 65535
PLAIN = ("RGB", "RGBA", "L", "LA")
"""Its modes of 8 bits without a palette: both decoders take such a file for the same picture. Alpha that hides nothing
is dropped by both."""


def decoded_by_pillow(name: str, file: Path, channels: int) -> "Image":
    """By Pillow, upright, in 8-bit RGB or grey. Raises ``InputError`` for a picture that is ambiguous in 8 bits."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:  # upright in place: of every photograph a copy less
            ImageOps.exif_transpose(image, in_place=True)
            image.load()
    except Exception:  # Pillow's decoders raise whatever they meet in a damaged file
        raise _not_a_whole_image(name, file) from None
    _refuse_transparent(name, file, image)
    wide = image if image.mode not in DEEP_GREY else _eight_bits(name, file, image)
    wanted = "RGB" if channels == 3 else "L"
    return wide if wide.mode == wanted else wide.convert(wanted)


def _refuse_transparent(name: str, file: Path, image: "Image") -> None:
    """What is behind a transparent pixel is not in the file; an alpha channel that hides nothing is dropped."""
    if not image.has_transparency_data:
        return
    keyed = image.mode in DEEP_GREY  # one grey value counts as transparent; Pillow cannot show which pixels have it
    shown = image if "A" in image.getbands() or keyed else image.convert("RGBA")
    if keyed or shown.getchannel("A").getextrema()[0] != 255:
        raise InputError(
            of_flag("--input", sentence("input.transparent_pixels", name=name, file_name=file.name)),
            sentence("input.flatten_it"),
        )


def _eight_bits(name: str, file: Path, image: "Image") -> "Image":
    """A grey image of 16 bits by its high byte, as Pillow reads colour of 16 bits: 0–65535 becomes 0–255."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > DEEPEST_GREY:
        raise InputError(
            of_flag(
                "--input",
                sentence(
                    "input.image_range_unknown",
                    name=name,
                    file_name=file.name,
                    lowest=values.min(),
                    highest=values.max(),
                ),
            ),
            sentence("input.scale_to_8_bits"),
        )
    return Image.fromarray((values.astype(np.uint16) >> 8).astype(np.uint8))


def decoded_by_opencv(name: str, file: Path, channels: int) -> "Image":
    """Upright, in 8-bit RGB or grey. Raises ``InputError`` for a picture that Pillow would have to convert, and without
    OpenCV."""
    import numpy as np
    from PIL import Image

    cv2 = opencv()
    _refuse_converted(name, file)
    pixels = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise _not_a_whole_image(name, file)
    picture = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    return picture if channels == 3 else picture.convert("L")


def opencv() -> Any:
    """The module. Raises ``InputError`` where it is not installed."""
    try:
        import cv2
    except ImportError:
        raise InputError(sentence("input.no_opencv"), sentence("input.install_opencv")) from None
    return cv2


@cache
def _refuse_converted(name: str, file: Path) -> None:
    """Raise ``InputError`` for a file that is damaged, of which OpenCV may make a picture that is grey in part, and for
    one that is not plain. Once for each file, before anything is timed."""
    from PIL import Image

    decoded_by_pillow(name, file, 3)
    with Image.open(file) as image:
        mode = image.mode
    if mode not in PLAIN:
        raise InputError(
            of_flag("--input", sentence("input.opencv_mode", name=name, file_name=file.name, mode=mode)),
            sentence("input.leave_opencv_out"),
        )


def _not_a_whole_image(name: str, file: Path) -> InputError:
    told = of_flag("--input", sentence("input.not_a_whole_image", name=name, file_name=file.name))
    return InputError(told, sentence("input.open_viewer_save_again"))


DECODERS: Mapping[str, "Callable[[str, Path, int], Image]"] = MappingProxyType(
    {"pillow": decoded_by_pillow, "opencv": decoded_by_opencv}
)
"""By their names in ``--preprocessing``."""


def decoder_version(decoder: str) -> dict[str, str]:
    """Its name and version, as a record says them."""
    return {"opencv": str(opencv().__version__)} if decoder == "opencv" else versions(("pillow",))
