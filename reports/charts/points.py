"""A figure along the axis of a scenario: one line with its interval, and a dot a point."""

from collections.abc import Collection, Sequence
from itertools import pairwise

from msgspec.structs import replace

from bench.record.record import RecordedRun
from bench.record.summary import Curve
from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure, Frame
from bench.reports.view.curves.table import capital, curve_title, point_text, shown_points
from bench.scenarios.axes import axis_title
from bench.scenarios.parameters import SECONDS
from bench.words import say, units

MOST_CHARTS = 4
MOST_POINTS = 240
NAMED = 8
"""Up to so many points are named one by one below the line."""
UNEVEN = 8.0
"""A step so many times as long as another: the points are drawn at equal distances."""
SIGNS = {"celsius": "°C", "mhz": "MHz", "watts": "W"}
ROOM = 1.6
"""Over the highest value: an interval of few processes may reach far beyond it."""


def curve_figures(run: RecordedRun, name: str, drawn: Collection[str] = ()) -> tuple[Figure, ...]:
    """One for each curve that is known at two points or more; those of ``drawn`` are in another figure."""
    found = [(one, curve) for one, curve in run.record.summary.curves.items() if one not in drawn][:MOST_CHARTS]
    made = (_figure(curve, one, f"{name}-{number}") for number, (one, curve) in enumerate(found, 1))
    return tuple(figure for figure in made if figure is not None)


def _figure(curve: Curve, metric: str, name: str) -> Figure | None:
    known = [index for index, point in enumerate(curve.points) if point.value is not None]
    known = [known[place] for place in shown_points(len(known), MOST_POINTS)]
    if len(known) < 2:
        return None
    values = [float(curve.points[index].value or 0) for index in known]
    bounds = [curve.points[index].interval95 or (value, value) for index, value in zip(known, values, strict=True)]
    low, high = min(0.0, *values), min(max(top for _, top in bounds), ROOM * max(values))
    at, ticks = _places(curve, known)
    title = say("chart.curve.title", figure=capital(curve_title(metric)), axis=axis_title(curve.axis))
    y = _value_axis(low, max(0.0, high, *values) * 1.05 or 1.0, curve.unit, capital(curve_title(metric)))
    x = _across(curve, at, named=ticks is not None)
    frame = Frame(x, y)
    parts = [svg.axes(frame, ticks)]
    parts.append(svg.band(frame, at, [one for one, _ in bounds], [other for _, other in bounds], "s1"))
    parts.append(svg.line(frame, at, values, "s1"))
    if len(known) <= NAMED:
        dots = zip(at, values, strict=True)
        parts += [f'<circle class="dot" cx="{x.at(a):.1f}" cy="{y.at(v):.1f}" r="3"/>' for a, v in dots]
    said = [
        say("chart.curve.at", point=point_text(curve, index), value=units.figure(value, curve.unit))
        for index, value in list(zip(known, values, strict=True))[:NAMED]
    ]
    notes = [say("chart.curve.note")]
    if any(top > y.high for _, top in bounds):
        notes.append(say("chart.curve.cut", at=units.figure(y.high, curve.unit)))
    drawing = svg.drawing(f"{name}-curve", title, say("chart.curve.description", points=said), parts)
    return Figure(title, drawing, note=" ".join(notes))


def _places(curve: Curve, known: Sequence[int]) -> tuple[list[float], tuple[tuple[float, str], ...] | None]:
    """Where the points are on the axis, times in nanoseconds, and their names there; at equal distances where steps
    differ much. Few points of an axis that counts are named where they are: there is nothing between them."""
    at = [curve.at[index] * _ns(curve) for index in known]
    steps = [after - before for before, after in pairwise(at)]
    if len(known) <= NAMED and _ns(curve) == 1.0 and max(steps) < UNEVEN * min(steps):
        return at, tuple((place, f"{place:g}") for place in at)
    if len(known) > NAMED or max(steps) < UNEVEN * min(steps):
        return at, None
    names = (units.duration(value) if _ns(curve) != 1.0 else units.digits(value) for value in at)
    return [float(place) for place in range(len(at))], tuple((float(p), text) for p, text in enumerate(names))


def _ns(curve: Curve) -> float:
    """Nanoseconds of the axis' unit; 1 where it is none of short times: minutes are counted."""
    return SECONDS[curve.axis_unit] * 1e9 if SECONDS.get(curve.axis_unit, 60.0) < 60 else 1.0


def _across(curve: Curve, at: Sequence[float], *, named: bool) -> Axis:
    start, end, title = 46.0, svg.WIDTH - 14, capital(units.clean(str(axis_title(curve.axis))))
    if _ns(curve) != 1.0 and not named:
        return svg.time_axis(at[0], at[-1], start, end, title)
    return Axis(at[0], at[-1], start, end, title)


def _value_axis(low: float, high: float, unit: str, label: str) -> Axis:
    bottom, top = svg.HEIGHT - 38, 24.0
    if unit == "ns":  # in the unit of the larger end, which may be below zero
        return replace(svg.time_axis(low, max(high, -low), bottom, top, label), high=high)
    if unit == "fraction":
        return Axis(low, high, bottom, top, f"{label}, %", 0.01)
    return Axis(low, high, bottom, top, f"{label}, {SIGNS[unit]}" if unit in SIGNS else label)
