"""Along the idle time: how many times as long as the warm answer the first one takes, how much longer, and the
processor time that passes in a second, kept awake (point 0) and idling."""

from math import sqrt
from statistics import fmean, stdev

import numpy as np

from bench.analysis.curves.points import Points
from bench.analysis.curves.rule import CurveRule
from bench.analysis.figures.rule import MEDIAN, Interval, Rule, Values
from bench.analysis.figures.wake import awake_cpu, between, idle_cpu, middle, ratios, typical
from bench.analysis.metrics import METRICS, Metric
from bench.stats.processes import MIN_SAMPLES
from bench.words import sentence


def _ratios(points: Points, index: int) -> Values:
    if not index:
        return [None] * len(points.runs[0].each)
    return ratios(points.runs[index].latencies(), points.runs[0].latencies())


def _longer(points: Points, index: int) -> Values:
    """Of each process, how much longer its median is than that of its warm queries."""
    after, warm = points.runs[index], points.runs[0]
    if not index or min(len(run.latency.pooled) for run in (after, warm)) < MIN_SAMPLES[50]:
        return [None] * len(warm.each)
    return [
        float(np.median(one.latency_ns) - np.median(other.latency_ns))
        if len(one.latency_ns) and len(other.latency_ns)
        else None
        for one, other in zip(after.each, warm.each, strict=True)
    ]


def _known(values: Values) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Values) -> int | None:
    return round(fmean(_known(values))) if _known(values) else None


def _around(values: Values) -> Interval:
    """Student's t of the mean, one value a process; ``None`` for fewer than two."""
    known = _known(values)
    if len(known) < 2:
        return None
    from scipy.special import stdtrit

    reach = float(stdtrit(len(known) - 1, 0.975)) * stdev(known) / sqrt(len(known))
    return fmean(known) - reach, fmean(known) + reach


def _cpu(points: Points, index: int) -> Values:
    of = idle_cpu if index else awake_cpu
    return [of(process) for process in points.runs[index].each]


_NOT_ALONE = Rule(of=lambda run: [], pooled=lambda run, values: None, how=MEDIAN)
"""Of figures that only a curve has."""
_LONGER = Metric(
    name="waking_ns",
    unit="ns",
    rule=_NOT_ALONE,
    short=sentence("metric.waking_ns.short"),
    samples=MIN_SAMPLES[50],
    applies="tensor",
)
_CPU = Metric(name="cpu_seconds_per_second", unit="cpu_seconds", rule=_NOT_ALONE, speed=False, applies="tensor")

WAKING = (
    CurveRule(
        metric=next(metric for metric in METRICS if metric.name == "wake_ratio"),
        of=_ratios,
        pooled=lambda points, index, values: typical(values),
        interval=lambda points, index, values: between(values),
        compared=False,
    ),
    CurveRule(
        metric=_LONGER,
        of=_longer,
        pooled=lambda points, index, values: _mean(values),
        interval=lambda points, index, values: _around(values),
        compared=False,
    ),
    CurveRule(
        metric=_CPU,
        of=_cpu,
        pooled=lambda points, index, values: middle(values),
        interval=lambda points, index, values: between(values),
        compared=False,
    ),
)
