"""The timed loop of open loops: lanes that take queries as they are due, and what each query took.

A query is due at a moment of the schedule; a lane begins it then, or when one becomes free. Its latency counts from
when it was due, so the time that it waited for a lane is part of it (otherwise a stall would be seen by one query
alone: "coordinated omission", G. Tene).
"""

import threading
import time
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.measure.open_loop.line import Drop, Line
from bench.measure.open_loop.pace import Wait, exact_timers, real_wait

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Call = Callable[[], None]
Clock = Callable[[], int]
LEAD_NS = 5_000_000  # for the threads to start before the first query is due
LONGEST, SPARE_NS = 3, 1_000_000_000
"""Lanes that fall behind are given up on after so many times the length of the schedule, and a second more."""


class Limit(Struct, frozen=True):
    """``bound_ns``: a latency above it is late. ``most``: after more late answers than this no further query is due,
    since the result is certain."""

    bound_ns: int
    most: int


class Played(Struct, frozen=True):
    """What an open loop left, in nanoseconds since its first query was due, int64. ``due_ns``, ``start_ns``,
    ``done_ns`` [n]: of each answered query, in the order in which they were begun. ``dropped_ns`` [m]: when those were
    due that were not answered. ``duration_ns``: until the last was due or done, whichever is later."""

    due_ns: "Array"
    start_ns: "Array"
    done_ns: "Array"
    dropped_ns: "Array"
    duration_ns: int

    @property
    def latency_ns(self) -> "Array":
        """Of each answered query, since it was due."""
        latency: Array = self.done_ns - self.due_ns
        return latency


class _Served:
    """Clock readings of one lane."""

    def __init__(self) -> None:
        self.index, self.start_ns, self.done_ns = array("q"), array("q"), array("q")


def play_open_loop(
    lanes: Sequence[Call],
    due_ns: "Array",
    *,
    drop: Drop = "none",
    limit: Limit | None = None,
    length_ns: int = 0,
    clock: Clock = time.perf_counter_ns,
    wait: Wait = real_wait,
) -> Played:
    """Serve the queries of ``due_ns``, int64 [n], ascending from 0, with one thread a lane. ``length_ns``: of the
    schedule, where that is longer than its last moment. Raises what a lane raised."""
    begin_ns = clock() + LEAD_NS
    length_ns = max(length_ns, int(due_ns[-1]) if len(due_ns) else 0)
    line = Line((due_ns + begin_ns).tolist(), drop, begin_ns + LONGEST * length_ns + SPARE_NS)
    served = [_Served() for _ in lanes]
    over = _Over(line, limit) if limit is not None else None
    errors: list[BaseException] = []

    def drive(call: Call, seen: _Served) -> None:
        try:
            with exact_timers():
                _serve(call, line, seen, over, clock, wait)
        except BaseException as error:
            errors.append(error)
            line.end(begin_ns)

    if len(lanes) == 1:
        drive(lanes[0], served[0])
    else:
        threads = [
            threading.Thread(target=drive, args=pair, name=f"lane-{i}", daemon=True)
            for i, pair in enumerate(zip(lanes, served, strict=True))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return _played(line, served, begin_ns, length_ns)


def _serve(call: Call, line: Line, seen: _Served, over: "_Over | None", clock: Clock, wait: Wait) -> None:
    """One lane, until no query is left."""
    take, due_ns = line.take, line.due_ns
    index_of, started, done = seen.index.append, seen.start_ns.append, seen.done_ns.append
    while (index := take(clock())) is not None:
        due = due_ns[index]
        wait(due)
        t0 = clock()
        call()
        t1 = clock()
        index_of(index)
        started(t0)
        done(t1)
        if over is not None and t1 - due > over.bound_ns:
            over.count(t1)


class _Over:
    """Counts late answers of all lanes, and ends the line after too many."""

    def __init__(self, line: Line, limit: Limit) -> None:
        self.bound_ns, self._line, self._most, self._late = limit.bound_ns, line, limit.most, 0
        self._lock = threading.Lock()

    def count(self, now_ns: int) -> None:
        with self._lock:
            self._late += 1
            certain = self._late == self._most + 1
        if certain:
            self._line.end(now_ns)


def _played(line: Line, served: Sequence[_Served], begin_ns: int, length_ns: int) -> Played:
    import numpy as np

    index, start, done = (
        np.concatenate([np.array(getattr(seen, name), np.int64) for seen in served])
        for name in ("index", "start_ns", "done_ns")
    )
    in_order = np.argsort(start, kind="stable")
    due = np.array(line.due_ns, np.int64)
    start, done = start[in_order] - begin_ns, done[in_order] - begin_ns
    dropped = np.sort(due[np.array(line.dropped, np.int64)]) - begin_ns
    last_ns = max((int(moments.max()) for moments in (done, dropped) if len(moments)), default=0)
    ended = len(index) + len(dropped) < len(due)  # by its limit
    return Played(due[index][in_order] - begin_ns, start, done, dropped, last_ns if ended else max(length_ns, last_ns))
