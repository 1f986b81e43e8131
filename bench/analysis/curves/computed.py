"""The curves of a run. A scenario says in its kind (``bench.scenarios.kinds``) which figures it has; a comparison tests
those that are ``compared``."""

from bench.analysis.curves.points import Points, points_by
from bench.analysis.curves.rule import CurveRule
from bench.analysis.curves.table import CURVES
from bench.analysis.run_processes import Processes
from bench.contracts import Scenario
from bench.record.summary import Curve, CurvePoint
from bench.scenarios.axes import axis_of
from bench.scenarios.kinds import kind_of


def curves_of(run: Processes, scenario: Scenario) -> dict[str, Curve]:
    """The curves of a run, the leading one first; none of a scenario without an axis."""
    axis = axis_of(scenario)
    points = points_by(run, scenario) if axis is not None else None
    if axis is None or points is None:
        return {}
    rules = _rules(run, scenario)
    found = [(rule, [_point(rule, points, index) for index in range(len(points.at))]) for rule in rules]
    return {
        rule.metric.name: Curve(
            axis=axis.name, axis_unit=axis.unit, at=points.at, unit=rule.metric.unit, points=tuple(along)
        )
        for rule, along in found
        if not rule.where_read or any(point.value is not None for point in along)
    }


def _rules(run: Processes, scenario: Scenario) -> list[CurveRule]:
    """Those of the scenario's kind; those of tokens only where there are any."""
    found = [CURVES[name] for name in kind_of(scenario).curves if name in CURVES]
    text = any(len(process.token_ns) for process in run.each)
    return [rule for rule in found if text or rule.metric.applies != "text_generation"]


def _point(rule: CurveRule, points: Points, index: int) -> CurvePoint:
    values, queries = rule.of(points, index), len(points.runs[index].latency.pooled)
    value = rule.pooled(points, index, values) if queries else None
    return CurvePoint(queries, value, None if value is None else rule.interval(points, index, values))


def process_curves(run: Processes, scenario: Scenario) -> dict[str, dict[float, tuple[float | None, ...]]]:
    """Curve -> value of the axis -> figure of each process, of the curves that are compared."""
    points = points_by(run, scenario)
    if points is None:
        return {}
    rules = [rule for rule in _rules(run, scenario) if rule.compared]
    return {
        rule.metric.name: {value: tuple(rule.of(points, index)) for index, value in enumerate(points.at)}
        for rule in rules
    }
