"""Queries through a pipeline of threads: a thread a stage, and a short queue between two.

The first stage begins the next query as soon as the queue behind it has room, as a loop that reads files or frames as
fast as it can. A query's latency counts from there and includes the queues. The rate is that of the answers, from the
first to the last that is kept: whole passes over the inputs and the one before them. The queries that fill the pipeline
are left out.
"""

import threading
import time
from collections.abc import Callable
from itertools import cycle, islice, pairwise
from queue import Queue
from typing import Any

from msgspec import Struct

from bench.measure.loop import Clock
from bench.measure.staged.queries import Staged, Step

WAITING = 2
"""So many queries at most wait between two stages."""

FILLING = 8
"""The first answers, of queries that found an empty pipeline, are left out: as many as it holds at most."""


class Overlapped(Struct, frozen=True):
    """When each answered query was begun and done, in the order of the answers; without those that filled the
    pipeline."""

    begun_ns: tuple[int, ...]
    done_ns: tuple[int, ...]


class _Line:
    """The threads, what they leave, and whether they are to stop."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.stop = clock, threading.Event()
        self.begun: list[int] = []
        self.done: list[int] = []
        self.errors: list[BaseException] = []

    def first(self, staged: Staged, behind: "Queue[Any]", most: int) -> None:
        step = staged.steps[0]
        try:
            for item in islice(cycle(staged.items), most):
                if self.stop.is_set():
                    break
                begun = self.clock()
                behind.put((begun, step(item)))
        except BaseException as error:
            self._failed(error)
        behind.put(None)

    def middle(self, step: Step, before: "Queue[Any]", behind: "Queue[Any]") -> None:
        while (taken := before.get()) is not None:
            if self.errors:
                continue  # the stages before it are emptied, so that none of them waits for ever
            try:
                behind.put((taken[0], step(taken[1])))
            except BaseException as error:
                self._failed(error)
        behind.put(None)

    def last(self, step: Step, before: "Queue[Any]") -> None:
        while (taken := before.get()) is not None:
            if self.errors:
                continue
            try:
                step(taken[1])
            except BaseException as error:
                self._failed(error)
                continue
            self.done.append(self.clock())
            self.begun.append(taken[0])

    def _failed(self, error: BaseException) -> None:
        self.errors.append(error)
        self.stop.set()


def run_overlapped(
    staged: Staged,
    duration_ns: int,
    least: int,
    most: int = 1_000_000,
    clock: Clock = time.perf_counter_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> Overlapped:
    """Keep every stage busy for ``duration_ns``, longer (four times at most) where fewer than ``least`` answers have
    come, and for ``most`` queries at most; whatever that is, for one pass over the inputs. Raises what a stage
    raised, and what interrupts the wait; every thread has ended then."""
    line, inputs = _Line(clock), len(staged.items)
    one_pass = FILLING + 1 + inputs
    most = max(most, one_pass)
    queues: list[Queue[Any]] = [Queue(WAITING) for _ in staged.steps[1:]]
    between = zip(staged.steps[1:-1], pairwise(queues), strict=True)
    threads = [
        threading.Thread(target=line.first, args=(staged, queues[0], most), daemon=True),
        *(threading.Thread(target=line.middle, args=(step, *pair), daemon=True) for step, pair in between),
        threading.Thread(target=line.last, args=(staged.steps[-1], queues[-1]), daemon=True),
    ]
    begin = time.perf_counter_ns()
    for thread in threads:
        thread.start()
    try:
        while threads[0].is_alive():
            elapsed = time.perf_counter_ns() - begin
            enough = len(line.done) >= max(least + FILLING, one_pass)
            if len(line.done) >= one_pass and ((elapsed >= duration_ns and enough) or elapsed >= 4 * duration_ns):
                break
            sleep(min(0.05, max(0.001, (duration_ns - elapsed) / 1e9)))
    finally:  # an interrupt, too, leaves no thread behind
        line.stop.set()
        closed = len(line.done)
        for thread in threads:
            thread.join()
    if line.errors:
        raise line.errors[0]
    closed = closed if closed >= one_pass else len(line.done)
    passes = (closed - FILLING - 1) // inputs
    kept = slice(FILLING, FILLING + 1 + passes * inputs)
    return Overlapped(tuple(line.begun[kept]), tuple(line.done[kept]))
