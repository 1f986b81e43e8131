"""Percentiles of samples: of one process, and of a typical one.

Samples are one-dimensional arrays of latencies in nanoseconds, in the order they were measured; ``p`` is in percent.
Nothing here assumes a distribution. Source:

    LoadGen                     mlcommons/inference, loadgen/early_stopping.cc and results.cc
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]


def sorted_percentile(samples: Samples, p: float) -> int:
    """``percentile`` of samples that are sorted."""
    return int(samples[_rank(len(samples), p)])


def percentile(samples: Samples, p: float) -> int:
    """The sample of 0-based rank floor(n·p/100): a nearest rank, never interpolated, as LoadGen takes it.

    Of an even count the p50 is the upper of the two middle samples; see ``sorted_median``. Raises ``ValueError``
    without samples.
    """
    rank = _rank(len(samples), p)
    return int(np.partition(samples, rank)[rank])


def sorted_median(samples: Samples) -> int:
    """The median of samples that are sorted, to the nearest nanosecond: of an even count the mean of the two in the
    middle, where ``percentile`` takes the upper one. Raises ``ValueError`` without samples."""
    upper = _rank(len(samples), 50)
    if len(samples) % 2:
        return int(samples[upper])
    return (int(samples[upper - 1]) + int(samples[upper]) + 1) // 2


@lru_cache(maxsize=1024)
def _rank(n: int, p: float) -> int:
    if n == 0:
        raise ValueError("no samples: no percentile")
    return min(n - 1, math.floor(n * fraction_of(p)))


@lru_cache
def fraction_of(p: float) -> Fraction:
    """``p`` percent, exactly: 1,000 × 99.9 % is 999 and not 998.99…"""
    if not 0 < p < 100:
        raise ValueError(f"percentile {p} is not between 0 and 100")
    return Fraction(str(p)) / 100


@lru_cache
def below(p: float) -> float:
    """The fraction of samples below percentile ``p``."""
    return float(fraction_of(p))


@lru_cache
def above(p: float) -> float:
    """The fraction of samples above percentile ``p``: the nearest float to 1 - p/100."""
    return float(1 - fraction_of(p))


def early_stopping_min_samples(p: float, confidence: float = 0.99) -> int:
    """Fewest samples from which LoadGen states percentile ``p``, at a tolerance of 0.

    The smallest n for which no more than one sample above the percentile is improbable:
    P(Binomial(n, 1 − p) ≤ 1) < 1 − confidence.
    """
    share = below(p)
    n = 2
    while share**n + n * share ** (n - 1) * (1 - share) >= 1 - confidence:
        n += 1
    return n


def early_stopping_estimate(samples: Samples, p: float, confidence: float = 0.99, in_order: bool = False) -> int | None:
    """LoadGen's early-stopping estimate: an upper bound of percentile ``p``; ``None`` below its minimum sample count.
    ``in_order``: the samples are sorted.

    The t-th largest sample, t being the largest count of samples above the percentile that is still improbable:
    P(Binomial(n, 1 − p) ≤ t) < 1 − confidence. LoadGen's tolerance is 0 in every scenario, and so is ours.
    """
    n = len(samples)
    t = binomial_quantile(1 - confidence, n, above(p)) - 1
    if t < 1:
        return None
    return int(samples[n - t] if in_order else np.partition(samples, n - t)[n - t])


def early_stopping_most_late(n: int, p: float, confidence: float = 0.99) -> int:
    """The most of ``n`` queries that may be later than a bound where LoadGen calls the run valid: percentile ``p`` is
    then within the bound at 99 % confidence. -1 where ``n`` queries are too few even if none is late."""
    return binomial_quantile(1 - confidence, n, above(p)) - 1 if n else -1


def early_stopping_queries(late: int, p: float, confidence: float = 0.99) -> int:
    """The fewest queries of which ``late`` may be later than a bound where LoadGen calls the run valid: the smallest n
    for which P(Binomial(n, 1 − p) ≤ late) < 1 − confidence."""
    low, high = late, 2 * late + 64
    while early_stopping_most_late(high, p, confidence) < late:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if early_stopping_most_late(middle, p, confidence) >= late else (middle, high)
    return high


def binomial_quantile(q: float, n: int, p: float) -> int:
    """Smallest k with P(Binomial(n, p) ≤ k) ≥ q, exact for ``q`` not beyond 1e-9 of 0 or 1."""
    return binomial_quantiles((q,), n, p)[0]


@lru_cache(maxsize=4096)
def binomial_quantiles(qs: tuple[float, ...], n: int, p: float) -> tuple[int, ...]:
    """``binomial_quantile`` of each of ``qs``, from one distribution.

    Written out because the measuring process calls it between batches, and importing SciPy there would show in the
    memory it measures.
    """
    reach = math.ceil(8 * math.sqrt(n * p * (1 - p))) + 24
    k = np.arange(max(0, math.floor(n * p) - reach), min(n, math.floor(n * p) + reach) + 1)
    first = int(k[0])
    log_first = math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
    log_first += first * math.log(p) + (n - first) * math.log1p(-p)
    log_ratios = np.log((n - k[1:] + 1) / k[1:]) + math.log(p) - math.log1p(-p)
    cumulative = np.exp(log_first + np.concatenate(([0.0], np.cumsum(log_ratios)))).cumsum()
    return tuple(first + min(len(k) - 1, int(cumulative.searchsorted(q))) for q in qs)
