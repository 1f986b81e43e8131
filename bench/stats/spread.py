"""Mean and standard deviation of a few figures, such as one a process: numpy costs ten times as much for so few."""

import math
from collections.abc import Sequence
from functools import cache


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the standard deviation of the distribution that ``values`` were drawn from (n - 1 in the
    denominator). Raises ``ZeroDivisionError`` below two."""
    n = len(values)
    mean = math.fsum(values) / n
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))


def student_reach(deviation: float, n: int, confidence: float = 0.95) -> float:
    """Half of the width of Student's t interval of a mean of ``n`` values, 2 or more, with that standard deviation."""
    return _student(confidence, n - 1) * deviation / math.sqrt(n)


@cache
def _student(confidence: float, df: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + confidence) / 2))
