"""How many independent samples a series is worth: its integrated autocorrelation time.

Geyer 1992                  Practical Markov chain Monte Carlo, Statistical Science 7
Vehtari et al. 2021         Rank-normalization, folding, and localization, Bayesian Analysis 16
"""

import numpy as np
from numpy.typing import NDArray

from bench.stats.percentiles import Samples, percentile

LONGEST_ROW = 16_384  # queries a Fourier transform takes at once: bounds its memory, which the process measures


DIRECT_PAIRS = 16  # pairs of lags that are summed one by one, before all lags are transformed at once


def effective_sample_size(samples: Samples, p: float | None = None) -> float:
    """How many independent samples carry as much information: n over the autocorrelation time, from 1 to n.

    The autocorrelation is that of ranks, so that outliers do not hide it; with ``p``, that of "is it at most the
    percentile", on which the spread of an estimated percentile depends (Vehtari et al. 2021). It is summed up to
    the end of Geyer's initial positive sequence, over lags of up to 16,384 queries.
    """
    n = len(samples)
    if n < 4:
        return float(n)
    return effective_size(middle_ranks(samples) if p is None else at_most(samples, percentile(samples, p)))


def at_most(samples: Samples, limit: int) -> NDArray[np.bool_]:
    return np.asarray(samples <= limit)


def effective_size(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    """``effective_sample_size`` of what is looked at of each sample."""
    n = len(values)
    if n < 4:
        return float(n)
    mean = (np.count_nonzero(values) if values.dtype == np.bool_ else float(values.sum())) / n
    centred, length = np.subtract(values, mean, dtype=np.float64), min(n, LONGEST_ROW)
    return n / autocorrelation_time(centred[: n - n % length].reshape(-1, length))


def middle_ranks(samples: Samples) -> NDArray[np.float64]:
    """Rank of every sample, equal samples sharing the middle of theirs."""
    order = np.argsort(samples, kind="stable")
    values = samples[order]
    begins = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    ends = np.append(begins[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((begins + ends + 1) / 2, ends - begins)
    return ranks


def autocorrelation_time(rows: NDArray[np.float64]) -> float:
    """Integrated autocorrelation time, from 1 to the rows' length, of centred rows [k, n] cut from one series."""
    n, covariance = rows.shape[1], _covariance_of_one if len(rows) == 1 else _covariance
    total = covariance(rows, 0)
    if total <= 0:
        return 1.0
    positive = 0.0
    for lag in range(0, min(2 * DIRECT_PAIRS, n - n % 2), 2):  # most series end here, in a few lags
        pair = (total if lag == 0 else covariance(rows, lag)) + covariance(rows, lag + 1)
        if pair <= 0:
            return float(min(n, max(1.0, 2 * positive / total - 1)))
        positive += pair
    return _autocorrelation_time_of_all_lags(rows)


def _covariance(rows: NDArray[np.float64], lag: int) -> float:
    """Sum of the products of values ``lag`` apart."""
    return float(np.einsum("ij,ij->", rows[:, lag:], rows[:, : rows.shape[1] - lag]))


def _covariance_of_one(rows: NDArray[np.float64], lag: int) -> float:
    """``_covariance`` of a single row, in a third of the time."""
    row = rows[0]
    return float(row[lag:].dot(row[: len(row) - lag]))


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
