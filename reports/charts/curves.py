"""Figures drawn from raw samples: distributions, and latency over time. The numbers come from
``bench.stats.percentiles``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.analysis.text import gaps_of
from bench.record.record import RecordedRun
from bench.reports.charts import svg
from bench.reports.charts.svg import Axis, Figure
from bench.stats.drawing import ecdf, trace
from bench.words import say, units

_POINTS = 160
_APART = 4  # up to this many repeats have separate line styles
Series = np.ndarray[Any, Any]


def _style(index: int, count: int) -> str:
    return f"s{index + 1}" if count <= _APART else "many"


def _keys(count: int) -> str:
    if count < 2:
        return ""
    if count > _APART:
        return svg.keys([(say("chart.key.repeats", repeats=count), "many")], 8)
    return svg.keys([(say("chart.repeat", number=i + 1), f"s{i + 1}") for i in range(count)], 8)


def _filled(arrays: Sequence[Series]) -> list[Series]:
    return [a for a in arrays if a.size]


def distribution(run: RecordedRun, name: str) -> Figure | None:
    """The distribution of latency, a line a repeat, with the percentiles of the run."""
    found = run.record.summary.latency_ns
    arrays = _filled(run.arrays("latency_ns"))
    if found is None or not arrays or run.record.summary.text_generation is not None:
        return None
    marks = [(50.0, found.p50), (90.0, found.p90), (99.0, found.p99)]
    return _percentile_figure(arrays, f"{name}-dist", "latency", marks)


def gaps(run: RecordedRun, name: str) -> Figure | None:
    """The same of the times between two tokens."""
    text = run.record.summary.text_generation
    arrays = _filled([gaps_of(a) for a in run.arrays("token_ns")])
    if text is None or not arrays:
        return None
    marks = [(p, text.itl_ns.get(f"p{p:g}")) for p in (50.0, 90.0, 99.0)]
    return _percentile_figure(arrays, f"{name}-itl", "gap", marks)


def _percentile_figure(
    arrays: Sequence[Series], name: str, kind: str, marks: Sequence[tuple[float, int | None]]
) -> Figure:
    """Latency over the fraction of queries at least as fast, on a scale with equal space for each further nine, so that
    both the body and the tail are visible (as in HdrHistogram plots)."""
    curves = [ecdf(a, a.size) for a in arrays]
    low, high = (float(f(g(x) for x, _ in curves)) for f, g in ((min, np.min), (max, np.max)))
    body = max(float(x[np.searchsorted(y, 0.99)]) for x, y in curves)
    top = low + 1.5 * (body - low)
    if not low < top < low + (high - low) / 1.5:  # little is gained by a cut
        top = high
    room = max((top - low) * 0.06, top * 0.002, 1.0)
    lines = [(_nines(y - 0.5 / a.size), x) for a, (x, y) in zip(arrays, curves, strict=True)]
    end = max(float(at[-1]) for at, _ in lines)
    frame = svg.Frame(
        Axis(0, end, 46, svg.WIDTH - 8, say("chart.percentiles.axis")),
        svg.time_axis(max(0.0, low - room), top + room, svg.HEIGHT - 38, 22, say(f"chart.axis.{kind}")),
    )
    shares = [(p, float(_nines(p / 100))) for p in (50, 90, 99, 99.9, 99.99)]
    ticks = tuple((at, units.limit(p / 100)) for p, at in shares if at <= end)
    drawn = [svg.axes(frame, ((0.0, "0"), *ticks))]
    for p, value in marks:
        if value is not None:
            drawn.append(svg.mark(frame, float(_nines(p / 100)), float(value), units.duration(value)))
    drawn += [_thinned(frame, at, x, _style(i, len(lines))) for i, (at, x) in enumerate(lines)]
    said = [f"p{p:g} {units.duration(v)}" for p, v in marks if v is not None]
    words = say(f"chart.percentiles.{kind}.description", repeats=len(curves))
    if said:
        words = f"{words} {say('chart.percentiles.of_run', percentiles=said)}"
    note = say("chart.percentiles.note")
    if high > top:
        note = f"{note} {say('chart.cut', at=top + room, highest=high)}"
    title = say(f"chart.percentiles.{kind}.title")
    return Figure(title, svg.drawing(name, title, words, [*drawn, _keys(len(curves))]), note=note)


def _nines(share: Any) -> Any:
    """0 for none, 1 for 90 %, 2 for 99 %, 3 for 99.9 % …"""
    return -np.log10(1 - np.asarray(share))


def _thinned(frame: svg.Frame, at: Series, values: Series, style: str) -> str:
    """The line with at most one point in each half unit of the drawing; the last point stays."""
    column = np.floor((at - frame.x.low) / (frame.x.high - frame.x.low or 1) * 2 * svg.WIDTH)
    keep = np.append(np.diff(column) != 0, True)
    return svg.line(frame, at[keep].tolist(), values[keep].tolist(), style)


def latency_trace(run: RecordedRun, name: str) -> Figure | None:
    """Warm-up by query on the left, then the steady state over time: median line in a band from minimum to maximum."""
    warm = _filled(run.arrays("warmup_latency_ns"))
    pairs = zip(run.arrays("start_ns"), run.arrays("latency_ns"), strict=False)
    steady = [trace(s, v, _POINTS) for s, v in pairs if s.size and s.size == v.size]
    if not steady:
        return None
    low, highest, top = _window(steady)
    last = max(float(t[-1]) for t, *_ in steady)
    split = 100.0 if warm else 46.0
    y = svg.time_axis(low, top, svg.HEIGHT - 38, 22, say("chart.axis.latency"))
    frame = svg.Frame(svg.time_axis(0, last or 1, split, svg.WIDTH - 8, say("chart.axis.since_warmup")), y)
    drawn = _warm_panel(warm, frame, split) if warm else [svg.axes(frame)]
    for i, (t, lo, _, hi) in enumerate(steady):
        drawn.append(svg.band(frame, t.tolist(), lo.tolist(), hi.tolist(), _style(i, len(steady))))
    for i, (t, _, median, _) in enumerate(steady):
        drawn.append(svg.line(frame, t.tolist(), median.tolist(), _style(i, len(steady))))
    over = [highest, *(float(w.max()) for w in warm)]
    note = say("chart.trace.note")
    if max(over) > top:
        note = f"{note} {say('chart.trace.cut', at=top, slowest=max(over))}"
    title = say("chart.trace.title")
    words = f"{say('chart.trace.description', repeats=len(steady), duration=last)} {note}"
    return Figure(title, svg.drawing(f"{name}-trace", title, words, [*drawn, _keys(len(steady))]), note=note)


def _window(traces: Sequence[tuple[Series, Series, Series, Series]]) -> tuple[float, float, float]:
    """The range of a trace: a little below the minimum; the maximum; and the limit where it is cut, so that a change of
    the median is visible despite rare slow queries."""
    least = min(float(lo.min()) for _, lo, _, _ in traces)
    highest = max(float(hi.max()) for _, _, _, hi in traces)
    typical = max(float(median.max()) for _, _, median, _ in traces)
    return 0.9 * least, highest, 1.05 * min(highest, 1.5 * typical)


def _warm_panel(warm: Sequence[Series], frame: svg.Frame, split: float) -> list[str]:
    """Warm-up queries by number, on a separate background, with the same scale of latency."""
    longest = max(len(w) for w in warm)
    left = svg.Frame(Axis(0, max(longest - 1, 1), 50, split - 10), frame.y)
    ground = f'<rect class="warm" x="46" y="22" width="{split - 52:g}" height="{svg.HEIGHT - 60:g}"/>'
    name = svg.label((46 + split - 6) / 2, svg.HEIGHT - 8, say("chart.warmup"), "middle", "name")
    lines = []
    for i, w in enumerate(warm):
        number, _, median, _ = trace(np.arange(w.size), w, 40)
        lines.append(svg.line(left, number.tolist(), median.tolist(), f"{_style(i, len(warm))} faint"))
    return [ground, svg.up_axis(frame.y, frame.x, 46), svg.across_axis(frame.x, frame.y), name, *lines]


def gap_trace(run: RecordedRun, name: str) -> Figure | None:
    """Time between two tokens against the time since the query was issued: the price of a growing cache."""
    arrays = [a for a in run.arrays("token_ns") if a.ndim == 2 and a.shape[1] > 1 and a.size]
    if not arrays or run.record.summary.text_generation is None:
        return None
    traces = [trace(a[:, 1:][a[:, 1:] >= 0], gaps_of(a), _POINTS // 2) for a in arrays]
    low, highest, top = _window(traces)
    last = max(float(t[-1]) for t, *_ in traces)
    frame = svg.Frame(
        svg.time_axis(0, last or 1, 46, svg.WIDTH - 8, say("chart.axis.since_query")),
        svg.time_axis(low, top, svg.HEIGHT - 38, 22, say("chart.axis.gap")),
    )
    drawn = [svg.axes(frame)]
    for i, (t, lo, median, hi) in enumerate(traces):
        style = _style(i, len(traces))
        drawn.append(svg.band(frame, t.tolist(), lo.tolist(), hi.tolist(), style))
        drawn.append(svg.line(frame, t.tolist(), median.tolist(), style))
    title, note = say("chart.gaps.title"), say("chart.gaps.note")
    if highest > top:
        note = f"{note} {say('chart.gaps.cut', at=top, longest=highest)}"
    words = f"{say('chart.gaps.description', repeats=len(traces), duration=last)} {note}"
    return Figure(title, svg.drawing(f"{name}-gaps", title, words, [*drawn, _keys(len(traces))]), note=note)
