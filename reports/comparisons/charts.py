"""Drawings of a comparison: the change of every metric, the processes' figures, and their distributions."""

import math
from collections.abc import Sequence

from bench.comparison.comparison import Change, Comparison
from bench.comparison.observe import Curve
from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure, Frame
from bench.reports.comparisons.words import capital, leading, status, value
from bench.words import say, units

LEFT = 148.0
SHOWN = 0.98  # minimum fraction of the samples that the distributions show
WIDEST = math.log(2)  # a change is drawn up to twofold and down to half


def figures(comparison: Comparison, name: str) -> tuple[Figure, ...]:
    """What can be drawn; ``name`` makes ids unique on the page. Nothing of what may not be compared."""
    lead = leading(comparison)
    if lead is None:
        return ()
    made = (changes(comparison, name), processes(lead, name), distributions(comparison, name))
    return tuple(figure for figure in made if figure is not None)


def changes(comparison: Comparison, name: str) -> Figure | None:
    """Every metric's change with its interval, on a scale of ratios, over a band that is the tolerance."""
    drawn = [change for change in comparison.changes if change.interval is not None]
    if not drawn:
        return None
    margin = math.log1p(comparison.tolerance)
    ends = [abs(math.log(end)) for change in drawn for end in (*(change.interval or ()), change.ratio or 1.0)]
    reach = min(WIDEST, 1.1 * max([*ends, 1.5 * margin]))
    height = 24.0 * len(drawn) + 44
    axis = Axis(-reach, reach, svg.margin((str(change.title) for change in drawn), LEFT), svg.WIDTH - 12)
    parts = [_tolerance_band(axis, margin, height - 36), *_ratio_ticks(axis, height)]
    for i, change in enumerate(drawn):
        parts += _whisker(axis, change, 18.0 + 24 * i)
    said = say("chart.clauses", parts=[f"{c.title} {units.percent_change(c.ratio)}" for c in drawn])
    note = say("chart.changes.note", tolerance=comparison.tolerance)
    if max(ends) > reach:
        note = f"{note} {say('chart.changes.arrow')}"
    title = say("chart.changes.title")
    return Figure(title, svg.drawing(f"{name}-changes", title, said, parts, height), note=note)


def _tolerance_band(axis: Axis, margin: float, height: float) -> str:
    left, right = axis.at(-margin), axis.at(margin)
    return f'<rect class="same" x="{left:.1f}" y="4" width="{right - left:.1f}" height="{height:.1f}"/>'


def _ratio_ticks(axis: Axis, height: float) -> list[str]:
    steps = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    step = next((s for s in steps if math.log1p(2 * s) >= axis.high * 0.8), 1.0)
    ratios = [
        r for r in (1 - 2 * step, 1 - step, 1.0, 1 + step, 1 + 2 * step) if r > 0 and abs(math.log(r)) <= axis.high
    ]
    parts = []
    for ratio in ratios:
        x = axis.at(math.log(ratio))
        parts.append(f'<path class="{"axis" if ratio == 1 else "grid"}" d="M{x:.1f} 4V{height - 32:.1f}"/>')
        text = "0" if ratio == 1 else _signed(ratio - 1)
        parts.append(svg.label(x, height - 18, text, "middle"))
    middle = (axis.start + axis.end) / 2
    return [*parts, svg.label(middle, height - 4, say("chart.changes.axis"), "middle", "name")]


def _signed(share: float) -> str:
    """``+5 %``."""
    return f"{'+' if share > 0 else '−'}{units.limit(round(abs(share), 6))}"


def _whisker(axis: Axis, change: Change, y: float) -> list[str]:
    low, high = (math.log(end) for end in change.interval or (1.0, 1.0))
    style = status(change)
    parts = [svg.label(axis.start - 8, y + 3.5, svg.cut(str(change.title), axis.start - 8), "end")]
    parts.append(f'<path class="whisker {style}" d="M{axis.at(low):.1f} {y:g}H{axis.at(high):.1f}"/>')
    for beyond, x, turn in ((low < axis.low, axis.start, 5), (high > axis.high, axis.end, -5)):
        if beyond:
            parts.append(f'<path class="whisker {style}" d="M{x + turn:.1f} {y - 4:g}L{x:.1f} {y:g}l{turn} 4"/>')
    at = math.log(change.ratio or 1.0)
    if axis.low <= at <= axis.high:
        parts.append(f'<circle class="estimate {style}" cx="{axis.at(at):.1f}" cy="{y:g}" r="4"/>')
    return parts


