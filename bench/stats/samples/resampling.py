"""A metric over a dataset, its interval, and whether two runs over the same samples differ. Pure.

A statistic is a function of sums over samples: each sample gives a row of features, and the value is computed from
their totals. So the mean of a score, the root of a mean square, the mean IoU over classes and a perplexity are
resampled alike.

    interval      percentile bootstrap over samples, Efron & Tibshirani 1993, ch. 13; 5,000 resamples, seed 0
    difference    the same over pairs: both runs of a sample are drawn together
    test          paired randomisation, Noreen 1989, *Computer-intensive methods for testing hypotheses*: whose result
                  is whose is drawn by a coin for each sample; exact up to 2**12 assignments, else 5,000 draws. Where
                  none of those reaches what was seen, Hoeffding's bound tells how much rarer than 1 in 5,001 it is
                  (1963, J. American Statistical Association 58), which many tests in one family ask for

With fewer than ten samples the coverage of the bootstrap is far below 95 %, so no interval is given.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

RESAMPLES = 5_000
LEAST_SAMPLES = 10  # below, no bootstrap
EXACT_SAMPLES = 12  # up to so many, every assignment is looked at
_CHUNK = 1 << 22  # elements of the coins or counts that are held at once


def _mean(sums: Array, n: int) -> Array:
    return np.asarray(sums[:, 0] / n)


def _root_mean(sums: Array, n: int) -> Array:
    return np.asarray(np.sqrt(sums[:, 0] / n))


def _mean_iou(sums: Array, n: int) -> Array:
    """Mean over the classes that occur of intersection over union; features are [intersections…, unions…]."""
    classes = sums.shape[1] // 2
    union = sums[:, classes:]
    share = np.divide(sums[:, :classes], union, out=np.zeros_like(union), where=union > 0)
    occur = (union > 0).sum(axis=1)
    return np.asarray(share.sum(axis=1) / np.maximum(occur, 1))


def _pooled_mean(sums: Array, n: int) -> Array:
    """Mean over the parts of all samples; features are [the sum over a sample's parts, their number]."""
    return np.asarray(sums[:, 0] / np.maximum(sums[:, 1], 1))


def _perplexity(sums: Array, n: int) -> Array:
    """exp of the mean negative log-likelihood of a token; features are [its sum, the tokens]. Capped at e**700 to stay
    finite in float64."""
    return np.asarray(np.exp(np.minimum(sums[:, 0] / sums[:, 1], 700.0)))


STATISTICS: Mapping[str, Callable[[Array, int], Array]] = MappingProxyType(
    {
        "mean": _mean,
        "root_mean": _root_mean,
        "mean_iou": _mean_iou,
        "perplexity": _perplexity,
        "pooled_mean": _pooled_mean,
    }
)
"""Name -> value of each row of sums [resamples, features] over n samples."""


def value(statistic: str, results: Array) -> float:
    """The statistic over all samples. ``results``: [n], or [n, …features]."""
    rows = _rows(results)
    return float(STATISTICS[statistic](rows.sum(axis=0, keepdims=True), len(rows))[0])


def interval(statistic: str, results: Array, confidence: float = 0.95) -> tuple[float, float] | None:
    """Bootstrap bounds of ``value``; ``None`` below ten samples."""
    rows = _rows(results)
    if len(rows) < LEAST_SAMPLES:
        return None
    found = np.concatenate([STATISTICS[statistic](counts @ rows, len(rows)) for counts in _draws(len(rows))])
    return _bounds(found, confidence)


def ratio_interval(statistic: str, base: Array, new: Array, confidence: float = 0.95) -> tuple[float, float] | None:
    """Bootstrap bounds of the value of ``new`` over that of ``base``, pairs drawn together; ``None`` below ten
    samples."""
    x, y = _pair(base, new)
    if len(x) < LEAST_SAMPLES:
        return None
    finish = STATISTICS[statistic]
    found = np.concatenate([finish(counts @ y, len(y)) / finish(counts @ x, len(x)) for counts in _draws(len(x))])
    return _bounds(found, confidence)


def difference_intervals(
    statistic: str, base: Array, new: Array, confidences: Sequence[float] = (0.95,)
) -> tuple[tuple[float, float], ...] | None:
    """Bootstrap bounds of the value of ``new`` less that of ``base`` at each confidence, pairs drawn together; ``None``
    below ten samples."""
    x, y = _pair(base, new)
    if len(x) < LEAST_SAMPLES:
        return None
    finish = STATISTICS[statistic]
    found = np.concatenate([finish(counts @ y, len(y)) - finish(counts @ x, len(x)) for counts in _draws(len(x))])
    return tuple(_bounds(found, confidence) for confidence in confidences)


def p_different(statistic: str, base: Array, new: Array) -> float:
    """Two-sided p-value of "it does not matter which of the two runs gave which result of a pair"."""
    x, y = _pair(base, new)
    n, finish, moved = len(x), STATISTICS[statistic], y - x
    seen = abs(value(statistic, new) - value(statistic, base))
    limit = seen * (1 - 1e-9)  # the same sums in another order
    totals = x.sum(axis=0), y.sum(axis=0)
    reached = drawn = 0
    squares = 0.0
    for coins in _coins(n):
        swapped = coins @ moved
        size = np.abs(finish(totals[1] - swapped, n) - finish(totals[0] + swapped, n))
        reached += int((size >= limit).sum())
        squares += float((size**2).sum())
        drawn += len(coins)
    if n <= EXACT_SAMPLES:
        return reached / drawn
    rarest = 2 * math.exp(-(seen**2) * drawn / squares / 2) if squares and not reached else 1.0
    return min((reached + 1) / (drawn + 1), rarest)


def _rows(results: Array) -> Array:
    """Features as float64 [n, k]. Raises ``ValueError`` without samples."""
    if len(results) == 0:
        raise ValueError("no samples")
    return np.asarray(results, np.float64).reshape(len(results), -1)


def _pair(base: Array, new: Array) -> tuple[Array, Array]:
    x, y = _rows(base), _rows(new)
    if x.shape != y.shape:
        raise ValueError(f"{list(x.shape)} against {list(y.shape)}: not the same samples")
    return x, y


def _draws(n: int) -> Iterator[Array]:
    """How often each sample is drawn [resamples, n], in chunks; the same for the same n."""
    random = np.random.default_rng(0)
    for size in _chunks(RESAMPLES, n):
        picks = random.integers(0, n, (size, n)) + n * np.arange(size)[:, np.newaxis]
        yield np.bincount(picks.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def _coins(n: int) -> Iterator[Array]:
    """Whether each pair is swapped [draws, n], 0 or 1."""
    if n <= EXACT_SAMPLES:
        yield ((np.arange(1 << n)[:, np.newaxis] >> np.arange(n)) & 1).astype(np.float64)
        return
    random = np.random.default_rng(0)
    for size in _chunks(RESAMPLES, n):
        yield random.integers(0, 2, (size, n)).astype(np.float64)


def _chunks(total: int, n: int) -> Iterator[int]:
    step = max(1, _CHUNK // n)
    yield from (min(step, total - done) for done in range(0, total, step))


def _bounds(found: Array, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
