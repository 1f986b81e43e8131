"""Two curves point by point: the metric of the queries that belong to one value of the scenario's axis, as a metric of
its own. All points of a pair together have the weight of its other metrics together, so that a curve of many points
does not take error rate from them."""

from collections.abc import Iterator

from bench.analysis.curves.computed import process_curves
from bench.analysis.curves.table import CURVES
from bench.analysis.metrics import Metric
from bench.analysis.run_processes import Processes
from bench.contracts import Scenario
from bench.record.summary import Summary
from bench.scenarios.axes import point_words
from bench.words import Sentence, sentence

MOST = 64
"""Points of one curve that are compared; of more, so many at equal distances, with the first and the last."""


class PointMetric(Metric, frozen=True, kw_only=True):
    """``along``: the metric; ``axis``, ``axis_unit``, ``at``: the point."""

    along: Metric
    axis: str
    axis_unit: str
    at: float

    @property
    def title(self) -> Sentence:
        return sentence("curve.at", title=self.along.title, point=point_words(self.axis, self.axis_unit, self.at))

    @property
    def needs(self) -> Sentence:
        return self.along.needs


def name_at(curve: str, at: float) -> str:
    """What a point is called by scripts: ``latency_p50_ns@10000``. Different points have different names."""
    return f"{curve}@{at:.15g}"


def values_along(run: Processes, scenario: Scenario) -> dict[str, tuple[float | None, ...]]:
    """The name of every point -> the figure of each process."""
    found = process_curves(run, scenario)
    return {name_at(name, at): values for name, points in found.items() for at, values in points.items()}


def figures_along(summary: Summary) -> dict[str, float]:
    """The name of every point -> the record's own figure."""
    return {
        name_at(name, at): point.value
        for name, curve in summary.curves.items()
        for at, point in zip(curve.at, curve.points, strict=True)
        if point.value is not None
    }


def points_compared(base: Summary, new: Summary) -> tuple[PointMetric, ...]:
    """The points that both have, in the order of the curves."""
    return tuple(_common(base, new))


def _common(base: Summary, new: Summary) -> Iterator[PointMetric]:
    for name, curve in base.curves.items():
        other, rule = new.curves.get(name), CURVES.get(name)
        if other is None or rule is None or not rule.compared or other.axis_unit != curve.axis_unit:
            continue
        both = [at for at in curve.at if at in {*other.at}]
        metric = rule.metric
        for at in thinned(both):
            yield PointMetric(
                name=name_at(name, at),
                unit=metric.unit,
                rule=metric.rule,
                samples=metric.samples,
                speed=metric.speed,
                lower_is_better=metric.lower_is_better,
                about=metric.about,
                applies=metric.applies,
                tail=metric.tail,
                settings=metric.settings,
                along=metric,
                axis=curve.axis,
                axis_unit=curve.axis_unit,
                at=at,
            )


def thinned(points: list[float], most: int = MOST) -> list[float]:
    """``points``, or ``most`` of them at equal distances."""
    if len(points) <= most:
        return points
    step = (len(points) - 1) / (most - 1)
    return [points[round(index * step)] for index in range(most)]
