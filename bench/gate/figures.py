"""The metrics of given records, set against the base's level of their series."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from msgspec import Struct

from bench.gate.calibration import ALPHA_AGAIN, ALPHA_SUSPECT, POWER, SETTLED, Noise, p_values, quantile
from bench.gate.finding import Calibration, MetricFinding
from bench.gate.table import Row, Table, numbers_of
from bench.nights.point import Point
from bench.stats.ratio import falls_apart_by_luck, holm

CONFIDENCE = 0.95
MUCH_NOISIER = 1.5  # times the usual error: a night of which nothing can be said where the base's level is not shown

MetricWord = Literal["worse", "better", "same", "cannot_tell"]


class Figures(Struct, frozen=True, kw_only=True):
    """Of each row; NaN where the record does not count or lacks the metric. ``difference`` from the base's level, with
    its ``error`` and two-sided ``p_value``; ``worse_by``: the same, positive for the worse; ``luck``: probability of so
    few processes falling apart by luck, 0 with enough nights. ``corrected``: by Holm's method over all rows."""

    level: Any
    difference: Any
    worse_by: Any
    error: Any
    p_value: Any
    luck: Any
    corrected: Any


def figures_of(table: Table, noise: Noise, points: Mapping[int, Point]) -> Figures:
    """``points``: of ``table.known``, by number."""
    level, own, processes = _numbers(table, points)
    difference = level - noise.reference
    error = noise.error(own)
    p_value = np.where(np.isfinite(difference), p_values(difference, error, noise.df), np.nan)
    direction = np.array([1.0 if row.metric.lower_is_better else -1.0 for row in table.rows])
    luck = np.zeros(len(level))
    for i in np.flatnonzero(np.isfinite(level) & (noise.kept_nights < SETTLED)):
        luck[i] = falls_apart_by_luck(int(noise.processes[i]), int(processes[i]))
    corrected = np.full(len(level), np.nan)
    tested = np.flatnonzero(np.isfinite(p_value))
    weights = [table.rows[i].weight for i in tested]
    corrected[tested] = np.maximum(holm(p_value[tested].tolist(), weights), luck[tested])
    return Figures(
        level=level,
        difference=difference,
        worse_by=difference * direction,
        error=error,
        p_value=p_value,
        luck=luck,
        corrected=corrected,
    )


def _numbers(table: Table, points: Mapping[int, Point]) -> tuple[Any, Any, Any]:
    found = np.full((3, len(table.rows)), np.nan)
    for i, row in enumerate(table.rows):
        point = points.get(row.number)
        level = None if point is None or not point.counts else point.levels.get(row.metric.name)
        found[:, i] = numbers_of(level)
    return found[0], found[1], found[2]


def tested_series(table: Table, found: Figures) -> float:
    """How many series the figures test: the weights of a series' metrics sum to 1."""
    return float(sum(row.weight for row, p in zip(table.rows, found.p_value, strict=True) if np.isfinite(p)))


class Thresholds(Struct, frozen=True, kw_only=True):
    """Of each row: the logarithms of what is shown tonight, and of what is found with a chance of 80 %."""

    shown: Any
    smallest: Any


def thresholds(table: Table, noise: Noise, series: float, least: float) -> Thresholds:
    """``series``: how many are tested together."""
    weight = np.array([row.weight for row in table.rows]) / max(series, 1.0)
    error = noise.usual_error
    shown = np.maximum(least, quantile(1 - ALPHA_SUSPECT * weight / 2, noise.df) * error)
    return Thresholds(shown=shown, smallest=shown + quantile(POWER, noise.df) * error)


def metric_findings(
    table: Table,
    noise: Noise,
    found: Figures,
    limits: Thresholds,
    least: float,
    corrected: Any = None,
    alpha: float = ALPHA_SUSPECT,
) -> dict[int, list[MetricFinding]]:
    """Number of a known series -> its metrics, the leading one first. ``corrected``: other p-values than those of all
    rows."""
    p_values_, by_series = found.corrected if corrected is None else corrected, dict[int, list[MetricFinding]]()
    reach = quantile((1 + CONFIDENCE) / 2, noise.df) * found.error
    for i in map(int, np.flatnonzero(np.isfinite(found.difference))):
        row = table.rows[i]
        word = _word(found, noise, limits, i, p_values_[i], least, alpha)
        difference, bounds = found.difference[i], (found.difference[i] - reach[i], found.difference[i] + reach[i])
        by_series.setdefault(row.number, []).append(
            MetricFinding(
                metric=row.metric.name,
                word=word,
                base=_shown(row, noise.reference[i]),
                new=_shown(row, found.level[i]),
                change=_change(row, difference),
                interval=(_change(row, bounds[0]), _change(row, bounds[1])),
                p_corrected=float(p_values_[i]),
                calibration=Calibration(
                    nights=int(noise.kept_nights[i]),
                    deviation=float(noise.deviation[i]),
                    margin=_change(row, limits.shown[i]),
                    smallest_change=None if found.luck[i] >= alpha else _change(row, limits.smallest[i]),
                ),
            )
        )
    for number, metrics in by_series.items():
        leading = table.known[number].base.leading
        metrics.sort(key=lambda one: one.metric != leading)
    return by_series


def _word(found: Figures, noise: Noise, limits: Thresholds, i: int, p: float, least: float, alpha: float) -> MetricWord:
    away = abs(found.difference[i])
    if p < alpha and away > least:
        return "worse" if found.worse_by[i] > 0 else "better"
    if away > limits.shown[i]:  # by its own interval it may still be none
        return "cannot_tell"
    noisy = found.error[i] > MUCH_NOISIER * noise.usual_error[i]
    if found.luck[i] >= alpha or (noisy and away + 1.645 * found.error[i] > limits.smallest[i]):
        return "cannot_tell"
    return "same"


def shown_again(found: Figures, i: int, least: float) -> bool:
    """Whether another session shows the same of one row: at ``ALPHA_AGAIN``, and for the worse."""
    return bool(found.p_value[i] < ALPHA_AGAIN and found.worse_by[i] > least)


def _shown(row: Row, level: float) -> float:
    return float(level) if row.metric.fraction else math.exp(level)


def _change(row: Row, difference: float) -> float:
    return float(difference) if row.metric.fraction else math.expm1(float(difference))
