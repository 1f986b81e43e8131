"""The tries by what they lose, and the layers by their own error."""

from collections.abc import Sequence

from bench.contracts import LayerError
from bench.quantising.losses import decibels
from bench.quantising.outcome import Loss, Quantised
from bench.quantising.told import loss_interval, loss_told, method_told
from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure
from bench.words import say, units

ROW, TWO_LINES = 26.0, 36.0
LEFT, BOTTOM = 4.0, 38.0
LEAST_MARGIN = 150.0  # for the names of layers
MOST_LAYERS = 16


def tries_figure(outcome: Quantised) -> Figure | None:
    """A dot with its interval for each try that has a loss, below its name: farther right is better. ``None`` without
    any."""
    rows = [
        (method_told(one), one.judging, index == outcome.chosen)
        for index, one in enumerate(outcome.tries)
        if one.judging is not None and decibels(one.judging.error) is not None
    ]
    if not rows:
        return None
    axis = _axis([found for _, found, _ in rows])
    height = TWO_LINES * len(rows) + BOTTOM + 6
    parts = _grid(axis, height)
    for index, (name, found, chosen) in enumerate(rows):
        y = 26.0 + TWO_LINES * index
        style = "mark-name" if chosen else "tick"
        parts.append(svg.label(LEFT, y - 10, svg.cut(units.clean(name), svg.WIDTH - 2 * LEFT), "start", style))
        bounds = loss_interval(found)
        if bounds is not None:
            low, high = (axis.at(end) for end in bounds)
            parts.append(f'<path class="whisker plain" d="M{low:.1f} {y:g}H{high:.1f}"/>')
        at = axis.at(decibels(found.error) or 0.0)
        parts.append(f'<circle class="estimate {"plain" if chosen else "hollow"}" cx="{at:.1f}" cy="{y:g}" r="4"/>')
    said = [f"{name}: {loss_told(found)[0]}" for name, found, _ in rows]
    title = say("quantise.chart.tries")
    drawn = svg.drawing("tries", title, say("chart.clauses", parts=said), parts, height)
    return Figure(title, drawn, note=say("quantise.chart.tries_note"))


def _axis(found: Sequence[Loss]) -> Axis:
    middle = [decibels(one.error) or 0.0 for one in found]
    ends = [*middle, *(end for one in found for end in loss_interval(one) or ())]
    room = 0.05 * (max(ends) - min(ends)) or 1.0
    return Axis(min(ends) - room, max(ends) + room, LEFT + 10, svg.WIDTH - 14, say("quantise.chart.sqnr"))


def _grid(axis: Axis, height: float) -> list[str]:
    parts = []
    for at, text in axis.ticks():
        parts.append(f'<path class="grid" d="M{axis.at(at):.1f} 4V{height - BOTTOM:.1f}"/>')
        parts.append(svg.label(axis.at(at), height - BOTTOM + 14, text, "middle"))
    parts.append(svg.label((axis.start + axis.end) / 2, height - 6, axis.label, "middle", "name"))
    return parts


def layers_figure(layers: Sequence[LayerError]) -> Figure | None:
    """A bar for each of the worst layers: its own SQNR, and a mark for that with all before it."""
    worst = [layer for layer in layers if layer.own_sqnr_db is not None][:MOST_LAYERS]
    if not worst:
        return None
    both = [db for layer in worst for db in (layer.own_sqnr_db, layer.sqnr_db) if db is not None]
    start = svg.margin((units.clean(layer.name) for layer in worst), LEAST_MARGIN)
    low = min(0.0, *both)
    axis = Axis(low, max(both) * 1.05 or 1.0, start, svg.WIDTH - 14, say("quantise.chart.sqnr"))
    height = ROW * len(worst) + BOTTOM + 6
    parts = _grid(axis, height)
    for index, layer in enumerate(worst):
        y = 8.0 + ROW * index
        parts.append(svg.label(start - 8, y + 12, svg.cut_begin(units.clean(layer.name), start - 10), "end"))
        left, right = sorted((axis.at(0.0), axis.at(layer.own_sqnr_db or 0.0)))
        parts.append(f'<rect class="p2" x="{left:.1f}" y="{y:g}" width="{max(right - left, 0.5):.1f}" height="16"/>')
        if layer.sqnr_db is not None:
            parts.append(f'<path class="mean" d="M{axis.at(layer.sqnr_db):.1f} {y - 2:g}v20"/>')
    said = [f"{units.clean(layer.name)}: {units.number(layer.own_sqnr_db, 'dB')}" for layer in worst]
    title = say("quantise.worst_layers")
    drawn = svg.drawing("layers", title, say("chart.clauses", parts=said), parts, height)
    return Figure(title, drawn, note=say("quantise.chart.layers_note"))
