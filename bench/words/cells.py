"""How wide text is at a terminal: a Korean, Chinese or Japanese character takes two cells, a combining one none."""

from textwrap import wrap
from unicodedata import combining, east_asian_width

SECOND = "\ufdd0"
"""Stands for the second cell of a wide character while lines are broken by their length. No text holds it: Unicode
reserves it as a noncharacter."""

JAMO = range(0x1160, 0x1200)
"""Vowels and finals of Hangul written letter by letter; they join the consonant before them."""


def cells(text: str) -> int:
    """The number of cells that one line takes."""
    return len(text) if text.isascii() else sum(map(_of, text))


def padded(text: str, width: int) -> str:
    """``text`` with spaces up to ``width`` cells."""
    return text + " " * (width - cells(text))


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` cells, broken between words where a word fits into a line."""
    return [narrowed(line) for line in wrap(widened(text), width, break_on_hyphens=False)]


def widened(text: str) -> str:
    """``text`` as long as it is wide, for code that counts characters. ``narrowed`` undoes it."""
    return text if text.isascii() else "".join(sign + SECOND if _of(sign) == 2 else sign for sign in text)


def narrowed(text: str) -> str:
    """What ``widened`` was given."""
    return text.replace(SECOND, "")


def _of(sign: str) -> int:
    if combining(sign) or ord(sign) in JAMO:
        return 0
    return 2 if east_asian_width(sign) in "WF" else 1
