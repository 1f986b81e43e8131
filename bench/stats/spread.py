"""Mean and standard deviation of a few figures, such as one a process: numpy costs ten times as much for so few."""

import math
from collections.abc import Sequence


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the standard deviation of the distribution that ``values`` were drawn from (n - 1 in the
    denominator). Raises ``ZeroDivisionError`` below two."""
    n = len(values)
    mean = math.fsum(values) / n
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
