"""Latency, and samples a second, by batch size and by the size of pictures: a figure each for a model, a line a
target."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure, Frame
from bench.reports.view.curves.batches import by_subject, sides_text
from bench.reports.view.curves.table import capital
from bench.reports.view.rows import Numbered
from bench.reports.words import figures
from bench.words import say, units

_LINES = 4  # with separate styles
METRICS = ("latency_p50_ns", "samples_per_s")
AXES: Mapping[str, int] = MappingProxyType({"batches": 1, "sides": 0})
"""Where the sizes of a chart are in ``Sized``."""
Runs = Sequence[tuple[int, Numbered]]
Line = list[tuple[int, float, tuple[float, float]]]


def batch_figures(items: Sequence[Numbered]) -> tuple[Figure, ...]:
    """Drawn where a model was measured at two batch sizes or more with pictures of one size, or the other way round.
    Sizes are at equal distances."""
    models: dict[tuple[str, str, str], dict[str, Runs]] = {}
    for (folder, model, precision, target), runs in by_subject(items).items():
        for kind, axis, other in ((kind, axis, size[1 - axis]) for kind, axis in AXES.items() for size, _ in runs):
            beside = _beside(kind, other)
            name = f"{model} {precision}".strip()
            found = [(size[axis], item) for size, item in runs if size[1 - axis] == other and size[axis]]
            models.setdefault((folder, f"{name}, {beside}" if beside else name, kind), {})[target] = found
    drawn = []
    for number, ((_, name, kind), targets) in enumerate(models.items(), 1):
        for metric in METRICS:
            lines = {target: _line(runs, metric) for target, runs in targets.items()}
            known = {target: line for target, line in lines.items() if len(line) > 1}
            if known:
                drawn.append(_figure(f"batch-{number}-{metric.split('_')[0]}", name, metric, known, kind))
    return tuple(drawn)


def _beside(kind: str, other: int) -> str:
    """The size that all runs of a line have: a batch of one, and pictures as the file has them, go without saying."""
    if kind == "batches":
        return sides_text(other) if other else ""
    return say("chart.sides.batch", samples=other) if other > 1 else ""


def _line(runs: Runs, metric: str) -> Line:
    found: Line = []
    for size, item in runs:
        value, between = figures.figure(item.record, metric), figures.interval(item.record, metric)
        if value is not None:
            found.append((size, float(value), between or (value, value)))
    return found


def _figure(name: str, model: str, metric: str, lines: dict[str, Line], kind: str) -> Figure:
    sizes = sorted({size for line in lines.values() for size, *_ in line})
    place = {size: float(index) for index, size in enumerate(sizes)}
    highest = 1.05 * max(max(value, bounds[1]) for line in lines.values() for _, value, bounds in line)
    title_of = capital(str(figures.metrics()[metric].title))
    bottom, top = 172.0, 24.0
    axis = svg.time_axis if metric == METRICS[0] else Axis
    y = axis(0, highest, bottom, top, title_of)
    frame = Frame(Axis(0, len(sizes) - 1, 46, svg.WIDTH - 14, say(f"chart.{kind}.axis")), y)
    parts, legend = [svg.axes(frame, tuple((place[size], units.grouped(size)) for size in sizes))], []
    unit = figures.metrics()[metric].unit
    for index, (target, line) in enumerate(lines.items()):
        style = f"s{index + 1}" if index < _LINES else "many"
        xs = [place[size] for size, *_ in line]
        parts.append(svg.band(frame, xs, [low for *_, (low, _) in line], [high for *_, (_, high) in line], style))
        parts.append(svg.line(frame, xs, [value for _, value, _ in line], style))
        ends = (units.figure(line[0][1], unit), units.figure(line[-1][1], unit))
        legend.append((style, target, say("unit.from_to", low=ends[0], high=ends[1])))
    title = say(f"chart.{kind}.title", figure=title_of, model=model)
    words = "; ".join(f"{target}: {value}" for _, target, value in legend)
    return Figure(title, svg.drawing(name, title, words, parts), tuple(legend), say("chart.curve.note"))
