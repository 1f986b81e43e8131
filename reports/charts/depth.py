"""Time per output token over the depth of the cache: a figure a model and precision, a line a target."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from bench.record.record import Record
from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure, Frame
from bench.reports.view.rows import Numbered
from bench.reports.words.causes import emulated, status
from bench.reports.words.scenarios import may_stop, scenario_short
from bench.words import say, units

_LINES = 4  # with separate styles
_ROOM = 1.6  # over the highest line: an interval of few repeats may reach far beyond it


class Point(NamedTuple):
    depth: int
    tpot_ns: int
    low_ns: int
    high_ns: int
    valid: bool


Curve = tuple[Point, ...]


def depth_figures(items: Sequence[Numbered]) -> tuple[Figure, ...]:
    """Drawn if a target was measured at two depths or more. All charts have the same scale, so that they can be
    compared."""
    found: dict[tuple[str, ...], dict[str, list[Point]]] = {}
    for item in items:
        record = item.record
        point = _point(record)
        if point is not None:
            found.setdefault(_subject(record), {}).setdefault(_line_name(record), []).append(point)
    curves = {
        subject: {name: tuple(sorted(points)) for name, points in lines.items() if len({p.depth for p in points}) > 1}
        for subject, lines in found.items()
    }
    drawn = {subject: lines for subject, lines in curves.items() if lines}
    points = [p for lines in drawn.values() for curve in lines.values() for p in curve]
    highest = max((p.tpot_ns for p in points), default=0)
    top = min(_ROOM * highest, max((p.high_ns for p in points), default=0))
    return tuple(
        _figure(f"depth-{number}", subject, lines, top) for number, (subject, lines) in enumerate(drawn.items(), 1)
    )


def _point(record: Record) -> Point | None:
    text = record.summary.text_generation
    if record.status != "ok" or emulated(record) or text is None or text.tpot_ns is None:
        return None
    low, high = text.tpot_ns_ci95 or (text.tpot_ns, text.tpot_ns)
    return Point(text.depth_tokens, text.tpot_ns, low, high, status(record) == "valid")


def _subject(record: Record) -> tuple[str, ...]:
    work = scenario_short(record.plan.model.task, replace(record.plan.scenario, depth_tokens=0), may_stop(record.plan))
    return (units.clean(record.plan.model.id), units.clean(record.plan.model.precision or ""), work)


def _line_name(record: Record) -> str:
    options = ", ".join(f"{k}={v}" for k, v in record.plan.target.options_requested.items())
    return units.clean(f"{record.plan.target.id} {options}".strip())


def _figure(name: str, subject: tuple[str, ...], lines: dict[str, Curve], top: float) -> Figure:
    model, precision, work = subject
    title = say("chart.depth.title", model=model, precision=precision, work=work)
    deepest = max(p.depth for curve in lines.values() for p in curve)
    frame = Frame(
        Axis(0, deepest, 46, svg.WIDTH - 14, say("chart.depth.axis")),
        svg.time_axis(0, top * 1.05, 172, 24, say("metric.tpot_ns.title")),
    )
    parts, legend, doubtful = [svg.axes(frame)], [], []
    for index, (target, curve) in enumerate(lines.items()):
        style = f"s{index + 1}" if index < _LINES else "many"
        depths = [float(p.depth) for p in curve]
        parts.append(svg.band(frame, depths, [p.low_ns for p in curve], [p.high_ns for p in curve], style))
        parts.append(svg.line(frame, depths, [float(p.tpot_ns) for p in curve], style))
        first, last = curve[0], curve[-1]
        growth = say("unit.from_to", low=units.duration(first.tpot_ns), high=units.duration(last.tpot_ns))
        legend.append((style, target, growth))
        doubtful += [say("chart.depth.at", target=target, depth=p.depth) for p in curve if not p.valid]
    words = "; ".join(f"{target}: {value}" for _, target, value in legend)
    notes = [say("chart.depth.note")]
    if any(p.high_ns > top for curve in lines.values() for p in curve):
        notes.append(say("chart.depth.cut", at=top))
    if doubtful:
        notes.append(say("chart.depth.invalid", points=doubtful))
    return Figure(title, svg.drawing(name, title, words, parts), tuple(legend), " ".join(notes))