def processes(change: Change, name: str) -> Figure:
    """One dot for each process, of the leading metric, with the geometric mean of each side."""
    figures_ = (*change.base_values, *change.new_values)
    low, high = min(figures_), max(figures_)
    room = 0.06 * (high - low) or 0.01 * high
    bounds = (low - room, high + room, 60.0, svg.WIDTH - 12)
    timed = change.unit == "ns"
    axis = svg.time_axis(*bounds, str(change.title)) if timed else Axis(*bounds, say(f"unit.of.{change.unit}"))
    parts = []
    for row, (side, style, values, mean) in enumerate(
        (
            (say("compare.side.base"), "s1", change.base_values, change.base),
            (say("compare.side.new"), "s2", change.new_values, change.new),
        )
    ):
        y = 34.0 + 44 * row
        parts.append(svg.label(2, y + 3.5, side, "start", "mark-name"))
        parts.append(f'<path class="grid" d="M{axis.start:g} {y:g}H{axis.end:g}"/>')
        parts.append(f'<path class="mean" d="M{axis.at(mean):.1f} {y - 10:g}v20"/>')
        parts.append(svg.label(_inside(axis.at(mean)), y - 14, value(change, mean), "middle", "mark-name"))
        parts += [f'<circle class="process {style}" cx="{axis.at(v):.1f}" cy="{y:g}" r="4"/>' for v in values]
    parts.append(svg.across_axis(axis, Axis(0, 1, 100, 12)))
    base, new = ([value(change, v) for v in values] for values in (change.base_values, change.new_values))
    title = capital(say("chart.processes.title", metric=change.title))
    note = say("chart.processes.note")
    if change.pair_ratios:
        changes = [units.percent_change(ratio) for ratio in sorted(change.pair_ratios)]
        note = say("chart.processes.note_pairs", changes=changes)
    said = say("chart.processes.description", base=base, new=new)
    return Figure(title, svg.drawing(f"{name}-processes", title, said, parts, 136), note=note)


def _inside(x: float) -> float:
    return min(max(x, 84.0), svg.WIDTH - 36)


def distributions(comparison: Comparison, name: str) -> Figure | None:
    """Fraction of samples up to each time: one line for each process, base and new."""
    sides = (comparison.base.curves, comparison.new.curves)
    everything = [curve for curves in sides for curve in curves]
    if not all(sides):
        return None
    low = min(curve.ns[0] for curve in everything)
    high = max(curve.ns[-1] for curve in everything)
    top = max(_reaching(curve) for curve in everything)
    room = max(0.04 * (top - low), 0.005 * top)
    x = svg.time_axis(max(0.0, low - room), top + room, 46, svg.WIDTH - 8, _what(comparison))
    frame = Frame(x, Axis(0, 1, svg.HEIGHT - 38, 22, say("chart.distributions.axis"), 0.01))
    parts = [svg.axes(frame)]
    for style, curves in zip(("s1", "s2"), sides, strict=True):
        parts += [_curve(frame, curve, style) for curve in curves]
    parts.append(svg.keys([(say("compare.side.base"), "s1"), (say("compare.side.new"), "s2")], 8))
    title = say("chart.distributions.title")
    words = say("chart.distributions.description", base=len(sides[0]), new=len(sides[1]), low=low)
    note = say("chart.distributions.note")
    if high > top:
        note = f"{note} {say('chart.cut', at=top + room, highest=high)}"
    return Figure(title, svg.drawing(f"{name}-distributions", title, words, parts), note=note)


def _what(comparison: Comparison) -> str:
    metrics = {found.metric for found in comparison.changes} | {found.metric for found in comparison.omitted}
    return say("chart.axis.gap" if "tpot_ns" in metrics else "chart.axis.latency")


def _reaching(curve: Curve) -> int:
    return next(ns for ns, share in zip(curve.ns, curve.share, strict=True) if share >= SHOWN)


def _curve(frame: Frame, curve: Curve, style: str) -> str:
    inside: Sequence[tuple[int, float]] = [
        (ns, share) for ns, share in zip(curve.ns, curve.share, strict=True) if ns <= frame.x.high
    ]
    return svg.line(frame, [ns for ns, _ in inside], [share for _, share in inside], f"{style} process")
