"""Throughput of a window, and whether it was steady, from when queries were issued and done."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from bench.stats.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


MOST_PARTS, LEAST_PARTS = 10, 3
"""The window is looked at in so many equal parts, to see whether throughput was steady."""


LEAST_QUERIES_A_PART = 2
"""Of each lane, so that the parts are not pieces of the same query."""


T_95 = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Student's t, 95 % two-sided, by degrees of freedom."""


@dataclass(frozen=True)
class Throughput:
    """``timeline``: queries that completed inside the window [``opened_ns``, ``closed_ns``), sorted by completion;
    ``warmup``: those that completed before it; ``in_flight``: those that were running as it closed."""

    timeline: Timeline
    warmup: Timeline
    in_flight: Timeline
    lanes: int
    opened_ns: int
    closed_ns: int

    @property
    def duration_ns(self) -> int:
        return self.closed_ns - self.opened_ns

    @property
    def queries(self) -> float:
        """Queries of the window, each by the fraction of its time inside."""
        return self._between(self.opened_ns, self.closed_ns)

    def parts(self) -> tuple[float, ...]:
        """Queries in each of up to ``MOST_PARTS`` equal parts of the window; empty where too few queries completed for
        ``LEAST_PARTS`` of them."""
        count = min(MOST_PARTS, len(self.timeline.done_ns) // (LEAST_QUERIES_A_PART * self.lanes))
        if count < LEAST_PARTS:
            return ()
        edges = [self.opened_ns + self.duration_ns * i // count for i in range(count + 1)]
        return tuple(self._between(begin, end) for begin, end in pairwise(edges))

    def converged(self, precision: float) -> bool:
        """Whether the 95 % t-interval of the parts' mean count is narrower than ``precision`` of it."""
        parts = self.parts()
        if not parts:
            return False
        width: float = 2 * T_95[len(parts) - 1] * stdev(parts) / len(parts) ** 0.5
        return width < precision * fmean(parts)

    def _between(self, begin_ns: int, end_ns: int) -> float:
        import numpy as np

        from bench.analysis.run_processes import queries_in_window

        issued = np.concatenate([t.issued_ns for t in (self.timeline, self.in_flight)]).astype(np.int64)
        done = np.concatenate([t.done_ns for t in (self.timeline, self.in_flight)]).astype(np.int64)
        return queries_in_window(issued - begin_ns, done - issued, end_ns - begin_ns)


def throughput_of(timelines: Sequence[Timeline], opened_ns: int, closed_ns: int) -> Throughput:
    """What the lanes, one timeline each, did before, in and across the end of the window."""
    import numpy as np

    issued = np.concatenate([np.array(t.issued_ns[: len(t.done_ns)], np.int64) for t in timelines])
    done = np.concatenate([np.array(t.done_ns, np.int64) for t in timelines])
    order = np.lexsort((issued, done))
    issued, done = issued[order], done[order]
    begun, before, after = issued < closed_ns, done < opened_ns, done >= closed_ns
    parts = (begun & ~before & ~after, begun & before, begun & ~before & after)
    inside, warmup, across = (_timeline(issued[part], done[part]) for part in parts)
    return Throughput(inside, warmup, across, len(timelines), opened_ns, closed_ns)


def window_converged(
    done: Sequence["Array"], in_flight: Sequence["Array"], window: tuple[int, int], precision: float
) -> bool:
    """``Throughput.converged`` from what a record keeps. ``done``, ``in_flight``: when queries were issued since the
    window opened, and their latencies, int64 [n]. ``window``: its duration in nanoseconds, and the lanes."""
    duration_ns, lanes = window
    timeline, across = (_timeline(issued, issued + latency) for issued, latency in (done, in_flight))
    return Throughput(timeline, Timeline(), across, lanes, 0, duration_ns).converged(precision)


def _timeline(issued_ns: "Array", done_ns: "Array") -> Timeline:
    issued, done = (array("q", readings.astype("int64").tobytes()) for readings in (issued_ns, done_ns))
    return Timeline(issued, done)
