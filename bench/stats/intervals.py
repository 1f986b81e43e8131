"""Distribution-free confidence intervals of percentiles."""

import math

import numpy as np

from bench.stats.percentiles import Samples, below, binomial_quantiles


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
