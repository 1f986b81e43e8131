"""Which settings are on the front: no other is as good by every figure and better by one.

Figures that differ by less than they can be told apart count as equal; otherwise noise would put every setting on the
front.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct


class Axis(Struct, frozen=True):
    """A figure by which settings differ. ``metric``: its name. ``by``: whether values are compared by their ratio, or
    by their difference, as decibels and fractions are. ``tolerance``: of either; what is within it counts as equal."""

    metric: str
    lower_is_better: bool
    tolerance: float
    by: Literal["ratio", "difference"] = "ratio"

    def better(self, one: float, other: float) -> bool:
        """Whether ``one`` is better than ``other`` by more than the tolerance."""
        good, bad = (one, other) if self.lower_is_better else (other, one)
        if self.by == "difference":
            return bad - good > self.tolerance
        return good > 0 and bad > 0 and math.log(bad / good) > math.log1p(self.tolerance)


def front(points: Sequence[Mapping[str, float]], axes: Sequence[Axis]) -> tuple[bool, ...]:
    """For each point whether it is on the front. One that lacks a figure is not, and dominates none."""
    known = [all(axis.metric in point for axis in axes) for point in points]
    return tuple(
        known[index] and not any(known[j] and dominates(other, point, axes) for j, other in enumerate(points))
        for index, point in enumerate(points)
    )


def dominates(one: Mapping[str, float], other: Mapping[str, float], axes: Sequence[Axis]) -> bool:
    """Whether ``one`` is nowhere worse than ``other``, and somewhere better."""
    values = [(axis, one[axis.metric], other[axis.metric]) for axis in axes]
    worse = any(axis.better(theirs, ours) for axis, ours, theirs in values)
    return not worse and any(axis.better(ours, theirs) for axis, ours, theirs in values)
