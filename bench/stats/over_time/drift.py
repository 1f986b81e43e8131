"""Whether a series was slower at its end than at its beginning.

Hollander & Wolfe 1999      Nonparametric statistical methods, chapter 4
"""

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.stats.autocorrelation import autocorrelation_time, middle_ranks
from bench.stats.percentiles import Samples

BLOCKS = 24, 12, 8, 6  # in each third, the most that are long enough
SLACK = 1e-9  # relative: more than the rounding of the logarithms, less than any change that matters


class Drift(Struct, frozen=True):
    """Change from the first third of a series to its last, relative to the first (0.15: 15 % slower at the end).

    ``lo`` and ``hi`` bound it; ``blocks`` medians of successive queries in each third stand behind it.
    """

    change: float
    lo: float
    hi: float
    blocks: int

    def exceeds(self, tolerance: float) -> bool:
        """Whether the change is statistically significant and larger than ``tolerance`` in either direction."""
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


def drift(start_ns: Samples, latency_ns: Samples, confidence: float = 0.99, at_least: float = 0.0) -> Drift | None:
    """How much slower the last third of a steady state was than its first; ``None`` if this is unknown.

    Each third is cut into 24, 12, 8 or 6 blocks of successive queries; the sets of block medians are compared by the
    Hodges–Lehmann shift of their logarithms. Medians are robust against heavy tails, and blocks of at least four
    autocorrelation times make neighbours independent. Unknown: fewer than 18 queries, or an autocorrelation time above
    a quarter of the longest block.

    ``at_least``: for a change that does not exceed it, the result may also be ``None``. For most series a bound that
    holds for any blocks shows this at a fraction of the cost.
    """
    third = len(latency_ns) // 3
    if third < 6:
        return None
    in_order = bool((start_ns[1:] >= start_ns[:-1]).all())  # as of queries one after another
    series = np.asarray(latency_ns) if in_order else np.asarray(latency_ns)[np.argsort(start_ns, kind="stable")]
    thirds = np.log(np.maximum((series[:third], series[-third:]), 1))
    if at_least > 0 and _within(thirds, math.log1p(at_least) * (1 - SLACK)):
        return None
    first, last = thirds
    tau = max(_local_autocorrelation_time(first), _local_autocorrelation_time(last))
    shortest = 1.0 if tau < 1.5 else 4 * tau
    blocks = next((count for count in BLOCKS if third // count >= shortest), None)
    if blocks is None:
        return None
    shift = hodges_lehmann_shift(_block_medians(first, blocks), _block_medians(last, blocks), confidence)
    if shift is None:
        return None
    change, lo, hi = (math.expm1(value) for value in shift)
    return Drift(change, lo, hi, blocks)


def _within(thirds: NDArray[np.float64], most: float) -> bool:
    """Whether the shift between ``thirds`` [2, n] is shown to be at most ``most`` either way, for each of ``BLOCKS``.

    The shift is the median of all differences of a last and a first block's median. Where it is above ``most``, at
    least half of them are. Of such a pair the last median is above m + most/2 or the first one below m - most/2,
    whatever m is. So if u of B last medians and v of B first ones are, the shift is at most ``most`` when
    (B - u)(B - v) > B²/2. A median can be above a bound only where half of its block is, which needs no sorting. The
    other direction alike. m: the mean, which divides most series well.
    """
    middle, n = float(thirds.sum()) / thirds.size, thirds.shape[1]
    begins, ends, sections = _cuts(n)
    far = np.concatenate(
        (thirds > middle + most / 2, thirds < middle - most / 2)
    )  # first, last above; first, last below
    counted = np.zeros((4, n + 1), np.int64)
    np.cumsum(far, axis=1, out=counted[:, 1:])
    halves = 2 * (counted[:, ends] - counted[:, begins]) >= ends - begins
    near = np.array(BLOCKS) - np.add.reduceat(halves, sections, axis=1, dtype=np.int64)
    slower, faster = near[1] * near[2], near[0] * near[3]
    return bool((2 * np.minimum(slower, faster) > np.square(BLOCKS)).all())


@lru_cache(maxsize=256)
def _cuts(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where each block of ``n`` values begins and ends, for each of ``BLOCKS`` in turn, and where those begin."""
    edges = [np.array([i * (n // b) + min(i, n % b) for i in range(b + 1)]) for b in BLOCKS]
    begins, ends = (np.concatenate([one[cut] for one in edges]) for cut in (slice(None, -1), slice(1, None)))
    return begins, ends, np.cumsum((0, *BLOCKS[:-1]))


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
    """Autocorrelation time within sixths of ``values``, each freed of its own line, so that drift is not mistaken for
    it.

    1 if a sixth has fewer than 8 values, which is too short.
    """
    n = len(values) // 6
    if n < 8:
        return 1.0
    rows = middle_ranks(values[: 6 * n]).reshape(6, n)
    rows -= rows.mean(axis=1, keepdims=True)
    line = np.arange(n) - (n - 1) / 2
    rows -= np.outer(rows @ line / (line @ line), line)
    return autocorrelation_time(rows)
