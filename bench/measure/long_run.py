"""What a long run does between two queries: it reads the device, says what is happening, and keeps each minute.

None of it happens while a query is timed. A look takes about a millisecond, a minute that is written a few; both lie
between the end of one query and the begin of the next, and count as the harness' time.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.record.energy import Trace
from bench.words import Sentence

if TYPE_CHECKING:
    import numpy as np

    from bench.machine.trace_log import TraceLog

    Arrays = dict[str, np.ndarray[Any, Any]]


class Begun(Struct, frozen=True):
    """What there is of a repeat whose steady state goes on. ``arrays``: the samples since the last minute was kept.
    ``warmup``: queries and nanoseconds, and whether it ended steady. ``duration_ns``: since the first query."""

    arrays: "Arrays"
    warmup: tuple[int, int, bool]
    duration_ns: int
    queries: int


class Observed(Struct, frozen=True):
    """What was read between the queries of a repeat; see the fields of ``Repeat``."""

    traces: tuple[Trace, ...] = ()
    power_sources: tuple[str, ...] = ()


class LongRun:
    """Reads nothing, says nothing and keeps nothing; the base of what does."""

    def look(self, now_ns: int) -> None:
        """Read the device. ``now_ns``: since the first query."""

    def tell(self, what: Callable[[float | None], Sentence]) -> None:
        """Say what is happening. ``what``: the words, of the temperature of the hottest zone, where one is known."""

    def keep(self, begun: Begun) -> None:
        """Keep the minute that has ended."""

    def observed(self) -> Observed:
        """All that was read."""
        return Observed()


class WatchedRun(LongRun):
    """``log`` reads; ``said`` gets what is happening, ``kept`` a minute with all that was read so far."""

    def __init__(
        self,
        log: "TraceLog",
        said: Callable[[Sentence], None],
        kept: Callable[[Begun, Observed], None],
    ) -> None:
        self._log, self._said, self._kept = log, said, kept

    def look(self, now_ns: int) -> None:
        self._log.look(now_ns)

    def tell(self, what: Callable[[float | None], Sentence]) -> None:
        self._said(what(self._log.hottest_celsius))

    def keep(self, begun: Begun) -> None:
        self._kept(begun, self.observed())

    def observed(self) -> Observed:
        return Observed(self._log.traces(), tuple(self._log.power_sources))
