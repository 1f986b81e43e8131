"""Pure functions over arrays of samples: percentiles, intervals and drift.

Samples are one-dimensional arrays of latencies in nanoseconds, in the order they were measured; ``p`` is in percent.
Nothing here assumes a distribution, but for ``between_process_interval``. Sources:

    LoadGen                     mlcommons/inference, loadgen/early_stopping.cc and results.cc
    Geyer 1992                  Practical Markov chain Monte Carlo, Statistical Science 7
    Vehtari et al. 2021         Rank-normalization, folding, and localization, Bayesian Analysis 16
    Kalibera & Jones 2013       Rigorous benchmarking in reasonable time, ISMM
    Hollander & Wolfe 1999      Nonparametric statistical methods, chapter 4
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Samples = NDArray[Any]

MIN_SAMPLES: dict[float, int] = {50: 11, 90: 64, 95: 130, 99: 662, 99.9: 6636}
"""Fewest samples for a percentile to be stated: ``early_stopping_min_samples`` at 99 % confidence."""


LONGEST_ROW = 16_384  # queries a Fourier transform takes at once: bounds its memory, which the process measures
DIRECT_PAIRS = 16  # pairs of lags that are summed one by one, before all lags are transformed at once


class Drift(Struct, frozen=True):
    """Change from the first third of a series to its last, relative to the first (0.15: 15 % slower at the end).

    ``lo`` and ``hi`` bound it; ``blocks`` medians of successive queries in each third stand behind it.
    """

    change: float
    lo: float
    hi: float
    blocks: int

    def exceeds(self, tolerance: float) -> bool:
        """Whether the change is told apart from none, and is larger than ``tolerance`` either way."""
        return not self.lo <= 0 <= self.hi and abs(self.change) > tolerance


# ------------------------------------------------------------------------------------------------ percentiles


class Ordered(Struct, frozen=True):
    """The samples of processes, each as measured and sorted, and those of all together sorted: several figures of the
    same samples need one sort, and one autocorrelation for each percentile."""

    parts: tuple[Samples, ...]
    sorted: tuple[Samples, ...]
    pooled: Samples
    _effective: dict[float, tuple[float, ...]] = {}

    def percentiles(self, p: float) -> tuple[int, ...]:
        """``percentile`` of each process."""
        return tuple(sorted_percentile(part, p) for part in self.sorted)

    def effective(self, p: float) -> tuple[float, ...]:
        """``effective_sample_size`` of each process, computed once."""
        if p not in self._effective:
            pairs = zip(self.parts, self.percentiles(p), strict=True)
            self._effective[p] = tuple(_effective(_at_most(part, limit)) for part, limit in pairs)
        return self._effective[p]

    def intervals(self, p: float) -> tuple[tuple[int, int] | None, ...]:
        """The 95 % ``order_statistic_interval`` of each process, by its effective sample size."""
        pairs = zip(self.sorted, self.effective(p), strict=True)
        return tuple(order_statistic_interval(part, p, ess=ess, in_order=True) for part, ess in pairs)


def ordered(repeats: Sequence[Samples]) -> Ordered:
    """``repeats``: the samples of one process each; empty ones are left out."""
    parts = tuple(part for part in repeats if len(part))
    each = tuple(np.sort(part) for part in parts)
    if len(each) < 2:
        return Ordered(parts, each, each[0] if each else np.empty(0))
    return Ordered(parts, each, np.sort(np.concatenate(each), kind="stable"))  # which merges what is in order


def sorted_percentile(samples: Samples, p: float) -> int:
    """``percentile`` of samples that are sorted."""
    return int(samples[_rank(len(samples), p)])


def percentile(samples: Samples, p: float) -> int:
    """The sample of 0-based rank floor(n·p/100): a nearest rank, never interpolated, as LoadGen takes it.

    Of an even count the p50 is the upper of the two middle samples. Raises ``ValueError`` without samples.
    """
    rank = _rank(len(samples), p)
    return int(np.partition(samples, rank)[rank])


@lru_cache(maxsize=1024)
def _rank(n: int, p: float) -> int:
    if n == 0:
        raise ValueError("no samples: no percentile")
    return min(n - 1, math.floor(n * _share(p)))


@lru_cache
def _share(p: float) -> Fraction:
    """``p`` percent, exactly: 1,000 × 99.9 % is 999 and not 998.99…"""
    if not 0 < p < 100:
        raise ValueError(f"percentile {p} is not between 0 and 100")
    return Fraction(str(p)) / 100


def early_stopping_min_samples(p: float, confidence: float = 0.99) -> int:
    """Fewest samples from which LoadGen states percentile ``p``, at a tolerance of 0.

    The smallest n for which no more than one sample above the percentile is improbable:
    P(Binomial(n, 1 − p) ≤ 1) < 1 − confidence.
    """
    below = float(_share(p))
    n = 2
    while below**n + n * below ** (n - 1) * (1 - below) >= 1 - confidence:
        n += 1
    return n


def early_stopping_estimate(samples: Samples, p: float, confidence: float = 0.99, in_order: bool = False) -> int | None:
    """LoadGen's early-stopping estimate: an upper bound of percentile ``p``; ``None`` below its least sample count.
    ``in_order``: the samples are sorted.

    The t-th largest sample, t being the largest count of samples above the percentile that is still improbable:
    P(Binomial(n, 1 − p) ≤ t) < 1 − confidence. LoadGen's tolerance is 0 in every scenario, and so is ours.
    """
    n = len(samples)
    t = _binomial_quantile(1 - confidence, n, float(1 - _share(p))) - 1
    if t < 1:
        return None
    return int(samples[n - t] if in_order else np.partition(samples, n - t)[n - t])


# -------------------------------------------------------------------------------------------------- intervals


def effective_sample_size(samples: Samples, p: float | None = None) -> float:
    """How many independent samples carry as much information: n over the autocorrelation time, from 1 to n.

    The autocorrelation is that of ranks, so that outliers do not hide it; with ``p``, that of "is it at most the
    percentile", on which the spread of an estimated percentile depends (Vehtari et al. 2021). It is summed up to
    the end of Geyer's initial positive sequence, over lags of up to 16,384 queries.
    """
    n = len(samples)
    if n < 4:
        return float(n)
    return _effective(_ranks(samples) if p is None else _at_most(samples, percentile(samples, p)))


def _at_most(samples: Samples, limit: int) -> NDArray[np.float64]:
    return np.asarray(samples <= limit, np.float64)


def _effective(values: NDArray[np.float64]) -> float:
    """``effective_sample_size`` of what is looked at of each sample."""
    n = len(values)
    if n < 4:
        return float(n)
    values = values - values.sum() / n
    length = min(n, LONGEST_ROW)
    return n / _autocorrelation_time(values[: n - n % length].reshape(-1, length))


def _ranks(samples: Samples) -> NDArray[np.float64]:
    """Rank of every sample, equal samples sharing the middle of theirs."""
    order = np.argsort(samples, kind="stable")
    values = samples[order]
    begins = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    ends = np.append(begins[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((begins + ends + 1) / 2, ends - begins)
    return ranks


def _autocorrelation_time(rows: NDArray[np.float64]) -> float:
    """Integrated autocorrelation time, from 1 to the rows' length, of centred rows [k, n] cut from one series."""
    n = rows.shape[1]
    total = float(np.einsum("ij,ij->", rows, rows))
    if total <= 0:
        return 1.0
    positive = 0.0
    for lag in range(0, min(2 * DIRECT_PAIRS, n - n % 2), 2):  # most series end here, in a few lags
        pair = (total if lag == 0 else _covariance(rows, lag)) + _covariance(rows, lag + 1)
        if pair <= 0:
            return float(min(n, max(1.0, 2 * positive / total - 1)))
        positive += pair
    return _autocorrelation_time_of_all_lags(rows)


