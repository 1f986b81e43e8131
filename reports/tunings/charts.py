"""The settings of a search, drawn: how they compare with the default, and the front, two figures at a time."""

from collections.abc import Sequence
from itertools import pairwise

from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure, Frame
from bench.reports.tunings import words
from bench.tuning import front
from bench.tuning.result import Tried, Tuning
from bench.words import say

ROW = 24.0
RANKED = 12
FAR = 3.0
SCALES = ((1 << 30, "GiB"), (1 << 20, "MiB"))
Numbered = tuple[int, Tried]


def figures(tuning: Tuning) -> tuple[Figure, ...]:
    """What can be drawn of them: a pair of figures takes two settings that have both."""
    drawn = [ranking(tuning), *(pair(tuning, x, y, f"front-{x.metric}-{y.metric}") for x, y in pairs(tuning))]
    return tuple(one for one in drawn if one is not None)


def pairs(tuning: Tuning) -> list[tuple[front.Axis, front.Axis]]:
    """Latency with throughput and with memory; memory and throughput with quality."""
    quality = [axis for axis in tuning.axes if axis.by == "difference"]
    others = [axis for axis in tuning.axes if axis.by != "difference"]
    rest = others[1:]
    return [*((others[0], other) for other in rest), *((other, one) for one in quality for other in rest[:2])]


def ranking(tuning: Tuning) -> Figure | None:
    """The best settings against the default, with intervals."""
    known = [(number, one) for number, one in words.shown(tuning) if one.options and one.ratio is not None][:RANKED]
    if not known:
        return None
    ends = [end for _, one in known for end in (*(one.interval or ()), one.ratio or 1.0)]
    ends = [max(0.0, min(end, 3.0)) for end in (*ends, 1.0)]
    room = 0.05 * (max(ends) - min(ends)) or 0.05
    axis = Axis(100 * (min(ends) - room - 1), 100 * (max(ends) + room - 1), 60, svg.WIDTH - 14, say("tune.axis.change"))
    height = ROW * len(known) + 46
    bottom = height - 38
    parts = []
    for at, text in axis.ticks():
        parts.append(f'<path class="grid" d="M{axis.at(at):.1f} 4V{bottom:.1f}"/>')
        parts.append(svg.label(axis.at(at), bottom + 14, text, "middle"))
    parts.append(f'<path class="mean" d="M{axis.at(0):.1f} 4V{bottom:.1f}"/>')
    for row, (number, one) in enumerate(known):
        parts += _ranked(axis, number, one, 18.0 + ROW * row)
    parts.append(svg.label((axis.start + axis.end) / 2, height - 6, axis.label, "middle", "name"))
    title = say("tune.chart.ranking", metric=words.title(tuning.metric))
    said = [say("tune.chart.point", number=number, value=words.change(one)) for number, one in known]
    note = say("tune.chart.ranking.note")
    return Figure(title, svg.drawing("ranking", title, say("chart.clauses", parts=said), parts, height), note=note)


def _ranked(axis: Axis, number: int, one: Tried, y: float) -> list[str]:
    parts = [svg.label(52, y + 4, f"{number}.", "end")]
    if one.interval is not None:
        low, high = (axis.at(100 * (end - 1)) for end in one.interval)
        parts.append(f'<path class="whisker" d="M{low:.1f} {y:g}H{high:.1f}"/>')
    style = "front" if one.on_front else "other"
    at = axis.at(100 * ((one.ratio or 1.0) - 1))
    parts.append(f'<circle class="{style}" cx="{at:.1f}" cy="{y:g}" r="4"/>')
    return parts


def pair(tuning: Tuning, x: front.Axis, y: front.Axis, name: str) -> Figure | None:
    """Every setting that has both figures; those of the front are numbered and joined."""
    every = [
        (number, one)
        for number, one in enumerate(words.measured(tuning))
        if x.metric in one.figures and y.metric in one.figures
    ]
    points = [(number, one) for number, one in every if one.on_front or not _far(one, tuning.tried[0], (x, y))]
    if len(points) < 2:
        return None
    frame = Frame(
        _axis([one.figures[x.metric] for _, one in points], x, 62, svg.WIDTH - 20),
        _axis([one.figures[y.metric] for _, one in points], y, svg.HEIGHT - 38, 26),
    )
    parts = [svg.axes(frame), _joined(points, x, y, frame)]
    for number, one in sorted(points, key=lambda point: (point[1].on_front, not point[1].options)):
        parts += _point(frame, number, one, x.metric, y.metric)
    title = say("tune.chart.pair", x=words.title(x.metric), y=words.title(y.metric))
    said = [
        say(
            "tune.chart.both",
            number=number,
            x=words.figure(one.figures[x.metric], x.metric),
            y=words.figure(one.figures[y.metric], y.metric),
        )
        for number, one in points
        if one.on_front
    ]
    note = say("tune.chart.pair.note", x=_better(x), y=_better(y))
    if beyond := len(every) - len(points):
        note = f"{note} {say('tune.chart.beyond', settings=beyond)}"
    return Figure(title, svg.drawing(name, title, say("chart.clauses", parts=said), parts), note=note)


def _far(one: Tried, default: Tried, axes: Sequence[front.Axis]) -> bool:
    """Whether it is so much worse than the default by one of them that the others would be drawn as one dot."""
    known = [(axis, one.figures[axis.metric], default.figures.get(axis.metric)) for axis in axes if axis.by == "ratio"]
    return any(theirs and ours > FAR * theirs for axis, ours, theirs in known if axis.lower_is_better)


def _better(axis: front.Axis) -> str:
    return say("tune.better.left" if axis.lower_is_better else "tune.better.right", title=words.title(axis.metric))


def _point(frame: Frame, number: int, one: Tried, x: str, y: str) -> list[str]:
    style = "default" if not one.options else "front" if one.on_front else "other"
    at, up = frame.x.at(one.figures[x]), frame.y.at(one.figures[y])
    parts = [f'<circle class="{style}" cx="{at:.1f}" cy="{up:.1f}" r="{4 if style != "other" else 3}"/>']
    if style != "other":
        parts.append(svg.label(at + 6, up - 5, str(number), "start", "mark-name"))
    return parts


def _joined(points: Sequence[Numbered], x: front.Axis, y: front.Axis, frame: Frame) -> str:
    """A line through the settings that no other beats by these two figures, as far as they are on the front."""
    known = [one.figures for _, one in points if one.on_front]
    chosen = front.front(known, (x, y))
    line = sorted((one[x.metric], one[y.metric]) for one, best in zip(known, chosen, strict=True) if best)
    places = [(frame.x.at(a), frame.y.at(b)) for a, b in line]
    return "".join(
        f'<path class="front" d="M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}"/>' for a, b in pairwise(places)
    )


def _axis(values: Sequence[float], by: front.Axis, start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = max(0.0, low - room) if low >= 0 else low - room, high + room
    title, unit = words.title(by.metric), words.UNITS[by.metric]
    if unit == "ns":
        return svg.time_axis(low, high, start, end, title)
    if unit == "bytes":
        scale, name = next(((s, n) for s, n in SCALES if high >= s), (1 << 10, "KiB"))
        return Axis(low, high, start, end, f"{title}, {name}", scale)
    if unit == "fraction":
        return Axis(low, min(high, 1.0), start, end, f"{title}, %", 0.01)
    return Axis(low, high, start, end, f"{title}, {say(f'tune.unit.{unit}')}")
