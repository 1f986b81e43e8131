"""Small SVG drawings: axes, lines, bands and stacked bars, as text.

Written directly and not by a plotting library, because the colours must come from the page (light, dark, print), the
same data must give the same bytes on every machine, and a line takes one kilobyte instead of twenty. Colours are
classes of the style sheet. Colour is never the only distinction: lines differ in dashes and bars have labels.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from itertools import accumulate
from unicodedata import east_asian_width

from msgspec import Struct
from msgspec.structs import replace

from bench.words.units import digits, localised

WIDTH, HEIGHT = 400.0, 210.0
_TYPE = 13.0  # of the labels on a phone, where it is largest (page.css)
_NARROW = 7.2  # mean width of a character of that type; of Hangul, kana and ideographs it is the type's size
_TIME_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


class Axis(Struct, frozen=True):
    """A linear axis: ``low`` to ``high`` drawn from ``start`` to ``end``; labels are values divided by ``scale``."""

    low: float
    high: float
    start: float
    end: float
    label: str = ""
    scale: float = 1.0

    def at(self, value: float) -> float:
        reach = self.high - self.low
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) / reach * (self.end - self.start) if reach else self.start

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Round values inside the axis, four or so, with their labels."""
        reach = (self.high - self.low) / self.scale
        if not reach > 0:
            return ((self.low, digits(self.low / self.scale)),)
        raw = reach / 4
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
        places = max(0, -math.floor(math.log10(step) + 1e-9) + (1 if f"{step / power:.1f}" == "2.5" else 0))
        first, last = math.ceil(self.low / self.scale / step - 1e-9), math.floor(self.high / self.scale / step + 1e-9)
        return tuple((i * step * self.scale, localised(f"{i * step:,.{places}f}")) for i in range(first, last + 1))


class Frame(Struct, frozen=True):
    x: Axis
    y: Axis


class Figure(Struct, frozen=True):
    """``legend``: (style, name, value) of the colours used; ``note`` says what the drawing leaves out."""

    title: str
    svg: str
    legend: tuple[tuple[str, str, str], ...] = ()
    note: str = ""


def time_axis(low: float, high: float, start: float, end: float, label: str) -> Axis:
    """An axis of nanoseconds, labelled in the unit that fits its end."""
    factor, unit = next(((f, u) for f, u in _TIME_UNITS if high >= f), (1.0, "ns"))
    return Axis(low, high, start, end, f"{label}, {unit}", factor)


def drawing(
    name: str, title: str, description: str, parts: Iterable[str], height: float = HEIGHT, width: float = WIDTH
) -> str:
    """The whole SVG. ``name`` makes its ids unique on the page; ``description`` says in words what is drawn."""
    head = (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(description)}</desc>'
    )
    return head + "".join(parts) + "</svg>"


def up_axis(axis: Axis, x: Axis, left: float) -> str:
    """Grid lines across ``x``, tick labels at ``left``, and the axis' name at the top."""
    parts = [label(2, 11, axis.label, "start", "name")]
    for value, text in axis.ticks():
        parts.append(f'<path class="grid" d="M{_n(left)} {_n(axis.at(value))}H{_n(x.end)}"/>')
        parts.append(label(left - 6, axis.at(value) + 3.5, text, "end"))
    return "".join(parts)


def across_axis(axis: Axis, y: Axis, ticks: Sequence[tuple[float, str]] | None = None) -> str:
    """The base line with its ticks, their labels, and the axis' name below; ``ticks`` instead of round values."""
    parts = [f'<path class="axis" d="M{_n(axis.start)} {_n(y.start)}H{_n(axis.end)}"/>']
    for value, text in axis.ticks() if ticks is None else ticks:
        parts.append(f'<path class="axis" d="M{_n(axis.at(value))} {_n(y.start)}v3.5"/>')
        parts.append(label(axis.at(value), y.start + 15, text, "middle"))
    parts.append(label((axis.start + axis.end) / 2, y.start + 30, axis.label, "middle", "name"))
    return "".join(parts)


def axes(frame: Frame, ticks: Sequence[tuple[float, str]] | None = None) -> str:
    return up_axis(frame.y, frame.x, frame.x.start) + across_axis(frame.x, frame.y, ticks)


def width(text: str) -> float:
    """About how wide ``text`` is as a label, in units of the drawing: rather too much than too little."""
    return sum(_TYPE if east_asian_width(sign) in "WF" else _NARROW for sign in text)


