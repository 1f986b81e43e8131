"""Colours of the pages: text is readable on every ground that it stands on, in the light, the dark and on paper."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "reports" / "page.css").read_text(encoding="utf-8")
STATES = ("valid", "invalid", "failed", "emulated")
TEXT_PAIRS = [
    *((text, ground) for text in ("ink", "soft", "accent", "skipped") for ground in ("ground", "card", "sunk")),
    *((state, ground) for state in STATES for ground in ("ground", "card", f"{state}-wash")),
    *(("soft", f"{state}-wash") for state in STATES),
]
DRAWN_PAIRS = [(line, "card") for line in ("s1", "s2", "s3", "s4")]


def scheme(number: int) -> dict[str, str]:
    """The colours of the ``number``-th ``:root``: light, dark, print. The later ones replace some of the first."""
    roots = re.findall(r":root \{(.*?)\n\s*\}", CSS, re.DOTALL)
    assert len(roots) == 3
    first, later = (dict(re.findall(r"--([\w-]+): (#\w+)", root)) for root in (roots[0], roots[number]))
    return {**first, **later}


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    digits = colour.removeprefix("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21; the least grey that is readable on white is #767676."""
    assert (21.0, 4.54) == (contrast("#000", "#fff"), round(contrast("#767676", "#ffffff"), 2))


@pytest.mark.parametrize("number", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_is_readable_on_every_ground(number: int) -> None:
    """4.5 to 1 for text, also where a browser's checks cannot decide: in drawings, badges and hatched cells."""
    colours = scheme(number)
    found = {(text, ground): contrast(colours[text], colours[ground]) for text, ground in TEXT_PAIRS}
    assert {} == {pair: round(value, 2) for pair, value in found.items() if value < 4.5}


@pytest.mark.parametrize("number", [0, 1, 2], ids=["light", "dark", "print"])
def test_lines_are_seen(number: int) -> None:
    """3 to 1 for the lines of drawings."""
    colours = scheme(number)
    found = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in DRAWN_PAIRS}
    assert {} == {pair: round(value, 2) for pair, value in found.items() if value < 3}
