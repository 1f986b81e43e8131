"""The mean time of a query over whole passes over inputs that differ.

Latencies of a few inputs that differ are a mixture, whose percentiles may lie in a gap between two inputs and are then
known no better by more queries. The mean over whole passes weighs every input alike, and passes do not differ by their
inputs: a stratified estimate, with the inputs as strata. Each pass is a replicate, whose queries may depend on each
other; passes among themselves count by their effective number.

batch means    Alexopoulos & Seila 1998, Output Data Analysis, in Banks (ed.), Handbook of Simulation, chapter 7
strata         Cochran 1977, Sampling Techniques, chapter 5
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.stats.autocorrelation import effective_size
from bench.stats.convergence import LEAST_PASSES

Samples = NDArray[Any]


def pass_means(samples: Samples, passes: int) -> NDArray[np.float64]:
    """The mean of each pass [passes] of ``samples`` [n], in order; of the queries where they come in none."""
    if not passes or len(samples) % passes:
        return np.asarray(samples, np.float64)
    return np.asarray(np.asarray(samples, np.float64).reshape(passes, -1).mean(axis=1))


def evened(samples: Samples, passes: int) -> Samples:
    """``samples`` [n] without what the inputs differ by: each in the measure of its own input's mean, times the mean of
    all; whole nanoseconds."""
    if not passes or len(samples) % passes:
        return samples
    of_inputs = np.asarray(samples, np.float64).reshape(passes, -1)
    own = np.maximum(1.0, of_inputs.mean(axis=0))
    return np.asarray(np.rint(of_inputs / own * own.mean()).reshape(-1), np.int64)


def standard_error(means: Samples) -> tuple[float, float] | None:
    """Of the mean of passes, with its degrees of freedom; ``None`` for fewer than ``LEAST_PASSES``."""
    if len(means) < LEAST_PASSES:
        return None
    effective = effective_size(np.asarray(means, np.float64))
    return float(np.std(means, ddof=1)) / math.sqrt(effective), max(1.0, effective - 1)


def mean_interval(means: Samples, confidence: float = 0.95) -> tuple[float, float] | None:
    """Student's t interval of the mean of passes; ``None`` for fewer than ``LEAST_PASSES``."""
    found = standard_error(means)
    if found is None:
        return None
    from scipy.special import stdtrit

    error, df = found
    centre, reach = float(np.mean(means)), float(stdtrit(df, (1 + confidence) / 2)) * error
    return centre - reach, centre + reach


def relative_width(means: Samples) -> float | None:
    """Width of ``mean_interval`` over the mean."""
    between = mean_interval(means)
    return None if between is None else (between[1] - between[0]) / max(1.0, float(np.mean(means)))
