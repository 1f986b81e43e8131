"""The attempts of a search for the largest rate that holds a bound, and what they say."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.analysis.open_loops.crossing import WINDOW, Crossing, Points, crossing
from bench.stats.percentiles import above, early_stopping_most_late

Samples = NDArray[Any]

THOUSANDTHS = 1_000
BEGINNING = 10
"""One query of so many, at the beginning of an attempt, is not counted: lanes are empty there, and queries wait less
than they do later."""
OF_ONE_PROCESS = 1.5
"""How much less precisely a process may know the largest rate than the run, which has six processes or more."""


class Attempt(Struct, frozen=True):
    """One rate that was tried: its queries, and those later than the bound."""

    rate_per_s: float
    queries: int
    late: int

    def holds(self, percentile: float) -> bool:
        """Whether the percentile is within the bound, as LoadGen decides it (``early_stopping.cc``)."""
        return self.late <= early_stopping_most_late(self.queries, percentile)

    def within(self, percentile: float) -> bool:
        """Whether the percentile of these queries is within the bound."""
        return self.late <= above(percentile) * self.queries


def counted(rate_per_s: float, late: Samples) -> Attempt:
    """An attempt of which each query was ``late`` or not, bool [n] in the order in which they were due."""
    late = late[len(late) // BEGINNING :]
    return Attempt(rate_per_s, len(late), int(np.count_nonzero(late)))


def attempts_of(rates_thousandths: Samples, point: Samples, latency_ns: Samples, bound_ns: int) -> tuple[Attempt, ...]:
    """``rates_thousandths`` [k]: of each attempt; ``point`` [n]: the attempt of each query; ``latency_ns`` [n]."""
    order = np.argsort(point, kind="stable")
    ends = np.searchsorted(point[order], np.arange(1, len(rates_thousandths)))
    each = np.split((latency_ns > bound_ns)[order], ends)
    return tuple(
        counted(rate / THOUSANDTHS, late) for rate, late in zip(rates_thousandths.tolist(), each, strict=False)
    )


class Ends(Struct, frozen=True):
    """The highest rate at which the percentile was within the bound, and the lowest at which it was not; ``None``:
    there was none."""

    within: float | None
    beyond: float | None


def ends_of(attempts: Sequence[Attempt], percentile: float) -> Ends:
    within = [one.within(percentile) for one in attempts]
    rates = [one.rate_per_s for one in attempts]
    return Ends(
        max((rate for rate, inside in zip(rates, within, strict=True) if inside), default=None),
        min((rate for rate, inside in zip(rates, within, strict=True) if not inside), default=None),
    )


def crossing_of(attempts: Sequence[Attempt], percentile: float) -> Crossing | None:
    """Where the percentile leaves the bound, by all attempts together; ``None`` before it is known roughly."""
    ends = ends_of(attempts, percentile)
    if ends.within is None or ends.beyond is None:
        return None
    rates, queries, late = (
        np.array([getattr(one, name) for one in attempts], np.float64) for name in ("rate_per_s", "queries", "late")
    )
    return crossing(Points(np.log(rates), queries, late), above(percentile), (ends.within, ends.beyond))


def largest_rate(attempts: Sequence[Attempt], percentile: float) -> float | None:
    """The rate at which the percentile is just within the bound; before that is known, the highest rate at which it was
    within it; ``None`` where it never was."""
    found = crossing_of(attempts, percentile)
    return ends_of(attempts, percentile).within if found is None else found.rate_per_s


def kept_attempt(attempts: Sequence[Attempt], percentile: float) -> int | None:
    """Which attempt is the steady state of a search: of the long ones near the largest rate the nearest; where no rate
    held, that at the lowest."""
    largest = largest_rate(attempts, percentile)
    if largest is None:
        return min(range(len(attempts)), key=lambda index: attempts[index].rate_per_s, default=None)
    away = [abs(math.log(one.rate_per_s / largest)) for one in attempts]
    near = [index for index in range(len(attempts)) if away[index] <= max(WINDOW, min(away))]
    longest = max(attempts[index].queries for index in near)
    return min((index for index in near if 2 * attempts[index].queries >= longest), key=away.__getitem__)


def is_bracketed(attempts: Sequence[Attempt], percentile: float) -> bool:
    """Whether the largest rate is an estimate, and not only a rate that held."""
    return crossing_of(attempts, percentile) is not None


def search_settled(attempts: Sequence[Attempt], percentile: float, precision: float) -> bool:
    """Whether a process knows the largest rate finely enough for a run that is to know it to ``precision``."""
    found = crossing_of(attempts, percentile)
    return found is not None and found.reach is not None and found.reach <= OF_ONE_PROCESS * precision
