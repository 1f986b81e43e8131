"""A series over time, drawn: levels with intervals, what happened to it, and nights that do not count."""

import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from html import escape

from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.metrics import METRICS, Metric
from bench.nights.events import Event
from bench.nights.intervals import interval_of
from bench.nights.point import Point
from bench.nights.trend import Trend
from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure, Frame
from bench.words import say, units

HEIGHT = 280.0
LEFT, TOP, BOTTOM = 58.0, 40.0, HEIGHT - 44
SPARK_WIDTH, SPARK_HEIGHT, SPARK_POINTS = 150.0, 28.0, 90
RECENT = 90  # nights on a phone
DOTS = 150  # up to this many nights have a dot each
MARKED = 40  # nights with events that are drawn, the newest
BY_NAME = {metric.name: metric for metric in METRICS}
SIZES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))


def day_of(point: Point | Event) -> float:
    """The date as a number of days; 0 for one that is none."""
    try:
        return float(date.fromisoformat(point.created_utc[:10]).toordinal())
    except ValueError:
        return 0.0


class Shape(Struct, frozen=True):
    """``dates``: how many are on the axis."""

    width: float
    dates: int


WIDE, NARROW = Shape(900.0, 6), Shape(svg.WIDTH, 3)


def recent(trend: Trend) -> Trend:
    """The last ``RECENT`` nights of ``trend``, as they fit a phone."""
    points = trend.points[-RECENT:]
    ids = {point.record_id for point in points}
    events, shifts = ([one for one in found if one.record_id in ids] for found in (trend.events, trend.shifts))
    return replace(trend, points=points, events=tuple(events), shifts=tuple(shifts))


def trend_figure(trend: Trend, name: str, shape: Shape = WIDE) -> Figure | None:
    """``None`` where no night has a figure."""
    metric = BY_NAME.get(trend.metric or "")
    drawn = [point for point in trend.points if metric is not None and metric.name in point.levels]
    if metric is None or not drawn:
        return None
    frame = _frame(trend.points, drawn, metric, shape)
    good = trend.counting
    title = say("trend.chart.title", metric=metric.title, series=units.clean(trend.series.name))
    parts = [
        svg.up_axis(frame.y, frame.x, LEFT),
        svg.across_axis(frame.x, frame.y, _dates(frame.x, shape.dates)),
        *_events(trend, frame),
        *_base(trend, frame, metric),
        svg.band(frame, *_bounds(good, metric), "s1"),
        svg.line(frame, [day_of(p) for p in good], [p.levels[metric.name].figure for p in good], "s1"),
        *(_dots(good, frame, metric.name) if len(good) <= DOTS else ()),
        *_not_counting(trend, frame),
        *_shifts(trend, frame),
    ]
    said = say("trend.chart.said", nights=len(trend.points), counting=len(good), shifts=len(trend.shifts))
    notes = [say("trend.chart.note")]
    if len(trend.points) - len(good):
        notes.append(say("trend.chart.crosses", nights=len(trend.points) - len(good)))
    return Figure(title, svg.drawing(name, title, said, parts, HEIGHT, shape.width), note=" ".join(notes))


def sparkline(trend: Trend) -> str:
    """The last ``SPARK_POINTS`` nights, small, for a table whose cells say what there is to read."""
    good = trend.counting[-SPARK_POINTS:]
    if trend.metric is None or not good:
        return ""
    figures = [point.levels[trend.metric].figure for point in good]
    low, high = _widened(min(figures), max(figures), 0.02)
    days = [day_of(point) for point in good]
    x = Axis(days[0], max(days[-1], days[0] + 1), 3, SPARK_WIDTH - 3)
    frame = Frame(x, Axis(low, high, SPARK_HEIGHT - 3, 3))
    parts = [svg.line(frame, days, figures, "s1")]
    shifted = {shift.record_id for shift in trend.shifts}
    for point, day, figure in zip(good, days, figures, strict=True):
        if point.record_id in shifted:
            parts.append(f'<circle class="shift" cx="{frame.x.at(day):.1f}" cy="{frame.y.at(figure):.1f}" r="3"/>')
    box = f'width="{SPARK_WIDTH:g}" height="{SPARK_HEIGHT:g}" viewBox="0 0 {SPARK_WIDTH:g} {SPARK_HEIGHT:g}"'
    return f'<svg class="spark" {box} aria-hidden="true">{"".join(parts)}</svg>'


