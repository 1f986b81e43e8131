"""Charts as pictures: the drawing's own colours at the drawing's own places, and no chart that is drawn by half."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from report_runs import emulated, text, vision

from bench.reports.charts import fonts
from bench.reports.charts.figures import figures
from bench.reports.charts.fonts import OWN, Family, family_for, font_of
from bench.reports.charts.picture import MARGIN, PIXELS, can_be_lettered, dashes, described, outlines, picture
from bench.reports.charts.style_sheet import style
from bench.reports.charts.svg import Axis, Frame, band, bars, drawing, line
from bench.words import speaking

PRIVATE, SHARED, FIRST = "#2f6f9f", "#9dbfd6", "#1f5f8b"


def colour_at(image: Any, x: float, y: float) -> tuple[int, ...]:
    """Of the pixel at a place of the drawing."""
    return tuple(image.getpixel((round((x + MARGIN) * PIXELS), round((y + MARGIN) * PIXELS))))


def opened(svg: str) -> Any:
    return Image.open(BytesIO(picture(svg).png)).convert("RGB")


def rgb(colour: str, opacity: float = 1.0) -> tuple[int, ...]:
    """``colour`` on white."""
    return tuple(round(255 + (int(colour[n : n + 2], 16) - 255) * opacity) for n in (1, 3, 5))


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """A picture has few colours."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 6


def test_styles_are_those_of_the_printed_page() -> None:
    """More classes win, and a style that no rule names has no ink."""
    assert style("path", ["line", "s2"]) == {
        "fill": "none",
        "stroke-width": "1.6",
        "stroke-linejoin": "round",
        "stroke": "#b5541c",
        "stroke-dasharray": "6 2",
    }
    assert (style("path", ["line", "many"])["stroke-width"], style("path", ["line", "many"])["opacity"]) == ("1", ".6")
    assert style("path", ["band", "s3"])["fill"] == "#3f7d4e"
    assert (style("rect", ["p4"])["fill"], style("rect", ["warm"])["stroke"]) == (PRIVATE, "none")
    assert style("text", ["tick"])["fill"] == "#444"


def test_bars_have_their_colours_and_lengths() -> None:
    """Two parts, the first of three quarters; beyond them is paper."""
    axis = Axis(0, 1, 58, 388, "share")
    image = opened(bars("b", "Bars", "two parts", [("row", [("p4", 0.6), ("p2", 0.2)])], axis))
    for share, colour in ((0.01, PRIVATE), (0.58, PRIVATE), (0.62, SHARED), (0.78, SHARED), (0.85, "#ffffff")):
        assert near(colour_at(image, axis.at(share), 14), rgb(colour)), share


def test_lines_and_bands_lie_where_they_are_drawn() -> None:
    """A band is as faint as on the page, a line is opaque."""
    frame = Frame(Axis(0, 10, 50, 390), Axis(0, 10, 170, 20))
    parts = [band(frame, [0, 10], [2, 2], [6, 6], "s1"), line(frame, [0, 10], [8, 8], "s1")]
    image = opened(drawing("d", "A line", "and a band", parts))
    assert near(colour_at(image, 200, frame.y.at(8)), rgb(FIRST))
    assert near(colour_at(image, 200, frame.y.at(4)), rgb(FIRST, 0.16))
    assert colour_at(image, 200, frame.y.at(9)) == (255, 255, 255)


def test_a_picture_is_as_large_as_its_drawing() -> None:
    """With a margin, and 300 pixels to the inch where it is 85 mm wide."""
    made = picture(drawing("d", "t", "d", [], height=100))
    assert (made.width, made.height) == (round(412 * PIXELS), round(112 * PIXELS))
    assert Image.open(BytesIO(made.png)).size == (made.width, made.height)


def test_the_steps_of_a_path() -> None:
    """Absolute and relative ones, several lines in one path, and one that is closed."""
    assert list(outlines("M1 2L3 4H5V6h1v-1")) == [([(1, 2), (3, 4), (5, 4), (5, 6), (6, 6), (6, 5)], False)]
    assert list(outlines("M0 0L1 0L1 1Z")) == [([(0, 0), (1, 0), (1, 1), (0, 0)], True)]
    assert list(outlines("M0 0L1.5 0M2 2L3 3")) == [([(0, 0), (1.5, 0)], False), ([(2, 2), (3, 3)], False)]


def test_dashes_go_around_corners() -> None:
    """Four drawn, two left out, by the length of the line."""
    assert list(dashes([(0, 0), (5, 0), (5, 5)], [4, 2])) == [[(0, 0), (4, 0)], [(5, 1), (5, 5)]]
    assert list(dashes([(0, 0), (3, 0)], [4, 2])) == [[(0, 0), (3, 0)]]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("make", [vision, text, emulated])
def test_every_chart_of_a_run_becomes_a_picture(make: Any, language: str) -> None:
    """None has an element or a style that pictures lack; each says what it shows."""
    with speaking(language):
        drawn = figures(make("a") if make is vision else make(), "r1")
    assert drawn
    for figure in drawn:
        assert picture(figure.svg).png.startswith(b"\x89PNG")
        assert described(figure.svg).startswith(figure.title)
        assert "\n" in described(figure.svg)


def test_the_same_drawing_gives_the_same_bytes() -> None:
    """Nothing of the time is in them."""
    svg = figures(emulated(), "r1")[0].svg
    assert picture(svg).png == picture(svg).png


def test_an_element_that_pictures_lack_is_an_error() -> None:
    """It would be missing in the document, and nobody would see it."""
    with pytest.raises(ValueError, match="polygon"):
        picture(drawing("d", "t", "d", ['<polygon points="0 0"/>']))


def test_without_fonts_labels_are_latin(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the font that Pillow brings along; what it lacks is replaced."""
    monkeypatch.setattr(fonts, "installed", lambda: ())
    assert family_for(["ms"]) == OWN
    assert not can_be_lettered(drawing("d", "t", "d", ["<text>지연시간, ms</text>"]))
    assert OWN.shown("12 µs – 지연 ±1 ×2") == "12 us - ?? ±1 x2"
    font = font_of(OWN, 16.0)
    box = bytes(font.getmask(fonts.NO_SIGN))
    assert [sign for sign in fonts.OWN_SIGNS if bytes(font.getmask(sign)) == box] == []
    svg = figures(emulated(), "r1")[0].svg
    assert picture(svg).png.startswith(b"\x89PNG")


def test_a_font_that_lacks_a_sign_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one that has all of them is."""
    latin, korean = Family("latin.ttf"), Family("korean.ttf")
    monkeypatch.setattr(fonts, "installed", lambda: (latin, korean))
    monkeypatch.setattr(fonts, "_has", lambda family, sign: family == korean or sign.isascii())
    assert [family_for(["ms"]), family_for(["ms", "지연"])] == [latin, korean]
