"""Waiting for a moment: asleep until just before it, then looking at the clock.

A sleep ends some tens of microseconds late, more on some systems, so its last part is spent looking at the clock. That
is CPU time of the harness: ``SPIN_NS`` for each query that a lane waits for, such as 0.6 % of one core at 30 queries a
second. The interpreter is released at every look, so that other lanes are not kept waiting.

A long sleep ends later than a short one, since the core is in a deeper idle state by then: it is divided, and its last
part is short. Linux lets timers of ordinary threads expire 50 us late, to wake for several at once, unless the thread
asks for less.
"""

import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SPIN_NS = 200_000 if sys.platform != "win32" else 2_000_000
"""How long before the moment the sleep ends; Windows wakes threads at coarser times."""
NEAR_NS = 2_000_000 + SPIN_NS
"""How long before the moment a long sleep ends, for a short one to follow."""
LONGEST_SLEEP_NS = 100_000_000
PR_SET_TIMERSLACK, PR_GET_TIMERSLACK = 29, 30
LEAST_SLACK_NS = 1

Wait = Callable[[int], None]


def wait_until(due_ns: int, clock: Callable[[], int], sleep: Callable[[float], None]) -> None:
    """Return at ``due_ns`` of ``clock``, or at once if that is past."""
    while (left_ns := due_ns - clock() - NEAR_NS) > 0:
        sleep(min(left_ns, LONGEST_SLEEP_NS) / 1e9)
    while (left_ns := due_ns - clock() - SPIN_NS) > 0:
        sleep(left_ns / 1e9)
    while clock() < due_ns:
        sleep(0)


def real_wait(due_ns: int) -> None:
    """``wait_until`` of the process' own clock."""
    wait_until(due_ns, time.perf_counter_ns, time.sleep)


@contextmanager
def exact_timers() -> Iterator[None]:
    """Timers of this thread expire when they are set to, where the system can be asked for it."""
    prctl = _prctl()
    before = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) if prctl is not None else -1
    if prctl is None or before < 0:
        yield
        return
    prctl(PR_SET_TIMERSLACK, LEAST_SLACK_NS, 0, 0, 0)
    try:
        yield
    finally:
        prctl(PR_SET_TIMERSLACK, before, 0, 0, 0)


def _prctl() -> Callable[..., int] | None:
    """``prctl(2)`` of Linux; ``None`` elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        found = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None
    found.argtypes, found.restype = [ctypes.c_int, *[ctypes.c_ulong] * 4], ctypes.c_int
    called: Callable[..., int] = found
    return called
