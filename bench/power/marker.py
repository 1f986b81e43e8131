"""The pulses of full load that are found again in a meter's log, so that the log and a run share one clock.

Idle, three pulses of all cores, idle. Pulses and pauses differ in length, so that the pattern fits itself at one shift
only; the six edges are a sixth of a second apart in their fractions of a second, so that a meter that reads once a
second still shows where they are.
"""

from collections.abc import Sequence

from msgspec import Struct

IDLE_S = 5.0
EDGES_S = (0.0, 7 / 6, 14 / 6, 27 / 6, 46 / 6, 53 / 6)
"""From the beginning of the first pulse: on, off, on, off, on, off."""

LASTS_S = EDGES_S[-1] + 2 * IDLE_S


class Marker(Struct, frozen=True):
    """One marker as it was made. ``edges_unix_ns``: on, off, on, … by the clock of the machine that was loaded;
    ``begins_unix_ns``, ``ends_unix_ns``: of the idle time before and behind."""

    begins_unix_ns: int
    edges_unix_ns: tuple[int, ...]
    ends_unix_ns: int


def planned(start_unix_ns: int, number: int = 0) -> Marker:
    """The marker that begins at that time. Every other one (``number`` 1, 3, …) is the pattern backwards, so that the
    marker before a run is not taken for the one behind it."""
    first = start_unix_ns + round(IDLE_S * 1e9)
    pattern = EDGES_S if number % 2 == 0 else tuple(EDGES_S[-1] - edge for edge in reversed(EDGES_S))
    edges = tuple(first + round(edge * 1e9) for edge in pattern)
    return Marker(start_unix_ns, edges, edges[-1] + round(IDLE_S * 1e9))


def shape_of(markers: Sequence[Marker], origin_unix_ns: int) -> tuple[list[float], list[tuple[float, float]]]:
    """The edges of all markers in seconds since the origin, in order, and the times from the first idle to the last of
    each."""
    seconds = [(edge - origin_unix_ns) / 1e9 for one in markers for edge in one.edges_unix_ns]
    spans = [
        ((one.begins_unix_ns - origin_unix_ns) / 1e9, (one.ends_unix_ns - origin_unix_ns) / 1e9) for one in markers
    ]
    return seconds, spans
