"""The largest rate at which a bound on latency holds: attempts at one rate after another, on a scale of 1 % steps.

The scale is the same in every process, so that their attempts at one rate are one point. Whether a rate holds the bound
is found by trying it; the search goes from where it expects the answer in growing strides until it has a rate that
holds and one that does not, and then halves what is between them.
"""

import math
from collections.abc import Callable

from msgspec import Struct

STEP = 1.01
FIRST_STRIDE = 16  # 17 %
LOWEST, HIGHEST = 0.1, 100_000.0
"""Queries a second: below, an attempt takes hours; above, a query takes the loop itself longer than its period."""


def rate_of(step: int) -> float:
    """Queries a second at that step, in thousandths: 1 at step 0, 1.01 at 1."""
    return round(STEP**step, 3)


def step_of(rate_per_s: float) -> int:
    """The last step at or below the rate, within the scale."""
    return math.floor(math.log(min(HIGHEST, max(LOWEST, rate_per_s)), STEP) + 1e-9)


class Bracket(Struct, frozen=True):
    """What is known so far. ``holds``: the highest step that held the bound; ``fails``: the lowest that did not."""

    holds: int | None = None
    fails: int | None = None

    def after(self, step: int, held: bool) -> "Bracket":
        return Bracket(step, self.fails) if held else Bracket(self.holds, step)


def next_step(known: Bracket, first: int, resolution: float) -> int | None:
    """The step to try next; ``None`` when the answer is known as finely as ``resolution``, a fraction of the rate, or
    the scale ends. ``first``: where the answer is expected."""
    holds, fails = known.holds, known.fails
    if holds is None and fails is None:
        return first
    if holds is None and fails is not None:
        return _beyond(fails, fails - first - FIRST_STRIDE)
    if fails is None and holds is not None:
        return _beyond(holds, holds - first + FIRST_STRIDE)
    assert holds is not None
    assert fails is not None
    if fails - holds <= max(1, math.floor(math.log1p(resolution) / math.log(STEP))):
        return None
    return (holds + fails) // 2


def _beyond(step: int, stride: int) -> int | None:
    """A stride from ``step``, at the end of the scale what is left of it."""
    lowest, highest = step_of(LOWEST), step_of(HIGHEST)
    found = max(lowest, min(highest, step + stride))
    return None if found == step else found


def search(
    held: Callable[[float], bool | None], expected_per_s: float, resolution: float
) -> tuple[float | None, float | None]:
    """The highest rate that held the bound and the lowest that did not; ``None`` where none did. ``held``: tries a
    rate; ``None`` ends the search."""
    known, first = Bracket(), step_of(expected_per_s)
    while (step := next_step(known, first, resolution)) is not None:
        answer = held(rate_of(step))
        if answer is None:
            break
        known = known.after(step, answer)
    return (
        None if known.holds is None else rate_of(known.holds),
        None if known.fails is None else rate_of(known.fails),
    )
