"""Whether all series of a machine moved together: then the machine changed, and not forty models.

A machine's common shift is the median of its series' shifts of the leading metric; the median is not moved by a few
true regressions. What one series moved beyond it is judged again, by the spread of what the others did, because another
kernel or clock does not change all models by the same factor.

Where nothing of the machine is known to have changed, but a runtime, this tool or all models have, it is no change of
the machine: each series is judged as it is.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from bench.comparison.rules import BUSIER, WARMER
from bench.gate.finding import MachineShift
from bench.gate.table import Known
from bench.nights.events import Event, changed_between
from bench.nights.point import Point

FEWEST = 3  # series of one machine: of two, one may have a regression and the other an improvement
TOGETHER = 0.8  # fraction of them that has to move
BEYOND = 2.0  # standard errors
CLOCK = 0.05  # fraction by which a clock differs that is worth naming
CHARGE_PERCENT = 20.0
OF_THE_TOOLS = ("runtime ", "tool", "rules", "model", "precision", "preset", "inputs", "python")
"""Names of versions, or how they begin, that explain a common shift without the machine."""


class Moved(Struct, frozen=True, kw_only=True):
    """``shift``: logarithm of the common change, positive if for the worse; ``spread``: of the series about it, robust;
    ``error``: of the shift. ``shown``: for reports."""

    shift: float
    spread: float
    error: float
    series: int
    shown: MachineShift


class Common(Struct, frozen=True):
    """``moved`` of ``series``, all that are known well enough to show it."""

    shift: float
    spread: float
    moved: int
    series: int


def common_shift(worse_by: Any, errors: Any, least: float) -> Common | None:
    """Of series that moved by ``worse_by`` [series]: the median, and the robust spread about it; ``None`` where they
    did not move together. A series whose own noise hides such a shift says neither yes nor no."""
    known = np.isfinite(worse_by) & np.isfinite(errors)
    if known.sum() < FEWEST:
        return None
    telling = known & (BEYOND * errors < abs(float(np.median(worse_by[known]))))
    moves, error = worse_by[telling], errors[telling]
    if len(moves) < FEWEST:
        return None
    shift = float(np.median(moves))
    moved = (np.sign(moves) == np.sign(shift)) & (np.abs(moves) > np.maximum(least, BEYOND * error))
    if abs(shift) <= least or moved.sum() < math.ceil(TOGETHER * len(moves)):
        return None
    return Common(shift, float(1.4826 * np.median(np.abs(moves - shift))), int(moved.sum()), len(moves))


def machines_moved(
    known: Sequence[Known],
    worse_by: Mapping[int, float],
    errors: Mapping[int, float],
    before: Mapping[int, Point],
    least: float,
) -> dict[str, Moved]:
    """Machine -> its shift, for those all of whose series moved. ``worse_by``, ``errors``: of the leading metric of
    ``known[number]``; ``before``: the newest night of it that was at the base's level, or the base."""
    members: dict[str, list[int]] = defaultdict(list)
    for number in worse_by:
        members[known[number].series.place].append(number)
    found = {}
    for machine, numbers in members.items():
        moves, error = (np.array([of[n] for n in numbers]) for of in (worse_by, errors))
        together = common_shift(moves, error, least)
        if together is None:
            continue
        shift, spread = together.shift, together.spread
        pairs = [(before[n], tonight) for n in numbers if (tonight := known[n].tonight) is not None]
        changed, conditions = _common_events(pairs), _conditions(pairs)
        if _by_the_tools(changed) and not conditions:
            continue
        shown = MachineShift(
            machine=machine,
            change=math.expm1(shift),
            moved=together.moved,
            series=together.series,
            changed=changed,
            conditions=conditions,
        )
        scatter = math.sqrt(spread**2 + float(np.median(error)) ** 2)
        own = 1.2533 * scatter / math.sqrt(together.series)  # of a median
        found[machine] = Moved(shift=shift, spread=spread, error=own, series=together.series, shown=shown)
    return found


def _by_the_tools(changed: Sequence[Event]) -> bool:
    """Whether what changed in all series is a runtime, the tool or the models, and nothing of the machine."""
    tools = any(event.what.startswith(OF_THE_TOOLS) for event in changed)
    return tools and not any(event.of_machine for event in changed)


def _common_events(pairs: Sequence[tuple[Point, Point]]) -> tuple[Event, ...]:
    """The events that all series have: by name, as models differ; of the machine also those that one alone knows."""
    events = [changed_between(base, new) for base, new in pairs]
    by_name = {event.what: event for of_one in events for event in of_one}
    count = {name: sum(any(e.what == name for e in of_one) for of_one in events) for name in by_name}
    return tuple(event for name, event in sorted(by_name.items()) if count[name] == len(pairs) or event.of_machine)


def _conditions(pairs: Sequence[tuple[Point, Point]]) -> dict[str, tuple[float, float]]:
    """What of the conditions differs by enough to matter, as the median over all series: base and tonight."""
    names = {name for base, new in pairs for name in base.conditions.keys() & new.conditions.keys()}
    found = {}
    for name in sorted(names):
        both = [
            (b.conditions[name], n.conditions[name])
            for b, n in pairs
            if {name} <= b.conditions.keys() & n.conditions.keys()
        ]
        before, after = (float(np.median([pair[i] for pair in both])) for i in (0, 1))
        if _matters(name, before, after):
            found[name] = (before, after)
    return found


def _matters(name: str, before: float, after: float) -> bool:
    if name.endswith("_celsius"):
        return abs(after - before) > WARMER
    if name.endswith("_fraction"):
        return abs(after - before) > BUSIER
    if name.endswith("_percent"):
        return abs(after - before) > CHARGE_PERCENT
    return abs(after - before) > CLOCK * max(abs(before), 1e-9)
