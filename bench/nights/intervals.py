"""The interval of one night's figure, between its processes."""

import math

from bench.nights.point import Level

CONFIDENCE = 0.95
LARGEST = 700.0
"""Its exponential is still a number."""


def interval_of(level: Level, fraction: bool) -> tuple[float, float] | None:
    """95 % interval of the mean of the processes that are to be expected: Student's t over the logarithms, of a
    fraction over the fractions, which stays within 0 and 1. In units of the figure; ``None`` with one process."""
    if level.processes < 2:
        return None
    from scipy.special import stdtrit

    quantile = float(stdtrit(level.processes - 1, (1 + CONFIDENCE) / 2))
    reach = quantile * level.deviation / math.sqrt(level.processes)
    if fraction:
        return max(0.0, level.mean - reach), min(1.0, level.mean + reach)
    return math.exp(level.mean - reach), math.exp(min(level.mean + reach, LARGEST))