def _covariance(rows: NDArray[np.float64], lag: int) -> float:
    """Sum of the products of values ``lag`` apart."""
    if len(rows) == 1:
        return float(rows[0, lag:] @ rows[0, : rows.shape[1] - lag])
    return float(np.einsum("ij,ij->", rows[:, lag:], rows[:, : rows.shape[1] - lag]))


def _autocorrelation_time_of_all_lags(rows: NDArray[np.float64]) -> float:
    n = rows.shape[1]
    size = 1 << (2 * n - 1).bit_length()
    covariance = np.zeros(n)
    for row in rows:
        covariance += np.fft.irfft(np.abs(np.fft.rfft(row, size)) ** 2, size)[:n]
    if covariance[0] <= 0:
        return 1.0
    pairs = (covariance[: n - n % 2] / covariance[0]).reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    positive = pairs[: negative[0]] if len(negative) else pairs
    return float(np.clip(2 * positive.sum() - 1, 1, n))


def order_statistic_interval(
    samples: Samples, p: float, confidence: float = 0.95, ess: float | None = None, in_order: bool = False
) -> tuple[int, int] | None:
    """Distribution-free interval of percentile ``p``: two of the samples, whose ranks are binomial quantiles.

    Exact for independent samples. With ``ess`` the ranks are those of so many samples, stretched over all of them,
    which widens the interval for autocorrelated ones. ``in_order``: the samples are sorted. ``None``: too few samples
    to bound the percentile on both sides.
    """
    n = len(samples)
    m = n if ess is None else int(min(n, max(1.0, ess)))
    if m == 0:
        return None
    tail = (1 - confidence) / 2
    lower = _binomial_quantile(tail, m, float(_share(p)))
    upper = _binomial_quantile(1 - tail, m, float(_share(p))) + 1
    if lower < 1 or upper > m:
        return None
    stretch = (n + 1) / (m + 1)
    lo = max(0, math.floor(lower * stretch) - 1)
    hi = min(n - 1, math.ceil(upper * stretch) - 1)
    found = samples if in_order else np.partition(samples, (lo, hi))
    return int(found[lo]), int(found[hi])


