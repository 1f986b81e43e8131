"""Waiting for a moment: asleep until just before it, then looking at the clock.

A sleep ends some tens of microseconds late, more on some systems, so its last part is spent looking at the clock. That
is CPU time of the harness: ``SPIN_NS`` for each query that a lane waits for, such as 0.6 % of one core at 30 queries a
second. The interpreter is released at every look, so that other lanes are not kept waiting.
"""

import sys
import time
from collections.abc import Callable

SPIN_NS = 200_000 if sys.platform != "win32" else 2_000_000
"""How long before the moment the sleep ends; Windows wakes threads at coarser times."""
LONGEST_SLEEP_NS = 100_000_000

Wait = Callable[[int], None]


def wait_until(due_ns: int, clock: Callable[[], int], sleep: Callable[[float], None]) -> None:
    """Return at ``due_ns`` of ``clock``, or at once if that is past."""
    while (left_ns := due_ns - clock() - SPIN_NS) > 0:
        sleep(min(left_ns, LONGEST_SLEEP_NS) / 1e9)
    while clock() < due_ns:
        sleep(0)


def real_wait(due_ns: int) -> None:
    """``wait_until`` of the process' own clock."""
    wait_until(due_ns, time.perf_counter_ns, time.sleep)
