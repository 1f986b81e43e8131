"""Distribution-free confidence intervals of percentiles, and the standard error of a median."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.stats.percentiles import Samples, below, binomial_quantiles

LEAST_FOR_MEDIAN_ERROR = 6


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
    lower, last = binomial_quantiles((tail, 1 - tail), m, below(p))
    upper = last + 1
    if lower < 1 or upper > m:
        return None
    stretch = (n + 1) / (m + 1)
    lo = max(0, math.floor(lower * stretch) - 1)
    hi = min(n - 1, math.ceil(upper * stretch) - 1)
    found = samples if in_order else np.partition(samples, (lo, hi))
    return int(found[lo]), int(found[hi])


def median_error(values: NDArray[Any]) -> float | None:
    """Standard error of the median of independent values of any distribution, in their unit; ``None`` below 6.

    From the distance of two of them, by the confidence that these two have exactly (Price & Bonett 2001, Estimating the
    variance of the sample median, J. Statistical Computation and Simulation 68). The usual 95 % interval of so few has
    97 to 99 %, and would overstate the error by half.
    """
    n = len(values)
    if n < LEAST_FOR_MEDIAN_ERROR:
        return None
    from scipy.special import bdtr, ndtri

    rank = max(1, round((n + 1) / 2 - math.sqrt(n)))
    in_order = np.sort(values)
    return float((in_order[n - rank] - in_order[rank - 1]) / (-2 * ndtri(bdtr(rank - 1, n, 0.5))))
