"""What charts draw of samples: distributions, traces over time, histograms. Pure."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]


def ecdf(samples: Samples, points: int = 200, in_order: bool = False) -> tuple[Samples, NDArray[np.float64]]:
    """Empirical distribution: sorted ``x`` from minimum to maximum, ``y`` the fraction of samples up to it (last 1).
    ``in_order``: the samples are sorted."""
    ordered = samples if in_order else np.sort(samples)
    keep = _kept(len(ordered), points)
    return ordered[keep], (keep + 1) / len(ordered)


@lru_cache(maxsize=256)
def _kept(n: int, points: int) -> NDArray[np.int64]:
    """The ranks of at most ``points`` of ``n`` values, evenly apart."""
    if n <= points:
        return np.arange(n, dtype=np.int64)
    return np.unique(np.linspace(0, n - 1, min(n, points)).round().astype(np.int64))


def trace(
    start_ns: Samples, latency_ns: Samples, points: int = 300
) -> tuple[NDArray[np.float64], Samples, NDArray[np.float64], Samples]:
    """A series in at most ``points`` bins of equally many queries: middle time ``t``, ``lo`` (minimum), ``median`` and
    ``hi`` (maximum) of each, all [bins] in nanoseconds."""
    order = np.argsort(start_ns, kind="stable")
    bins = min(len(order), points)
    if bins == 0:
        empty = np.empty(0)
        return empty, empty, empty, empty
    times = np.array_split(np.asarray(start_ns)[order], bins)
    values = np.array_split(np.asarray(latency_ns)[order], bins)
    return (
        np.array([np.median(part) for part in times]),
        np.array([part.min() for part in values]),
        np.array([np.median(part) for part in values]),
        np.array([part.max() for part in values]),
    )


def histogram(samples: Samples, bins: int = 60) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """``edges`` [bins + 1] of equal width from minimum to maximum, and ``counts`` [bins] that add up to n."""
    counts, edges = np.histogram(samples, bins)
    return edges, counts.astype(np.int64)
