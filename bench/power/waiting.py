"""Waits for a meter's log that is still being written when the run ends.

A program writes its log at once or a block at a time. So the log holds the run when its file has grown a little while
after the run's end; a file that has not been written since the run began will not grow any more.
"""

import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

NS = 1_000_000_000
MARGIN_S = 3.0
"""After the end of the run: the clocks of meter and machine, and what a program holds back."""
STILL_S = 60.0
"""A file that has not grown for so long is not written any more."""
MOST_S = 180.0
LOOK_S = 1.0


class Clock(Struct, frozen=True):
    """``now_ns``: since 1970, as files' times are."""

    now_ns: Callable[[], int] = time.time_ns
    sleep: Callable[[float], None] = time.sleep


SYSTEM = Clock()


def wait_for(
    file: Path,
    began_ns: int,
    ended_ns: int,
    told: Callable[[float], None] = lambda seconds: None,
    clock: Clock | None = None,
) -> bool:
    """Whether the file was written after the run began: then it may still be. ``told``: called with the seconds waited
    so far, each time. Raises nothing for a file that is not there yet: it is waited for as long as for one that does
    not grow."""
    clock = clock or SYSTEM
    size, grew_ns, waited_from = _size(file), _written_ns(file), clock.now_ns()
    if grew_ns is not None and grew_ns < began_ns:
        return False
    last = max(grew_ns or 0, waited_from if grew_ns is None else 0)
    while True:
        now = clock.now_ns()
        if grew_ns is not None and grew_ns >= ended_ns + round(MARGIN_S * NS):
            return True
        if now - max(last, ended_ns) > STILL_S * NS or now - waited_from > MOST_S * NS:
            return grew_ns is not None
        told((now - waited_from) / NS)
        clock.sleep(LOOK_S)
        found = _size(file)
        if found != size:
            size, grew_ns = found, clock.now_ns()
            last = grew_ns


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _written_ns(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None