@lru_cache(maxsize=4096)
def _binomial_quantile(q: float, n: int, p: float) -> int:
    """Smallest k with P(Binomial(n, p) ≤ k) ≥ q, exact for ``q`` not beyond 1e-9 of 0 or 1.

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
    return int(k[min(len(k) - 1, int(np.searchsorted(cumulative, q)))])


def process_percentile(repeats: Sequence[Samples], p: float) -> int | None:
    """Percentile ``p`` of a typical process: the geometric mean of each one's own, as ``bench.ratio`` compares them.

    ``repeats``: the samples of one process each; empty ones do not count. ``None`` where all together hold fewer
    samples than ``MIN_SAMPLES`` asks. A tail of which one process alone holds too few is that of all samples together,
    since of few the p99 is the greatest.
    """
    return ordered_percentile(ordered(repeats), p)


def ordered_percentile(samples: Ordered, p: float) -> int | None:
    """``process_percentile`` of samples that are sorted once for several percentiles."""
    if len(samples.pooled) < MIN_SAMPLES[p]:
        return None
    if p > 50 and min(len(part) for part in samples.sorted) < MIN_SAMPLES[p]:
        return sorted_percentile(samples.pooled, p)
    return round(math.exp(np.log([max(1, middle) for middle in samples.percentiles(p)]).mean()))


def process_interval(repeats: Sequence[Samples], p: float) -> tuple[int, int] | None:
    """The 95 % interval of ``process_percentile``; ``None`` without that, or where too few samples bound it."""
    return ordered_interval(ordered(repeats), p)


def ordered_interval(samples: Ordered, p: float) -> tuple[int, int] | None:
    """``process_interval`` of samples that are sorted once for several percentiles."""
    return None if len(samples.pooled) < MIN_SAMPLES[p] else _between(samples, p, 0.95)


def between_process_interval(
    repeats: Sequence[Samples], p: float = 50, confidence: float = 0.95
) -> tuple[int, int] | None:
    """Interval of percentile ``p`` of a typical process, from ``repeats``, each the samples of one.

    The process is the unit of replication (Kalibera & Jones 2013): a million queries of one process say nothing of
    how the next is laid out in memory. So the interval is Student's t over the logarithms of the processes' own
    percentiles, whose spread holds the variance between and within processes both. With 2 to 10 processes it keeps
    its confidence, where resampling so few of them does not. It is widened, where it must be, to hold the interval
    that the pooled samples give by themselves, so that repeats agreeing by luck claim nothing they do not know; their
    percentile lies inside, too. One repeat: that within-process interval alone. ``None``: too few samples.
    """
    return _between(ordered(repeats), p, confidence)


def _between(samples: Ordered, p: float, confidence: float) -> tuple[int, int] | None:
    if not samples.parts:
        return None
    middles = samples.percentiles(p)
    within = order_statistic_interval(samples.pooled, p, confidence, sum(samples.effective(p)), in_order=True)
    if within is None or len(middles) == 1:
        return within
    from scipy.special import stdtrit

    logs = np.log([max(1, middle) for middle in middles])
    reach = float(stdtrit(len(logs) - 1, (1 + confidence) / 2)) * logs.std(ddof=1) / math.sqrt(len(logs))
    centre = logs.mean()
    return (
        min(within[0], math.floor(math.exp(centre - reach))),
        max(within[1], math.ceil(math.exp(centre + reach))),
    )


def hodges_lehmann_shift(
    base: NDArray[np.float64], new: NDArray[np.float64], confidence: float = 0.95
) -> tuple[float, float, float] | None:
    """How far ``new`` lies above ``base``: the median of all differences, with its Mann–Whitney interval (lo, hi).

    For short arrays (all pairs are formed). ``None`` where they are too short for the confidence asked.
    """
    m, n = len(base), len(new)
    spread = math.sqrt(m * n * (m + n + 1) / 12)
    k = math.floor(m * n / 2 - NormalDist().inv_cdf((1 + confidence) / 2) * spread)
    if k < 1:
        return None
    differences = np.sort(np.subtract.outer(new, base), axis=None)
    return float(_middle(differences[None])[0]), float(differences[k - 1]), float(differences[-k])


# ------------------------------------------------------------------------------------------------------ drift


def drift(start_ns: Samples, latency_ns: Samples, confidence: float = 0.99) -> Drift | None:
    """How much slower the last third of a steady state was than its first; ``None`` where that cannot be told.

    Each third is cut into 24, 12, 8 or 6 blocks of successive queries; the sets of block medians are compared by the
    Hodges–Lehmann shift of their logarithms. Medians make heavy tails harmless, and blocks of at least four
    autocorrelation times make neighbours independent. Cannot be told: fewer than 18 queries, or an autocorrelation
    that outlasts a quarter of the longest block.
    """
    third = len(latency_ns) // 3
    if third < 6:
        return None
    in_order = bool((np.diff(start_ns) >= 0).all())  # as of queries one after another
    series = np.asarray(latency_ns) if in_order else np.asarray(latency_ns)[np.argsort(start_ns, kind="stable")]
    logs = np.log(np.maximum(series, 1))
    first, last = logs[:third], logs[-third:]
    tau = max(_local_autocorrelation_time(first), _local_autocorrelation_time(last))
    shortest = 1.0 if tau < 1.5 else 4 * tau
    blocks = next((count for count in (24, 12, 8, 6) if third // count >= shortest), None)
    if blocks is None:
        return None
    shift = hodges_lehmann_shift(_block_medians(first, blocks), _block_medians(last, blocks), confidence)
    if shift is None:
        return None
    change, lo, hi = (math.expm1(value) for value in shift)
    return Drift(change, lo, hi, blocks)


def _block_medians(values: NDArray[np.float64], blocks: int) -> NDArray[np.float64]:
    size, longer = divmod(len(values), blocks)  # the first blocks hold one more, as np.array_split cuts
    cut = longer * (size + 1)
    parts = [values[:cut].reshape(longer, size + 1), values[cut:].reshape(blocks - longer, size)]
    return np.concatenate([_middle(np.sort(part, axis=1)) for part in parts if part.size])


def _middle(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row that is sorted."""
    middle = rows.shape[1] // 2
    return np.asarray(rows[:, middle] if rows.shape[1] % 2 else (rows[:, middle - 1] + rows[:, middle]) / 2)


def _local_autocorrelation_time(values: NDArray[np.float64]) -> float:
    """Autocorrelation time within sixths of ``values``, each freed of its own line, so that drift does not pass for it.

    1 where a sixth holds fewer than 8 values: too short to tell.
    """
    n = len(values) // 6
    if n < 8:
        return 1.0
    rows = _ranks(values[: 6 * n]).reshape(6, n)
    rows -= rows.mean(axis=1, keepdims=True)
    line = np.arange(n) - (n - 1) / 2
    rows -= np.outer(rows @ line / (line @ line), line)
    return _autocorrelation_time(rows)