def cut(text: str, room: float) -> str:
    """``text``, or as much of its beginning as fits ``room`` with an ellipsis."""
    if width(text) <= room:
        return text
    return next((text[:end] + "…" for end in range(len(text), 0, -1) if width(text[:end] + "…") <= room), "…")


def cut_begin(text: str, room: float) -> str:
    """``text``, or as much of its end as fits ``room``: what tells names of layers apart stands there."""
    if width(text) <= room:
        return text
    return next(("…" + text[at:] for at in range(1, len(text)) if width("…" + text[at:]) <= room), "…")


def margin(names: Iterable[str], least: float) -> float:
    """The left end of an axis with ``names`` on its left: between ``least`` and half of the drawing."""
    return min(WIDTH / 2, max([least, *(width(name) + 10 for name in names)]))


def label(x: float, y: float, text: str, anchor: str = "start", style: str = "tick") -> str:
    return f'<text class="{style}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(text)}</text>'


def line(frame: Frame, xs: Iterable[float], ys: Iterable[float], style: str) -> str:
    points = [f"{_n(frame.x.at(x))} {_n(frame.y.at(y))}" for x, y in zip(xs, ys, strict=True)]
    return f'<path class="line {style}" d="M{"L".join(points)}"/>' if points else ""


def band(frame: Frame, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], style: str) -> str:
    """The area between two lines."""
    if len(xs) == 0:
        return ""
    there = [f"{_n(frame.x.at(x))} {_n(frame.y.at(y))}" for x, y in zip(xs, highs, strict=True)]
    back = [f"{_n(frame.x.at(x))} {_n(frame.y.at(y))}" for x, y in zip(xs, lows, strict=True)]
    return f'<path class="band {style}" d="M{"L".join([*there, *reversed(back)])}Z"/>'


def mark(frame: Frame, x: float, y: float, text: str) -> str:
    """A dot with its value, and a dotted line down to the axis; omitted if it is outside the frame."""
    if not (frame.x.low <= x <= frame.x.high and frame.y.low <= y <= frame.y.high):
        return ""
    at, up = frame.x.at(x), frame.y.at(y)
    down = f'<path class="mark" d="M{_n(at)} {_n(frame.y.start)}V{_n(up)}"/>'
    dot = f'<circle class="dot" cx="{_n(at)}" cy="{_n(up)}" r="3"/>'
    above = up - 8 if up - 8 > frame.y.end + 9 else up + 16
    return down + dot + label(max(at, frame.x.start + width(text) / 2), above, text, "middle", "mark-name")


def keys(entries: Sequence[tuple[str, str]], y: float, right: float = WIDTH - 6) -> str:
    """Names of lines, from the right end: a dash of the line's own style, then its name."""
    parts, at = [], right
    for name, style in reversed(entries):
        at -= width(name)
        parts.append(label(at, y + 3.5, name, "start", "tick"))
        parts.append(f'<path class="line {style}" d="M{_n(at - 22)} {_n(y)}h17"/>')
        at -= 32
    return "".join(parts)


def bars(
    name: str, title: str, description: str, rows: Sequence[tuple[str, Sequence[tuple[str, float]]]], axis: Axis
) -> str:
    """Stacked horizontal bars: each row a name and its parts, as (style, value) from left to right. The axis is moved
    to the right where names need more room."""
    axis = replace(axis, start=margin((row for row, _ in rows), axis.start))
    height = 26.0 * len(rows) + 34
    parts = []
    for value, text in axis.ticks():
        x = axis.at(value)
        parts.append(f'<path class="grid" d="M{_n(x)} 4V{_n(height - 30)}"/>')
        parts.append(label(x, height - 16, text, "middle"))
    for i, (title_of_row, pieces) in enumerate(rows):
        y = 6.0 + 26 * i
        parts.append(label(axis.start - 6, y + 12, cut(title_of_row, axis.start - 8), "end"))
        ends = list(accumulate((v for _, v in pieces), initial=0.0))
        for (style, _), low, high in zip(pieces, ends, ends[1:], strict=False):
            wide = axis.at(high) - axis.at(low)
            if wide > 0:
                box = f'x="{_n(axis.at(low))}" y="{_n(y)}" width="{_n(max(wide, 0.5))}" height="16"'
                parts.append(f'<rect class="{style}" {box}/>')
    parts.append(label((axis.start + axis.end) / 2, height - 2, axis.label, "middle", "name"))
    return drawing(name, title, description, parts, height)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