def _frame(points: Sequence[Point], drawn: Sequence[Point], metric: Metric, shape: Shape) -> Frame:
    days = [day_of(point) for point in points]
    figures = [point.levels[metric.name].figure for point in drawn]
    _, lows, highs = _bounds([point for point in drawn if point.counts], metric)
    middle, seen = sorted(figures)[len(figures) // 2], (*figures, *lows, *highs)
    kept = [value for value in seen if metric.fraction or middle / 4 <= value <= middle * 4] or figures
    low, high = _widened(min(kept), max(kept), 0.01)
    x = Axis(min(days), max(*days, min(days) + 1), LEFT, shape.width - 38)
    if metric.unit == "ns":
        return Frame(x, svg.time_axis(low, high, BOTTOM, TOP, str(metric.title)))
    factor, unit = 1.0, ""
    if metric.unit == "bytes":
        factor, unit = next((f, u) for f, u in SIZES if high >= f or f == 1.0)
    label = f"{metric.title}, {unit}" if unit else str(metric.title)
    return Frame(x, Axis(low, high, BOTTOM, TOP, label, factor))


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    """With a margin, and no narrower than ``least`` of the value: noise of a thousandth must not look like a cliff."""
    room = max((high - low) * 0.08, abs(high) * least, 1e-12)
    return low - room, high + room


def _dates(x: Axis, most: int) -> list[tuple[float, str]]:
    days = max(1, math.ceil((x.high - x.low) / most))
    last = int(x.high)
    found = [last - days * i for i in range(most + 1) if last - days * i >= x.low]
    return [(float(day), (date.min + timedelta(days=day - 1)).isoformat()) for day in reversed(found) if day > 0]


def _bounds(points: Sequence[Point], metric: Metric) -> tuple[list[float], list[float], list[float]]:
    """Days, and the ends of the interval of each; of the points that have one."""
    found = [(day_of(point), interval_of(point.levels[metric.name], metric.fraction)) for point in points]
    known = [(day, *ends) for day, ends in found if ends is not None]
    return [day for day, _, _ in known], [low for _, low, _ in known], [high for _, _, high in known]


def _dots(points: Sequence[Point], frame: Frame, metric: str) -> Iterator[str]:
    for point in points:
        figure = point.levels[metric].figure
        at = f'cx="{frame.x.at(day_of(point)):.1f}" cy="{frame.y.at(figure):.1f}"'
        shown = escape(f"{point.night}: {units.figure(figure, BY_NAME[metric].unit)}")
        yield f'<circle class="night" {at} r="2"><title>{shown}</title></circle>'


def _not_counting(trend: Trend, frame: Frame) -> Iterator[str]:
    """A cross at the figure, which is not joined; on the base line where there is none."""
    for point in trend.points:
        if point.counts and trend.metric in point.levels:
            continue
        level = point.levels.get(trend.metric or "")
        x, y = frame.x.at(day_of(point)), frame.y.start if level is None else frame.y.at(level.figure)
        told = escape(f"{point.night}: {', '.join(point.codes) or point.status}")
        yield f'<path class="cross" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6"><title>{told}</title></path>'


def _events(trend: Trend, frame: Frame) -> Iterator[str]:
    nights: dict[str, list[str]] = {}
    for event in trend.events:
        nights.setdefault(event.created_utc[:10], []).append(event.what)
    for night, names in list(nights.items())[-MARKED:]:
        x = frame.x.at(float(date.fromisoformat(night).toordinal()))
        told = escape(f"{night}: {', '.join(names)}")
        yield f'<path class="event" d="M{x:.1f} {TOP - 8:g}V{BOTTOM:g}"><title>{told}</title></path>'
        yield f'<path class="flag" d="M{x:.1f} {TOP - 8:g}l-4 -7h8z"><title>{told}</title></path>'


def _base(trend: Trend, frame: Frame, metric: Metric) -> Iterator[str]:
    base = next((point for point in trend.points if point.record_id == trend.base_id), None)
    if base is not None and metric.name in base.levels:
        y = frame.y.at(base.levels[metric.name].figure)
        told = escape(say("trend.base"))
        yield f'<path class="base" d="M{LEFT:g} {y:.1f}H{frame.x.end:g}"><title>{told}</title></path>'


def _shifts(trend: Trend, frame: Frame) -> Iterator[str]:
    for shift in trend.shifts:
        if shift.metric != trend.metric:
            continue
        x = frame.x.at(float(date.fromisoformat(shift.night).toordinal()))
        shown = units.percent_change(1 + shift.change)
        room = svg.width(shown) / 2
        yield f'<path class="shift" d="M{x:.1f} {TOP:g}V{BOTTOM:g}"/>'
        yield svg.label(min(max(x, LEFT + room), frame.x.end - room), TOP - 22, shown, "middle", "mark-name")
