"""How the time of a search is divided: what a measurement takes, and what is kept back for the end."""

import math
from collections.abc import Callable, Sequence
from time import monotonic_ns

from msgspec import Struct

from bench.errors import InputError
from bench.execution.tuning.heats import Process
from bench.record.record import Failure
from bench.tuning.halving import FINALISTS, affordable, processes_for
from bench.words import sentence

WIDTH = 4
"""Settings of a heat, the default among them: their processes live at the same time."""
MOST_DRAWN = 48
"""Settings that a search begins with: what proposals find beyond them costs less than drawing more."""
CONFIRMING_PAIRS = 7
"""Pairs for which time is kept back: at 4 to 7 of them most comparisons are decided."""
MEMORY_SHARE = 0.5  # of what is free, that the processes of a heat may take together
MARGIN = 1.1
"""A measurement may take so much longer the next time."""


class Budget:
    """``limit_ns``: of the whole command. ``clock``: nanoseconds that pass."""

    def __init__(self, limit_ns: int, clock: Callable[[], int] = monotonic_ns) -> None:
        self._clock, self._began_ns, self.limit_ns = clock, clock(), limit_ns
        self._processes, self._process_ns = 0, 0

    @property
    def used_ns(self) -> int:
        return self._clock() - self._began_ns

    def again(self, used_ns: int) -> None:
        """So much is used now: of a search that goes on, what the earlier one used."""
        self._began_ns = self._clock() - used_ns

    @property
    def left_ns(self) -> int:
        return self.limit_ns - self.used_ns

    @property
    def process_ns(self) -> int:
        """What a process takes, from spawn to exit, the mean so far."""
        return self._process_ns // max(1, self._processes)

    def spent(self, processes: int, wall_ns: int) -> None:
        """So many processes took so long."""
        self._processes += processes
        self._process_ns += wall_ns


class Reserve(Struct, frozen=True):
    """What the end of a search will take. ``prepare_ns``: what comes before the first measurement of a run."""

    prepare_ns: int
    process_ns: int
    width: int
    beside: bool

    @property
    def confirming_ns(self) -> int:
        return 2 * self.prepare_ns + 2 * CONFIRMING_PAIRS * self.process_ns

    @property
    def finals_ns(self) -> int:
        """Checking the outputs of the last settings, and measuring them in the other scenario."""
        return FINALISTS * self.process_ns + (self.width * self.process_ns if self.beside else 0)

    @property
    def total_ns(self) -> int:
        return self.confirming_ns + self.finals_ns


def settings_for(free_ns: int, process_ns: int, width: int, space: int) -> int:
    """How many settings a search of so much time begins with, of a ``space`` that counts the default."""
    return affordable(max(0, free_ns) // max(1, process_ns), width, space - 1, MOST_DRAWN)


def least_budget_ns(reserve: Reserve, used_ns: int) -> int:
    """What a search of one setting takes, with ``used_ns`` before it."""
    return used_ns + processes_for(1, reserve.width, 0) * reserve.process_ns + reserve.total_ns


def too_short(budget_ns: int, reserve: Reserve, used_ns: int) -> InputError:
    """The error of a budget that is not enough for one setting, with one that is."""
    return InputError(
        sentence("tune.budget_too_short", budget=budget_ns, process=reserve.process_ns),
        sentence("tune.budget_too_short.remedy", minutes=whole_minutes(least_budget_ns(reserve, used_ns))),
    )


def whole_minutes(least_ns: int) -> int:
    """Minutes that suffice for ``least_ns``, with a margin; rounded up, because less is refused."""
    return math.ceil(least_ns * MARGIN / 60e9)


def fitting(processes: Sequence[Process | Failure]) -> int:
    """Settings of a heat whose processes fit the memory that is free, if they take what these took."""
    import psutil

    peak = max(one.figures.get("peak_rss_bytes", 0.0) for one in processes if isinstance(one, Process))
    fits = int(MEMORY_SHARE * psutil.virtual_memory().available / peak) if peak else WIDTH
    return max(2, min(WIDTH, fits))
