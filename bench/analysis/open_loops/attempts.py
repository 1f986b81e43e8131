"""The attempts of a search for the largest rate that holds a bound, and what they say."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.stats.percentiles import early_stopping_most_late

Samples = NDArray[Any]

FINEST = 0.01
"""Rates are tried in steps of so much."""
THOUSANDTHS = 1_000


class Attempt(Struct, frozen=True):
    """One rate that a search tried: its queries, and those later than the bound."""

    rate_per_s: float
    queries: int
    late: int

    def holds(self, percentile: float) -> bool:
        """Whether the percentile is within the bound, as LoadGen decides it (``early_stopping.cc``)."""
        return self.late <= early_stopping_most_late(self.queries, percentile)


def attempts_of(rates_thousandths: Samples, point: Samples, latency_ns: Samples, bound_ns: int) -> tuple[Attempt, ...]:
    """``rates_thousandths`` [k]: of each attempt; ``point`` [n]: the attempt of each query; ``latency_ns`` [n]."""
    queries = np.bincount(point, minlength=len(rates_thousandths))
    late = np.bincount(point[latency_ns > bound_ns], minlength=len(rates_thousandths))
    each = zip(rates_thousandths.tolist(), queries.tolist(), late.tolist(), strict=False)
    return tuple(Attempt(rate / THOUSANDTHS, count, over) for rate, count, over in each)


def largest_rate(attempts: Sequence[Attempt], percentile: float) -> float | None:
    """The highest rate that held the bound; ``None`` where none did."""
    return max((one.rate_per_s for one in attempts if one.holds(percentile)), default=None)


def kept_attempt(attempts: Sequence[Attempt], percentile: float) -> int | None:
    """Which attempt is the steady state of a search: that at the largest rate; where no rate held, at the lowest."""
    rates = {index: one.rate_per_s for index, one in enumerate(attempts)}
    holding = [index for index in rates if attempts[index].holds(percentile)]
    if holding:
        return max(holding, key=rates.__getitem__)
    return min(rates, key=rates.__getitem__, default=None)


def resolution(precision: float) -> float:
    """How finely a search looks for the largest rate, as a fraction of it, where a figure is asked for to
    ``precision``."""
    return max(FINEST, precision / 2)


def search_settled(attempts: Sequence[Attempt], percentile: float, precision: float) -> bool:
    """Whether the lowest rate that failed above the largest rate is as close to it as a search looks."""
    largest = largest_rate(attempts, percentile)
    above = [one.rate_per_s for one in attempts if largest is not None and one.rate_per_s > largest]
    return (
        largest is not None and bool(above) and min(above) <= largest * (1 + resolution(precision)) * (1 + FINEST / 2)
    )
