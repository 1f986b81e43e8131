"""Where the spread of a percentile comes from, and how many processes make it as precise as asked.

One figure a process, its own percentile, on a logarithmic scale. Its variance over processes holds two parts: how true
percentiles differ from process to process, and how uncertain each is within its process. The second is known from the
order-statistic interval of each process, corrected for autocorrelation; the first is what remains: the method of
moments of a random-effects model (DerSimonian & Laird 1986, Controlled Clinical Trials 7; for benchmarks Kalibera &
Jones 2013). The intervals are rather wide than narrow, so the first part is rather small than large. More queries
lessen the second only, more processes lessen both.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench.record.evidence import Variance
from bench.stats.processes import Ordered
from bench.stats.spread import mean_and_deviation

CONFIDENCE = 0.95
FEWEST_REPEATS, MOST_REPEATS = 2, 1_000


def variance(samples: Ordered, p: float, precision: float) -> Variance | None:
    """Both parts for percentile ``p`` of the processes. ``precision``: what the interval of the percentile should not
    reach beyond, either way (0.03: 3 %). ``None`` below two processes, or where one has too few samples for an
    interval."""
    within = [_uncertainty(interval) for interval in samples.intervals(p)]
    if len(within) < 2 or any(u is None for u in within):
        return None
    _, spread = mean_and_deviation([math.log(max(1, middle)) for middle in samples.percentiles(p)])
    total, of_one = spread**2, math.fsum(u * u for u in within if u is not None) / len(within)
    return Variance(
        processes=len(within),
        between_process_cv=_cv(max(0.0, total - of_one)),
        within_process_cv=_cv(of_one),
        precision=precision,
        repeats_for_precision=repeats_for_precision(spread, precision),
    )


def known_to(figures: Sequence[float], confidence: float = CONFIDENCE) -> float | None:
    """How far Student's interval of the geometric mean of ``figures``, one a process and positive, reaches either way
    (0.1: to 10 %). ``None`` below two."""
    if len(figures) < 2:
        return None
    _, spread = mean_and_deviation([math.log(figure) for figure in figures])
    return math.expm1(_reach(spread, len(figures), confidence))


def repeats_for_precision(spread: float, precision: float, confidence: float = CONFIDENCE) -> int | None:
    """Fewest processes with which Student's interval of a mean of logarithms reaches no further than ``precision``
    either way, when the logarithms spread by ``spread``. ``None``: over 1,000."""
    quantiles, roots = _of_counts(confidence)
    fits = np.flatnonzero(quantiles * spread / roots <= math.log1p(precision))
    return FEWEST_REPEATS + int(fits[0]) if len(fits) else None


@lru_cache(maxsize=8)
def _of_counts(confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Student's quantile and the square root, for each number of processes from the minimum to the maximum."""
    from scipy.special import stdtrit

    counts = np.arange(FEWEST_REPEATS, MOST_REPEATS + 1)
    return stdtrit(counts - 1, (1 + confidence) / 2), np.sqrt(counts)


def _reach(spread: float, processes: int, confidence: float) -> float:
    """Half of Student's interval of the mean of so many logarithms."""
    from scipy.special import stdtrit

    return float(stdtrit(processes - 1, (1 + confidence) / 2)) * spread / math.sqrt(processes)


def _uncertainty(interval: tuple[int, int] | None) -> float | None:
    """Standard error of the logarithm of one process' percentile, from its 95 % interval."""
    if interval is None:
        return None
    width = math.log(max(1, interval[1])) - math.log(max(1, interval[0]))
    return width / (2 * NormalDist().inv_cdf((1 + CONFIDENCE) / 2))


def _cv(log_variance: float) -> float:
    """Coefficient of variation of what has a normal logarithm of that variance."""
    return math.sqrt(math.expm1(log_variance))
