"""The figures of a run that are metrics, by name: the value and the interval that its record has, and both as shown."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from bench.record.record import Record
from bench.scenarios.kinds import kind_of
from bench.settings import setting_words
from bench.words import Sentence, units

if TYPE_CHECKING:
    from bench.analysis.figures.rule import Figure, Interval
    from bench.analysis.metrics import Metric


@cache
def metrics() -> "Mapping[str, Metric]":
    """Name -> row of the table, in its order."""
    from bench.analysis.metrics import METRICS

    return {metric.name: metric for metric in METRICS}


@cache
def curve_titles() -> "Mapping[str, Sentence | str]":
    """What each figure that may be along an axis is called in a column, by its name."""
    from bench.analysis.curves.table import CURVES

    return {name: _along(rule.metric) for name, rule in CURVES.items()}


def _along(metric: "Metric") -> "Sentence | str":
    """The short name of what a scenario of its own has, whose title says at which point it is that of the run."""
    own = metric.scenarios or metric.name not in metrics()
    return metric.short or metric.title if own else metric.title


def leading(record: Record) -> str:
    """The metric that sums up a run of tensors: the p50, where queries overlap the throughput, and of an open loop or a
    pipeline the first that it has of those which its scenario names."""
    kind = kind_of(record.plan.scenario)
    if kind.open_loop or kind.staged:
        own = (name for name in kind.leading if figure(record, name) is not None)
        return next(own, "latency_p50_ns")
    return "throughput_per_s" if kind.overlapping else "latency_p50_ns"


def figure(record: Record, name: str) -> "Figure":
    """``None`` where it was not measured."""
    return metrics()[name].figure(record.summary)


def shown(record: Record, name: str) -> str:
    """The figure with its unit."""
    return units.figure(figure(record, name), metrics()[name].unit)


def interval(record: Record, name: str) -> "Interval":
    """Bounds of the 95 % interval; ``None`` where it has none."""
    return metrics()[name].interval(record.summary)


def between(record: Record, name: str) -> str:
    """The 95 % interval with its unit; empty where it has none."""
    found = interval(record, name)
    return "" if found is None else units.metric_interval(found[0], found[1], metrics()[name].unit)


def asked_for(record: Record) -> "tuple[Metric, ...]":
    """The metrics that the run has because it was asked for them, with a setting or by its scenario."""
    settings, scenario = record.plan.settings, record.plan.scenario.name
    return tuple(
        metric
        for metric in metrics().values()
        if metric.listed
        and (metric.settings or metric.scenarios)
        and metric.asked_for(settings)
        and metric.of_scenario(scenario)
    )


def beside(record: Record) -> "tuple[Metric, ...]":
    """Those of ``asked_for`` that stand beside the usual figures: an open loop's own are its usual figures."""
    open_loop = kind_of(record.plan.scenario).open_loop
    return tuple(metric for metric in asked_for(record) if metric.settings or not open_loop)


def asked_title(record: Record, metric: "Metric") -> str:
    """``late queries, deadline 33ms``: what it is, and by which settings."""
    by = setting_words(record.plan.settings, *metric.settings) if metric.settings else ""
    return ", ".join(filter(None, (str(metric.title), by)))
