"""The figures of a run that are metrics, by name: the value and the interval that its record has, and both as shown."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from bench.record.record import Record
from bench.words import units

if TYPE_CHECKING:
    from bench.analysis.metrics import Figure, Interval, Metric


@cache
def metrics() -> "Mapping[str, Metric]":
    """Name -> row of the table, in its order."""
    from bench.analysis.metrics import METRICS

    return {metric.name: metric for metric in METRICS}


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
    return "" if found is None else units.interval(*found)
