"""The offline scenario: several queries in flight, and how many are done a second.

Each lane is one blocking call on buffers of its own, issued again as soon as it returns, from a thread of its own.
All lanes first run for a warm-up time; then a window is opened, and what completes inside it counts.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from bench.measure.loop import Timeline
from bench.record import StoppingRule

NS_PER_S = 1_000_000_000
WINDOWS = 10
"""The window is looked at in so many equal parts, to see whether throughput was steady."""

T_95_9_DEGREES = 2.262
"""Student's t, 95 % two-sided, ``WINDOWS`` - 1 degrees of freedom."""


@dataclass(frozen=True)
class Throughput:
    """Queries that completed inside the window [``opened_ns``, ``closed_ns``), sorted by completion, and those
    before."""

    timeline: Timeline
    warmup: Timeline
    opened_ns: int
    closed_ns: int

    @property
    def duration_ns(self) -> int:
        return self.closed_ns - self.opened_ns

    @property
    def per_s(self) -> float:
        return len(self.timeline.done_ns) * NS_PER_S / self.duration_ns

    def window_counts(self) -> tuple[int, ...]:
        """Completions in each of ``WINDOWS`` equal parts of the window."""
        width = self.duration_ns / WINDOWS
        counts = [0] * WINDOWS
        for done in self.timeline.done_ns:
            counts[min(WINDOWS - 1, int((done - self.opened_ns) / width))] += 1
        return tuple(counts)

    def converged(self, precision: float) -> bool:
        """Whether the 95 % t-interval of the parts' mean count is narrower than ``precision`` of it."""
        counts = self.window_counts()
        width: float = 2 * T_95_9_DEGREES * stdev(counts) / WINDOWS**0.5
        return width < precision * fmean(counts)


def run_offline(
    lanes: Sequence[Callable[[], None]],
    rule: StoppingRule,
    sleep: Callable[[float], None] = time.sleep,
    opened: Callable[[], None] = lambda: None,
    closed: Callable[[], None] = lambda: None,
) -> Throughput:
    """Keep every lane busy; count what completes in the window. Raises what a lane raised.

    The window lasts ``max_duration_ns``, or longer where ``min_queries`` have not completed by then (up to ten times).
    ``opened`` and ``closed`` are called at its two ends (energy counters are read there).
    """
    stop = threading.Event()
    timelines = [Timeline() for _ in lanes]
    errors: list[BaseException] = []

    def drive(call: Callable[[], None], timeline: Timeline) -> None:
        issued, done, clock = timeline.issued_ns.append, timeline.done_ns.append, time.perf_counter_ns
        try:
            while not stop.is_set():
                t0 = clock()
                call()
                t1 = clock()
                issued(t0)
                done(t1)
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [
        threading.Thread(target=drive, args=pair, name=f"lane-{i}", daemon=True)
        for i, pair in enumerate(zip(lanes, timelines, strict=True))
    ]
    for thread in threads:
        thread.start()
    _wait_for_warmup(timelines, rule, stop, sleep)
    opened()
    opened_ns = time.perf_counter_ns()
    _wait_for_window(timelines, opened_ns, rule, stop, sleep)
    closed_ns = time.perf_counter_ns()
    closed()
    stop.set()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    before, inside = _split(timelines, opened_ns, closed_ns)
    return Throughput(inside, before, opened_ns, closed_ns)


def _wait_for_warmup(
    timelines: Sequence[Timeline], rule: StoppingRule, stop: threading.Event, sleep: Callable[[float], None]
) -> None:
    """At least two queries a lane and a tenth of the window, at most the rule's warm-up time."""
    start = time.perf_counter_ns()
    sleep(min(rule.max_duration_ns // 10, rule.warmup_max_duration_ns) / NS_PER_S)
    while not stop.is_set() and any(len(t.done_ns) < 2 for t in timelines):
        if time.perf_counter_ns() - start > rule.warmup_max_duration_ns:
            return
        sleep(0.05)


def _wait_for_window(
    timelines: Sequence[Timeline],
    opened_ns: int,
    rule: StoppingRule,
    stop: threading.Event,
    sleep: Callable[[float], None],
) -> None:
    already = sum(len(t.done_ns) for t in timelines)
    sleep(rule.max_duration_ns / NS_PER_S)
    while not stop.is_set() and sum(len(t.done_ns) for t in timelines) - already < rule.min_queries:
        if time.perf_counter_ns() - opened_ns > 10 * rule.max_duration_ns:
            return
        sleep(0.05)


def _split(timelines: Sequence[Timeline], opened_ns: int, closed_ns: int) -> tuple[Timeline, Timeline]:
    before, inside = Timeline(), Timeline()
    pairs = sorted((done, issued) for t in timelines for issued, done in zip(t.issued_ns, t.done_ns, strict=False))
    for done, issued in pairs:
        if done < closed_ns:
            part = before if done < opened_ns else inside
            part.issued_ns.append(issued)
            part.done_ns.append(done)
    return before, inside
