"""What a rule of a curve is; that of a metric along an axis.

A point has the metric's interval between processes, or Student's t over the logarithms of the processes' figures.
"""

from collections.abc import Callable

from msgspec import Struct

from bench.analysis.curves.points import Points
from bench.analysis.figures.rule import Figure, Interval, Values
from bench.analysis.metrics import Metric
from bench.stats.processes import between_values


class CurveRule(Struct, frozen=True, kw_only=True):
    """``metric``: its name, unit and direction. ``of``: the figure of each process at the point of that index;
    ``pooled``: that of the run, from theirs; ``interval``: between processes. ``compared``: ``odb compare`` tests it
    point by point; others follow from those that are. ``where_read``: a run in which no point has it has no such curve.
    """

    metric: Metric
    of: Callable[[Points, int], Values]
    pooled: Callable[[Points, int, Values], Figure]
    interval: Callable[[Points, int, Values], Interval]
    compared: bool = True
    where_read: bool = False


def along(metric: Metric) -> CurveRule:
    rule = metric.rule

    def interval(points: Points, index: int, values: Values) -> Interval:
        if rule.interval is not None:
            return rule.interval(points.runs[index])
        return None if metric.fraction else between_values([value for value in values if value is not None])

    return CurveRule(
        metric=metric,
        of=lambda points, index: rule.of(points.runs[index]),
        pooled=lambda points, index, values: rule.pooled(points.runs[index], values),
        interval=interval,
    )
