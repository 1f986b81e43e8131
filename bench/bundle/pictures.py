"""What a picture's metadata say of where, by whom and with which camera it was taken."""

from contextlib import suppress
from pathlib import Path

from bench.bundle.archive import Content

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
TAGS = {
    0x8825: "GPSInfo",
    0x013B: "Artist",
    0x013C: "HostComputer",
    0x9C9D: "XPAuthor",
    0xA430: "CameraOwnerName",
    0xA431: "BodySerialNumber",
    0xA435: "LensSerialNumber",
}
"""Of Exif 2.32, chapter 4.6."""
DETAILS = 0x8769
"""The directory of tags of the picture, which holds the camera's."""


def of_camera(name: str, content: Content) -> str:
    """The first of ``TAGS`` that a picture states; empty for none, and for what is no picture that can be read."""
    if Path(name).suffix.lower() not in SUFFIXES or not isinstance(content, Path):
        return ""
    from PIL import Image

    with suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError), Image.open(content) as picture:
        found = picture.getexif()
        stated = {tag for tag, value in (*found.items(), *found.get_ifd(DETAILS).items()) if value not in ("", b"")}
        return next((word for tag, word in TAGS.items() if tag in stated), "")
    return ""
