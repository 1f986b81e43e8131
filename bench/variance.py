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
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.record_evidence import Variance
from bench.statistics import effective_sample_size, order_statistic_interval, percentile

Samples = NDArray[Any]

CONFIDENCE = 0.95
MOST_REPEATS = 1_000


def variance(repeats: Sequence[Samples], p: float, precision: float) -> Variance | None:
    """Both parts for percentile ``p`` of ``repeats``, the samples of one process each. ``precision``: what the interval
    of the percentile should not reach beyond, either way (0.03: 3 %). ``None`` below two processes, or where one has
    too few samples for an interval."""
    parts = [part for part in repeats if len(part)]
    within = [_uncertainty(part, p) for part in parts]
    if len(parts) < 2 or any(u is None for u in within):
        return None
    total = float(np.log([max(1, percentile(part, p)) for part in parts]).var(ddof=1))
    of_one = float(np.mean([u * u for u in within if u is not None]))
    return Variance(
        processes=len(parts),
        between_process_cv=_cv(max(0.0, total - of_one)),
        within_process_cv=_cv(of_one),
        precision=precision,
        repeats_for_precision=repeats_for_precision(math.sqrt(total), precision),
    )


def known_to(figures: Sequence[float], confidence: float = CONFIDENCE) -> float | None:
    """How far Student's interval of the geometric mean of ``figures``, one a process and positive, reaches either way
    (0.1: to 10 %). ``None`` below two."""
    if len(figures) < 2:
        return None
    return math.expm1(_reach(float(np.log(figures).std(ddof=1)), len(figures), confidence))


def repeats_for_precision(spread: float, precision: float, confidence: float = CONFIDENCE) -> int | None:
    """Fewest processes with which Student's interval of a mean of logarithms reaches no further than ``precision``
    either way, when the logarithms spread by ``spread``. ``None``: over 1,000."""
    fits = (n for n in range(2, MOST_REPEATS + 1) if _reach(spread, n, confidence) <= math.log1p(precision))
    return next(fits, None)


def _reach(spread: float, processes: int, confidence: float) -> float:
    """Half of Student's interval of the mean of so many logarithms."""
    from scipy.special import stdtrit

    return float(stdtrit(processes - 1, (1 + confidence) / 2)) * spread / math.sqrt(processes)


def _uncertainty(samples: Samples, p: float) -> float | None:
    """Standard error of the logarithm of one process' percentile, from its interval."""
    interval = order_statistic_interval(samples, p, CONFIDENCE, effective_sample_size(samples, p))
    if interval is None:
        return None
    width = math.log(max(1, interval[1])) - math.log(max(1, interval[0]))
    return width / (2 * NormalDist().inv_cdf((1 + CONFIDENCE) / 2))


def _cv(log_variance: float) -> float:
    """Coefficient of variation of what has a normal logarithm of that variance."""
    return math.sqrt(math.expm1(log_variance))
