"""A series over time with what changed its level, for the pages of a history."""

import math
from collections import Counter
from collections.abc import Sequence

from bench.analysis.metrics import METRICS
from bench.nights.events import events_of
from bench.nights.history import History
from bench.nights.point import Point
from bench.nights.series import Series
from bench.nights.trend import Shift, Trend
from bench.stats.over_time.change_points import change_points

WINDOW = 50
MAX_P = 0.001
LEAST = 0.01  # of a level: a smaller change is none
LEAST_T = 3.0
FRACTIONS = frozenset(metric.name for metric in METRICS if metric.fraction)


def trend_of(history: History, series: Series) -> Trend:
    """All nights of ``series``, its events, and where the level of its leading metric changed."""
    points = tuple(history.points(series.id))
    metric = leading(points)
    base = history.base(series.id)
    return Trend(
        series=series,
        metric=metric,
        points=points,
        events=events_of(points),
        shifts=() if metric is None else shifts(points, metric),
        base_id=None if base is None else base.record_id,
        decisions=tuple(one for one in history.decisions() if one.series == series.id),
    )


def leading(points: Sequence[Point]) -> str | None:
    """The metric that leads most nights; ``None`` where none was measured."""
    found = Counter(point.leading for point in points if point.leading is not None)
    return found.most_common(1)[0][0] if found else None


def shifts(points: Sequence[Point], metric: str) -> tuple[Shift, ...]:
    """Where the level of ``metric`` changed, over the nights that count."""
    good = [point for point in points if point.counts and metric in point.levels]
    levels = [point.levels[metric].mean for point in good]
    least = LEAST if metric in FRACTIONS else math.log1p(LEAST)
    found = change_points(levels, window=WINDOW, max_p=MAX_P, min_magnitude=least, min_t=LEAST_T)
    return tuple(
        Shift(
            metric=metric,
            record_id=good[one.index].record_id,
            night=good[one.index].night,
            change=one.change if metric in FRACTIONS else math.expm1(one.change),
            p_value=one.p_value,
        )
        for one in found
    )
