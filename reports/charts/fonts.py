"""A font for the labels of a picture: one that is installed and has all signs, or the one that Pillow brings along."""

import os
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

KNOWN = (
    ("NotoSansCJK-Regular.ttc", 1),
    ("NotoSansKR-Regular.otf", 0),
    ("NotoSansKR-Regular.ttf", 0),
    ("malgun.ttf", 0),
    ("AppleSDGothicNeo.ttc", 0),
    ("NanumGothic.ttf", 0),
    ("UnDotum.ttf", 0),
    ("DejaVuSans.ttf", 0),
    ("segoeui.ttf", 0),
    ("LiberationSans-Regular.ttf", 0),
    ("Arial.ttf", 0),
)
"""File and face of fonts that systems bring along, those with Hangul first."""
PLAIN = str.maketrans({"µ": "u", "–": "-", "−": "-", "×": "x", "→": "-", "“": '"', "”": '"', "’": "'"})
"""Signs that Pillow's own font lacks."""
OWN_SIGNS = "…±·°"
"""And those beyond ASCII that it has."""
NO_SIGN, CHECKED_AT = "\U0010fffd", 16.0
"""Of what no font has, it draws the same box; the size in which that is looked at."""


class Family(Struct, frozen=True):
    """A font file and the face in it. An empty ``path``: Pillow's own font, the same on every machine, which has Latin
    letters only."""

    path: str = ""
    face: int = 0

    def shown(self, text: str) -> str:
        """``text`` in signs that the font has."""
        if self.path:
            return text
        return "".join(sign if sign.isascii() or sign in OWN_SIGNS else "?" for sign in text.translate(PLAIN))


OWN = Family()


def family_for(texts: Iterable[str]) -> Family:
    """The first font with every sign of ``texts``; ``OWN`` where none is installed."""
    signs = sorted(set("".join(texts)) - {" "})
    return next((family for family in installed() if all(_has(family, sign) for sign in signs)), OWN)


@cache
def font_of(family: Family, size: float) -> Any:
    """The font of Pillow in ``size`` pixels."""
    from PIL import ImageFont

    return ImageFont.truetype(family.path, size, index=family.face) if family.path else ImageFont.load_default(size)


@cache
def installed() -> tuple[Family, ...]:
    """Those of ``KNOWN`` that can be read here, in that order."""
    found: dict[str, str] = {}
    for folder in _folders():
        for parent, _, names in os.walk(folder):
            for name in names:
                found.setdefault(name, str(Path(parent, name)))
    known = [Family(found[name], face) for name, face in KNOWN if name in found]
    return tuple(family for family in known if _readable(family))


def _readable(family: Family) -> bool:
    try:
        font_of(family, CHECKED_AT)
    except OSError:
        return False
    return True


def _folders() -> tuple[Path, ...]:
    """Where the system keeps fonts; never the folder that is worked in."""
    if sys.platform == "win32":
        return (Path(os.environ.get("WINDIR", r"C:\Windows"), "Fonts"),)
    if sys.platform == "darwin":
        return (Path("/System/Library/Fonts"), Path("/Library/Fonts"))
    return (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))


@cache
def _has(family: Family, sign: str) -> bool:
    font = font_of(family, CHECKED_AT)
    return bytes(font.getmask(sign)) != bytes(font.getmask(NO_SIGN))
