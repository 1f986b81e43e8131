"""Whether a series was slower at its end than at its beginning.

Hollander & Wolfe 1999      Nonparametric statistical methods, chapter 4
"""

import math
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.stats.autocorrelation import autocorrelation_time, middle_ranks
from bench.stats.percentiles import Samples


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
    rows = middle_ranks(values[: 6 * n]).reshape(6, n)
    rows -= rows.mean(axis=1, keepdims=True)
    line = np.arange(n) - (n - 1) / 2
    rows -= np.outer(rows @ line / (line @ line), line)
    return autocorrelation_time(rows)
