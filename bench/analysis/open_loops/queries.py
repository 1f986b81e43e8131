"""Queries of an open loop: answered in time, late or dropped, and how they were begun."""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Samples = NDArray[Any]


class InTime(Struct, frozen=True):
    """Queries of one process: ``in_time``, ``late`` and ``dropped``, which were never answered."""

    in_time: int
    late: int
    dropped: int

    @property
    def all(self) -> int:
        return self.in_time + self.late + self.dropped


def in_time_of(latency_ns: Samples, dropped: int, bound_ns: int) -> InTime:
    """``latency_ns`` [n]: of the answered queries, since each was due."""
    in_time = int(np.count_nonzero(latency_ns <= bound_ns))
    return InTime(in_time, len(latency_ns) - in_time, dropped)


def jitter_ns(latency_ns: Samples) -> float | None:
    """The mean change of an answer's age from one answer to the next, as RFC 3550 (6.4.1) takes the jitter of packets,
    without its smoothing. ``latency_ns`` [n] in the order of the queries; ``None`` of fewer than two."""
    return float(np.abs(np.diff(latency_ns)).mean()) if len(latency_ns) > 1 else None


class Begun(Struct, frozen=True):
    """How the queries of a process were begun. ``late_ns`` [n]: after each was due and a lane was free; ``waited`` [n]:
    whether it was due before a lane was free; ``service_ns`` [n]: from its beginning until it was done; ``latency_ns``
    [n]: since it was due."""

    late_ns: Samples
    waited: Samples
    service_ns: Samples
    latency_ns: Samples


def begun(due_ns: Samples, start_ns: Samples, latency_ns: Samples, lanes: int) -> Begun:
    """``due_ns``, ``start_ns``, ``latency_ns`` [n] in the order in which the queries were begun. With ``lanes`` lanes,
    a query can begin when all but ``lanes`` - 1 of those before it are done."""
    done = due_ns + latency_ns
    free = np.zeros(len(due_ns), np.int64)
    if len(done) > lanes:
        free[lanes:] = np.sort(done)[: len(done) - lanes]
    waited = free > due_ns
    return Begun(start_ns - np.maximum(due_ns, free), waited, done - start_ns, latency_ns)
