"""A part of a whole that is measured sample by sample, such as the time of one stage of a query.

interval    the linearised variance of a ratio estimator: Cochran 1977, Sampling Techniques, chapter 6
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.stats.autocorrelation import effective_size


def fraction_interval(
    parts: Sequence[NDArray[Any]],
    wholes: Sequence[NDArray[Any]],
    confidence: float = 0.95,
    passes: Sequence[int] = (),
) -> tuple[float, float] | None:
    """Bounds of ``sum(parts) / sum(wholes)``, where ``parts[i]`` [n] are fractions of ``wholes[i]`` [n] in cluster i,
    such as a process. ``None`` for fewer than four samples.

    The linearised variance of a ratio estimator (Cochran 1977, Sampling Techniques), within clusters with the effective
    number of samples by their autocorrelation, between clusters by their scatter with Student's t; the wider of both.
    ``passes``: of each cluster, over samples that differ, which then vary only within their own place in a pass.
    """
    total = float(sum(whole.sum() for whole in wholes))
    if sum(map(len, wholes)) < 4 or not total:
        return None
    share = float(sum(part.sum() for part in parts)) / total
    rest = [part - share * whole for part, whole in zip(parts, wholes, strict=True)]
    pairs = zip(rest, passes or [0] * len(rest), strict=True)
    own = [_within_places(one, count) for one, count in pairs]  # what clusters differ by counts between them
    within = sum(float(one @ one) * len(one) / effective_size(one) for one in own if len(one) > 1) / total**2
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(within)
    clusters = len(wholes)
    if clusters > 1:
        from scipy.special import stdtrit

        scatter = sum(float(one.sum()) ** 2 for one in rest) * clusters / (clusters - 1) / total**2
        reach = max(reach, float(stdtrit(clusters - 1, (1 + confidence) / 2)) * math.sqrt(scatter))
    return max(0.0, share - reach), min(1.0, share + reach)


def _within_places(values: NDArray[Any], passes: int) -> NDArray[Any]:
    """``values`` [n] less their mean, of each place in a pass where there are two passes or more."""
    if passes < 2 or len(values) % passes:
        return np.asarray(values - values.mean())
    by_place = values.reshape(passes, -1)
    return np.asarray((by_place - by_place.mean(axis=0)).reshape(-1) * math.sqrt(passes / (passes - 1)))
