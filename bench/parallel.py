"""The same work on many files, on several cores where that is safe and worth it.

Processes are forked, so that Python is not started again and a script that uses this as a library does not need a
guard. Where a platform does not fork by default, and for few items, the work is done one after the other.
"""

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bench.parent import end_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

FEWEST = 100  # items below which a second process does not pay for itself
CHUNK = 20  # items handed over at once


def each(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """``work`` of every item, in order. It must not depend on the order in which items are done, and what it returns
    must be picklable; so must an exception, which ends the iteration."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if len(items) < FEWEST or cores < 2 or not sys.platform.startswith("linux"):
        yield from map(work, items)
        return
    from concurrent.futures import ProcessPoolExecutor

    yield work(items[0])  # here: what it imports is then there in every process that is forked
    with ProcessPoolExecutor(min(cores, 8), multiprocessing.get_context("fork"), _begin, (os.getpid(),)) as pool:
        yield from pool.map(work, items[1:], chunksize=CHUNK)


def _begin(parent: int) -> None:
    """A process of the pool ends with its parent, which also answers the terminal's Ctrl-C: without it each would wait
    for work for ever. It does not look for garbage among what its parent made."""
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    end_with_parent()
    if os.getppid() != parent:  # it ended before that
        os._exit(1)
