"""Whether repeated inputs are faster than new ones. Pure; the times come from a separate pass.

A round times one new input, the same again immediately, and one input that is used in every round. Disturbances of the
machine affect neighbours in a round equally, and "again" has the same values as "fresh", so that a model whose speed
depends on its data is not mistaken for a cache.
"""

import math
from collections.abc import Sequence
from statistics import fmean, median, stdev

from msgspec import Struct

LEAST_ROUNDS = 6  # of fewer, two speeds of the machine would pass for a cache too often
ROUNDING = 1e-9  # of a logarithm: below the resolution of any clock


class SpeedUp(Struct, frozen=True):
    """``ratio``: median over rounds of seen over fresh. ``p_value``: one-sided, of "seen is not faster".
    ``seen_ns`` and ``fresh_ns`` are medians."""

    ratio: float
    p_value: float
    seen_ns: float
    fresh_ns: float
    rounds: int


def speed_up(fresh_ns: Sequence[int], seen_ns: Sequence[int]) -> SpeedUp | None:
    """Paired Student's t over the logarithms of each round's ratio; ``None`` below six rounds."""
    rounds = min(len(fresh_ns), len(seen_ns))
    if rounds < LEAST_ROUNDS:
        return None
    logs = [math.log(max(1, s) / max(1, f)) for f, s in zip(fresh_ns, seen_ns, strict=False)]
    error = stdev(logs) / math.sqrt(rounds)
    return SpeedUp(
        math.exp(median(logs)), _p_below(fmean(logs), error, rounds), median(seen_ns), median(fresh_ns), rounds
    )


def _p_below(mean: float, error: float, rounds: int) -> float:
    if error < ROUNDING:
        return 0.0 if mean < -ROUNDING else 1.0
    from scipy.special import stdtr

    return float(stdtr(rounds - 1, mean / error))
