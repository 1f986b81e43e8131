"""The idle power of a device from a marker's idle times, and how long it takes to cool down after load.

Before the first pulse of the first marker nothing was loaded yet. After load, power may fall slowly: fans turn, and a
warm chip leaks more. So an idle time after load counts only from where power is at idle again, and how long that took
after the last pulse is reported as the cool-down.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from bench.power.marker import Marker, shape_of
from bench.record.energy import MeterIdle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EDGES = 6
MARGIN_S = 1.0
"""Left out at either end of an idle time: what the offset and a reading's own interval may move into it."""
AT_IDLE = 0.05
"""Of the step from idle to the pulses: power this near to idle is at idle again."""
NOISE = 2.0
"""Or this many times the scatter of the readings before the first pulse."""
LEAST_SETTLED = 2
LONGEST_COOLDOWN_S = 600.0


class Idle(Struct, frozen=True):
    """``watts``: ``None`` where the log has no reading in an idle time."""

    watts: float | None
    found: MeterIdle | None = None


def idle_of(moved: "Floats", watts: "Floats", markers: Sequence[Marker], origin_unix_ns: int) -> Idle:
    """``moved``: the middles of the readings, float64 [n] in seconds since the origin; ``watts`` float64 [n]."""
    edges, spans = shape_of(markers, origin_unix_ns)
    own = [edges[EDGES * number : EDGES * number + EDGES] for number in range(len(spans))]
    before = _between(moved, watts, spans[0][0] + MARGIN_S, own[0][0] - MARGIN_S / 2)
    if not len(before):
        return Idle(None)
    base = float(np.median(before))
    scatter = 1.4826 * float(np.median(np.abs(before - base)))
    pulses = np.concatenate([watts[_inside(moved, edge)] for edge in own] or [before])
    most = base + max(AT_IDLE * max(0.0, (float(np.median(pulses)) if len(pulses) else base) - base), NOISE * scatter)
    quiet = [before]
    for number, (begin, end) in enumerate(spans):
        if number:
            quiet.append(_settled(moved, watts, begin + MARGIN_S, own[number][0] - MARGIN_S / 2, most)[0])
        quiet.append(_settled(moved, watts, own[number][-1] + MARGIN_S / 2, end, most)[0])
    used = [part for part in quiet if len(part)]
    levels = [float(np.median(part)) for part in used]
    found = MeterIdle(
        source="marker",
        readings=sum(map(len, used)),
        spread_watts=max(levels) - min(levels) if len(levels) > 1 else None,
        cooldown_s=_settled(moved, watts, own[-1][-1], own[-1][-1] + LONGEST_COOLDOWN_S, most)[1],
    )
    return Idle(float(np.median(np.concatenate(used))), found)


def _between(moved: "Floats", watts: "Floats", begin: float, end: float) -> "Floats":
    return watts[(moved >= begin) & (moved <= end)]


def _inside(moved: "Floats", edges: Sequence[float]) -> "NDArray[np.bool_]":
    """Which readings lie inside a pulse."""
    inside: NDArray[Any] = (np.searchsorted(edges, moved, side="right") % 2).astype(bool)
    return inside


def _settled(moved: "Floats", watts: "Floats", begin: float, end: float, most: float) -> "tuple[Floats, float | None]":
    """The readings of that time from where it is at idle again, and how long after ``begin`` that is; none and ``None``
    where it never is. Single readings above ``most`` are noise: the median of all that follow decides."""
    chosen = (moved >= begin) & (moved <= end)
    own, times = watts[chosen], moved[chosen]
    for at in range(max(0, len(own) - LEAST_SETTLED + 1)):
        if own[at] <= most and float(np.median(own[at : at + 5])) <= most:
            return own[at:], float(times[at]) - begin
    return own[:0], None
