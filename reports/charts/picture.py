"""A chart as a PNG, for documents that show no SVG: what ``bench.reports.charts.svg`` writes, drawn by Pillow in the
colours of the printed page. Elements that no chart has are an error, so that no chart is drawn by half."""

import math
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from msgspec import Struct

from bench.reports.charts.fonts import OWN, family_for, font_of
from bench.reports.charts.style_sheet import style

PIXELS = 2.5
"""Of a picture, for each unit of the drawing: 300 to the inch where it is 85 mm wide."""
FINER = 3
"""Drawn so many times as large, and then reduced, which makes edges smooth."""
MARGIN = 6.0
"""Around the drawing, in its units: labels may reach beyond it."""
COLOURS = 64
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
_STEP = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_NUMBER = re.compile(r"-?[\d.]+")

Point = tuple[float, float]


class Picture(Struct, frozen=True):
    """``png``, and its size in pixels."""

    png: bytes
    width: int
    height: int


def texts_of(svg: str) -> tuple[str, ...]:
    """The labels in a drawing."""
    return tuple(one.text or "" for one in fromstring(svg).iter("text"))


def described(svg: str) -> str:
    """What a drawing says of itself to those who do not see it: its title and its description."""
    root = fromstring(svg)
    return "\n".join(filter(None, (root.findtext("title"), root.findtext("desc"))))


def can_be_lettered(svg: str) -> bool:
    """Whether a font that has all signs of the labels is installed."""
    return family_for(texts_of(svg)) != OWN


def picture(svg: str) -> Picture:
    """``svg``, a drawing of this package, as a PNG. Labels for which no font is installed are drawn in Latin letters by
    Pillow's own. The same bytes wherever Pillow and the fonts are the same."""
    from PIL import Image

    root = fromstring(svg)
    _, _, wide, high = map(float, root.attrib["viewBox"].split())
    scale = PIXELS * FINER
    size = (round((wide + 2 * MARGIN) * scale), round((high + 2 * MARGIN) * scale))
    canvas = _Canvas(Image.new("RGB", size, "#ffffff"), scale, texts_of(svg))
    for element in root:
        canvas.add(element)
    small = canvas.image.resize((size[0] // FINER, size[1] // FINER), Image.Resampling.BOX)
    made = BytesIO()
    small.quantize(COLOURS).save(made, "PNG", optimize=True)
    return Picture(made.getvalue(), *small.size)


class _Canvas:
    def __init__(self, image: Any, scale: float, texts: Sequence[str]) -> None:
        from PIL import ImageDraw

        self.image, self.scale = image, scale
        self.draw = ImageDraw.Draw(image)
        self.family = family_for(texts)

    def add(self, element: Element) -> None:
        found = style(element.tag, element.get("class", "").split())
        match element.tag:
            case "title" | "desc":
                pass
            case "path":
                self._path(element.attrib["d"], found)
            case "rect":
                x, y, wide, high = (float(element.get(name, 0)) for name in ("x", "y", "width", "height"))
                corners = [(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)]
                self._shape([*corners, corners[0]], closed=True, found=found)
            case "circle":
                x, y, radius = (float(element.attrib[name]) for name in ("cx", "cy", "r"))
                self._circle(x, y, radius, found)
            case "text":
                self._text(element, found)
            case _:
                raise ValueError(f"a chart has an element that pictures do not know: {element.tag}")

    def _at(self, points: Sequence[Point]) -> list[Point]:
        return [((x + MARGIN) * self.scale, (y + MARGIN) * self.scale) for x, y in points]

    def _path(self, steps: str, found: dict[str, str]) -> None:
        for points, closed in outlines(steps):
            self._shape(points, closed, found)

    def _shape(self, points: Sequence[Point], closed: bool, found: dict[str, str]) -> None:
        from PIL import Image, ImageDraw

        faint = float(found.get("opacity", 1))
        mask = None if faint == 1 else Image.new("L", self.image.size, 0)
        draw = self.draw if mask is None else ImageDraw.Draw(mask)
        shown = self._at(points)
        for name in ("fill", "stroke"):
            colour = found.get(name, "none")
            if colour == "none":
                continue
            ink: Any = colour if mask is None else round(255 * faint)
            if name == "fill" and closed:
                draw.polygon(shown, fill=ink)
            if name == "stroke":
                wide = max(1, round(float(found.get("stroke-width", 1)) * self.scale))
                for dash in self._dashes(shown, found.get("stroke-dasharray", "none")):
                    draw.line(dash, fill=ink, width=wide, joint="curve")
            if mask is not None:
                self.image.paste(colour, (0, 0), mask)

    def _dashes(self, points: Sequence[Point], pattern: str) -> Iterator[Sequence[Point]]:
        if pattern == "none":
            return iter([points])
        return dashes(points, [float(part) * self.scale for part in pattern.split()])

    def _circle(self, x: float, y: float, radius: float, found: dict[str, str]) -> None:
        edge = max(1, round(float(found.get("stroke-width", 1)) * self.scale))
        box = self._at([(x - radius, y - radius), (x + radius, y + radius)])
        self.draw.ellipse([*box[0], *box[1]], fill=found.get("fill"), outline=found.get("stroke"), width=edge)

    def _text(self, element: Element, found: dict[str, str]) -> None:
        size = float(found["font-size"].removesuffix("px")) * self.scale
        (at,) = self._at([(float(element.attrib["x"]), float(element.attrib["y"]))])
        heavy = round(0.2 * self.scale) if found.get("font-weight") == "600" else 0
        self.draw.text(
            at,
            self.family.shown(element.text or ""),
            fill=found["fill"],
            font=font_of(self.family, size),
            anchor=ANCHORS[element.get("text-anchor", "start")],
            stroke_width=heavy,
        )


def outlines(steps: str) -> Iterator[tuple[list[Point], bool]]:
    """The lines of a path's ``d``, and whether each is closed."""
    points: list[Point] = []
    for step, values in _STEP.findall(steps):
        numbers = [float(one) for one in _NUMBER.findall(values)]
        if step == "M" and points:
            yield points, False
            points = []
        if step == "Z":
            yield [*points, points[0]], True
            points = []
        else:
            points.append(_moved(step, numbers, *(points[-1] if points else (0.0, 0.0))))
    if points:
        yield points, False


def _moved(step: str, numbers: Sequence[float], x: float, y: float) -> Point:
    match step, numbers:
        case (("M" | "L"), [to_x, to_y]):
            return to_x, to_y
        case "H", [to_x]:
            return to_x, y
        case "V", [to_y]:
            return x, to_y
        case "h", [by]:
            return x + by, y
        case "v", [by]:
            return x, y + by
    raise ValueError(f"a chart has a step that pictures do not know: {step} {numbers}")


def dashes(points: Sequence[Point], pattern: Sequence[float]) -> Iterator[list[Point]]:
    """The parts of a line that are drawn: lengths of ``pattern`` are drawn and left out in turn."""
    index, left, drawn = 0, pattern[0], [points[0]]
    for start, end in pairwise(points):
        length = math.dist(start, end)
        done = 0.0
        while length - done > left:
            done += left
            share = done / length
            corner = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
            if index % 2 == 0:
                yield [*drawn, corner]
            index += 1
            left, drawn = pattern[index % len(pattern)], [corner]
        left -= length - done
        drawn.append(end)
    if index % 2 == 0 and len(drawn) > 1:
        yield drawn
