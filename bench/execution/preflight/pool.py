"""Work in processes side by side, which an interrupt ends."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from bench.process.supervisor import stop

T = TypeVar("T")
P = ParamSpec("P")


class Processes:
    """The processes that threads wait for. ``end`` ends them all, and those that begin later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[bytes]] = []
        self._ended = False

    def began(self, process: "subprocess.Popen[bytes]") -> None:
        """Called by the thread that has started it."""
        with self._lock:
            self._running = [one for one in self._running if one.returncode is None]
            self._running.append(process)
            if self._ended:
                stop(process)

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for process in self._running:
                if process.returncode is None:
                    stop(process)


class Pool:
    """``count`` threads, each of which waits for one process at a time."""

    def __init__(self, count: int, processes: Processes) -> None:
        self._executor, self._processes = ThreadPoolExecutor(count, "preflight"), processes

    def submit(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> "Future[T]":
        return self._executor.submit(function, *args, **named)

    def end(self) -> None:
        """End what runs, and forget what waits."""
        self._processes.end()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        self._executor.shutdown(wait=True)


@contextmanager
def side_by_side(count: int, processes: Processes) -> Iterator[Pool]:
    """A pool that leaves no process behind, however its block ends."""
    pool = Pool(count, processes)
    try:
        yield pool
    except BaseException:
        pool.end()
        raise
    pool.close()
