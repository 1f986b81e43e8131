"""The queries of an open loop that wait for a free lane, and those that are dropped meanwhile.

All moments at which queries are due are known before the loop begins, so nothing has to put them into a queue while it
runs: a lane that becomes free sees by the clock which ones would be waiting by now. What it takes, and what has been
dropped, is what a queue would give. Late answers cannot delay arrivals in this way, and no thread of the generator
competes with the lanes for the interpreter.
"""

import threading
from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

Drop = Literal["oldest", "newest", "none"]


class Line:
    """``due_ns``: when each query is due, ascending, of the clock that ``take`` is given. ``drop``: what happens to
    queries that wait for a lane. ``none``: all of them wait, first come, first served. ``oldest``: one waits; a newer
    one takes its place. ``newest``: one waits; newer ones are dropped. ``longest_ns``: no query is begun after it.
    """

    def __init__(self, due_ns: Sequence[int], drop: Drop, longest_ns: int) -> None:
        self.due_ns = due_ns
        self.dropped: list[int] = []
        self._drop, self._longest_ns, self._next, self._end = drop, longest_ns, 0, len(due_ns)
        self._lock = threading.Lock()

    def take(self, now_ns: int) -> int | None:
        """The index of the query that a lane serves which is free now: it may be due later. ``None`` after the last."""
        with self._lock:
            first = self._next
            if first >= self._end:
                return None
            if now_ns > self._longest_ns:
                self._give_up(first, now_ns)
                return None
            if self._drop == "none" or first + 1 >= self._end or self.due_ns[first + 1] > now_ns:
                self._next = first + 1
                return first
            behind = bisect_right(self.due_ns, now_ns, first, self._end)  # those that have been due by now
            self._next = behind
            taken = behind - 1 if self._drop == "oldest" else first
            self.dropped += (index for index in range(first, behind) if index != taken)
            return taken

    def end(self, now_ns: int) -> None:
        """No query is due any more after ``now_ns``; those that wait are still served."""
        with self._lock:
            self._end = max(self._next, bisect_right(self.due_ns, now_ns, self._next, self._end))

    def _give_up(self, first: int, now_ns: int) -> None:
        """The queries that still wait are never answered."""
        self.dropped += range(first, max(first, bisect_right(self.due_ns, now_ns, first, self._end)))
        self._end = first
