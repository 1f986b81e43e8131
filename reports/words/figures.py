"""The figures of a run that are metrics, by name: the value and the interval that its record has, and both as shown."""

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from bench.contracts import Scenario
from bench.record.record import Record
from bench.scenarios.kinds import kind_of
from bench.scenarios.open_loops import bound_percentile
from bench.settings import setting_words
from bench.words import Sentence, units

if TYPE_CHECKING:
    from bench.analysis.figures.rule import Figure, Interval
    from bench.analysis.metrics import Metric

P50 = "latency_p50_ns"


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
    """The metric that sums up a run: of those that its scenario leads with and its task may have, the first that was
    measured; where none was, the last."""
    names = [name for name in kind_of(record.plan.scenario).leading if _of_task(record, name)] or [P50]
    return next((name for name in names if figure(record, name) is not None), names[-1])


def beside(record: Record) -> tuple[str, ...]:
    """The metrics that stand beside the leading one, as its scenario says. Of a bound on a percentile it is that; where
    the time of a token is there, the latency of whole generations is left out."""
    scenario = record.plan.scenario
    names = (tail_metric(scenario) if name == "latency_p99_ns" else name for name in kind_of(scenario).beside)
    chosen = [name for name in dict.fromkeys(names) if _of_task(record, name) and name != leading(record)]
    return tuple(name for name in chosen if name != P50 or "tpot_ns" not in chosen)


def tail_metric(scenario: Scenario) -> str:
    """The percentile of latency that an open loop's bound is about; of one that no record states, the p99."""
    asked = bound_percentile(scenario)
    named = "" if asked is None else f"latency_p{asked:g}_ns".replace(".", "")
    return named if named in metrics() else "latency_p99_ns"


def _of_task(record: Record, name: str) -> bool:
    return name in metrics() and metrics()[name].applies in (None, record.plan.model.task)


def short_title(name: str) -> str:
    """What a metric is called where there is little room."""
    return str(metrics()[name].short or metrics()[name].title)


def column_title(name: str) -> str:
    """The same above a column; ``p50`` stays as it is."""
    title = short_title(name)
    return title if re.match(r"p\d", title) else title[:1].upper() + title[1:]


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
    """The metrics that the run has because a setting asked for them."""
    settings = record.plan.settings
    return tuple(one for one in metrics().values() if one.settings and one.asked_for(settings))


def asked_title(record: Record, metric: "Metric") -> str:
    """``late queries, deadline 33ms``: what it is, and by which settings."""
    return ", ".join((str(metric.title), setting_words(record.plan.settings, *metric.settings)))
