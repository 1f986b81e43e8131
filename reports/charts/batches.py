"""Latency, and samples a second, by batch size: a figure each for a model, a line a target."""

from collections.abc import Sequence

from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure, Frame
from bench.reports.view.curves.batches import by_subject
from bench.reports.view.curves.table import capital
from bench.reports.view.rows import Numbered
from bench.reports.words import figures
from bench.words import say, units

_LINES = 4  # with separate styles
METRICS = ("latency_p50_ns", "samples_per_s")
Line = list[tuple[int, float, tuple[float, float]]]


def batch_figures(items: Sequence[Numbered]) -> tuple[Figure, ...]:
    """Drawn where a model was measured at two sizes or more. Sizes are at equal distances."""
    models: dict[tuple[str, str, str], dict[str, list[tuple[int, Numbered]]]] = {}
    for (folder, model, precision, target), runs in by_subject(items).items():
        models.setdefault((folder, model, precision), {})[target] = runs
    drawn = []
    for number, ((_, model, precision), targets) in enumerate(models.items(), 1):
        for metric in METRICS:
            lines = {target: _line(runs, metric) for target, runs in targets.items()}
            known = {target: line for target, line in lines.items() if len(line) > 1}
            if known:
                name = f"{model} {precision}".strip()
                drawn.append(_figure(f"batch-{number}-{metric.split('_')[0]}", name, metric, known))
    return tuple(drawn)


def _line(runs: Sequence[tuple[int, Numbered]], metric: str) -> Line:
    found: Line = []
    for size, item in runs:
        value, between = figures.figure(item.record, metric), figures.interval(item.record, metric)
        if value is not None:
            found.append((size, float(value), between or (value, value)))
    return found


def _figure(name: str, model: str, metric: str, lines: dict[str, Line]) -> Figure:
    sizes = sorted({size for line in lines.values() for size, *_ in line})
    place = {size: float(index) for index, size in enumerate(sizes)}
    highest = 1.05 * max(max(value, bounds[1]) for line in lines.values() for _, value, bounds in line)
    title_of = capital(str(figures.metrics()[metric].title))
    bottom, top = 172.0, 24.0
    axis = svg.time_axis if metric == METRICS[0] else Axis
    y = axis(0, highest, bottom, top, title_of)
    frame = Frame(Axis(0, len(sizes) - 1, 46, svg.WIDTH - 14, say("chart.batches.axis")), y)
    parts, legend = [svg.axes(frame, tuple((place[size], units.grouped(size)) for size in sizes))], []
    unit = figures.metrics()[metric].unit
    for index, (target, line) in enumerate(lines.items()):
        style = f"s{index + 1}" if index < _LINES else "many"
        xs = [place[size] for size, *_ in line]
        parts.append(svg.band(frame, xs, [low for *_, (low, _) in line], [high for *_, (_, high) in line], style))
        parts.append(svg.line(frame, xs, [value for _, value, _ in line], style))
        ends = (units.figure(line[0][1], unit), units.figure(line[-1][1], unit))
        legend.append((style, target, say("unit.from_to", low=ends[0], high=ends[1])))
    title = say("chart.batches.title", figure=title_of, model=model)
    words = "; ".join(f"{target}: {value}" for _, target, value in legend)
    return Figure(title, svg.drawing(name, title, words, parts), tuple(legend), say("chart.curve.note"))
