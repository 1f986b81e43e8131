"""The search for the largest rate at which a percentile of the latency is within a bound: which rate is tried next, and
with how many queries.

Rates are on a scale of 1 % steps, the same in every process, so that attempts of several processes at one rate are one
point. The search goes from where it expects the answer in growing strides until it has a rate that is within the bound
and one that is not, and halves what is between them. From then on, each attempt is at or beside the rate at which a fit
through all attempts leaves the bound, and has at least a quarter as many queries as the fit already has: late queries
come in clusters, so that one long attempt says more than many short ones.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from bench.analysis.open_loops.attempts import Attempt
    from bench.analysis.open_loops.crossing import Crossing

STEP = 1.01
FIRST_STRIDE = 16  # 17 %
LOWEST, HIGHEST = 0.1, 100_000.0
"""Queries a second: below, an attempt takes hours; above, a query takes the loop itself longer than its period."""
SIDES = (0, -1, 1)
ASIDE, FARTHEST = 0.7, 0.2
"""Attempts beside the rate show how steeply late queries become more: where their odds are half or twice as large, but
no farther than so much of the rate."""
QUARTER = 4
MOST_ATTEMPTS = 64


class Goal(Struct, frozen=True):
    """What a search is to find, and how long its attempts are. ``first``: the step where the answer is expected.
    ``fewest``, ``most``: queries of an attempt. ``short_s``, ``long_s``: how long it lasts at least, before and after
    the answer is known roughly."""

    percentile: float
    precision: float
    first: int
    fewest: int
    most: int
    short_s: float
    long_s: float


class Trial(Struct, frozen=True):
    """``fewest``: queries without which it is not worth beginning."""

    rate_per_s: float
    queries: int
    fewest: int


def rate_of(step: int) -> float:
    """Queries a second at that step, in thousandths: 1 at step 0, 1.01 at 1."""
    return round(STEP**step, 3)


def step_of(rate_per_s: float) -> int:
    """The last step at or below the rate, within the scale."""
    return math.floor(math.log(min(HIGHEST, max(LOWEST, rate_per_s)), STEP) + 1e-9)


def next_trial(attempts: "Sequence[Attempt]", goal: Goal) -> Trial | None:
    """``None`` when the answer is known as finely as is wanted, or the scale ends."""
    from bench.analysis.open_loops.attempts import crossing_of, search_settled

    if len(attempts) >= MOST_ATTEMPTS or search_settled(attempts, goal.percentile, goal.precision):
        return None
    found = crossing_of(attempts, goal.percentile)
    if found is None:
        step = _towards(attempts, goal)
        return None if step is None else _trial(rate_of(step), goal.short_s, goal.fewest, goal)
    return _trial(_beside(found, len(attempts)), goal.long_s, max(2 * goal.fewest, found.queries // QUARTER), goal)


def _trial(rate_per_s: float, lasts_s: float, queries: int, goal: Goal) -> Trial:
    wanted = max(queries, int(rate_per_s * lasts_s))
    return Trial(rate_per_s, max(goal.fewest, min(wanted, goal.most)), goal.fewest)


def _beside(found: "Crossing", turn: int) -> float:
    aside = SIDES[turn % len(SIDES)] * min(FARTHEST, ASIDE / found.power)
    return rate_of(step_of(found.rate_per_s * math.exp(aside) * math.sqrt(STEP)))


def _towards(attempts: "Sequence[Attempt]", goal: Goal) -> int | None:
    from bench.analysis.open_loops.attempts import ends_of

    ends, first = ends_of(attempts, goal.percentile), goal.first
    within, beyond = (None if rate is None else _nearest(rate) for rate in (ends.within, ends.beyond))
    if within is None:
        return first if beyond is None else _strided(beyond, beyond - first - FIRST_STRIDE)
    if beyond is None:
        return _strided(within, within - first + FIRST_STRIDE)
    return (within + beyond) // 2


def _nearest(rate_per_s: float) -> int:
    return step_of(rate_per_s * math.sqrt(STEP))


def _strided(step: int, stride: int) -> int | None:
    """A stride from ``step``, at the end of the scale what is left of it."""
    lowest, highest = step_of(LOWEST), step_of(HIGHEST)
    found = max(lowest, min(highest, step + stride))
    return None if found == step else found
