"""How far a quantised model's outputs are from the float model's, over many samples. Pure.

Of an output of numbers the error is the sum of squared differences over the sum of squares, whose logarithm is the
SQNR; of an output of labels, the fraction of elements that differ. A model loses what the output loses that is
furthest.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.outputs.labels import discrete
from bench.contracts import Tensors
from bench.quantising.outcome import Loss
from bench.stats.samples.resampling import interval, value

Array = NDArray[Any]
LEAST_WHOLE = 1e12
"""The sum of squares of all samples after scaling: ``bench.stats.samples.resampling`` divides by no less than 1."""


def loss(reference: Iterable[Tensors], measured: Iterable[Tensors], labels: Sequence[str] = ()) -> Loss | None:
    """The loss of the output that is furthest; ``None`` where nothing can be compared, as all are zero. Outputs are
    matched by name. ``labels``: names of outputs that hold labels, whatever their type."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for exact, rounded in zip(reference, measured, strict=True):
        for name in exact.keys() & rounded.keys():
            rows.setdefault(name, []).append(_features(exact[name], rounded[name], name in labels))
    found = [one for name in sorted(rows) if (one := _of_output(name, np.array(rows[name]))) is not None]
    return max(found, key=lambda one: one.error, default=None)


def _features(exact: Array, rounded: Array, labels: bool) -> tuple[float, float]:
    """Error and whole of one sample. What is not finite in the float model is left out; where it is not finite in the
    quantised one alone, that counts as if there were nothing."""
    if exact.shape != rounded.shape:
        return 1.0, 1.0
    if labels or discrete(exact):
        return float((exact != rounded).sum()), float(exact.size)
    left, right = exact.astype(np.float64), rounded.astype(np.float64)
    finite = np.isfinite(left)
    left, right = left[finite], np.where(np.isfinite(right), right, 0.0)[finite]
    return float(((left - right) ** 2).sum()), float((left**2).sum())


def _of_output(name: str, rows: Array) -> Loss | None:
    whole = float(rows[:, 1].sum())
    if not whole or not np.isfinite(rows).all():
        return None
    scaled = rows * (LEAST_WHOLE / whole)
    bounds = interval("pooled_mean", scaled)
    return Loss(output=name, error=value("pooled_mean", scaled), interval95=bounds, samples=len(rows))


def decibels(error: float) -> float | None:
    """An error as SQNR; ``None`` where there is none."""
    return -10 * math.log10(error) if error > 0 else None


def least(tries: Sequence[tuple[bool, Loss | None]]) -> int | None:
    """The index of the least loss among those that count (the flag), the first of equal ones; ``None``: none counts."""
    counted = [(found.error, index) for index, (counts, found) in enumerate(tries) if counts and found is not None]
    return min(counted)[1] if counted else None
