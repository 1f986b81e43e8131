"""A window in which queries overlap: drivers run in threads before it, through it and beyond its end."""

import threading
import time
from collections.abc import Callable, Sequence

from bench.record.record import StoppingRule
from bench.stats.timeline import Timeline

NS_PER_S = 1_000_000_000
LONGEST = 10
"""A window is held open for at most so many times its length."""

Driver = Callable[[threading.Event], None]
"""Issues queries until the event is set, and returns once none is in flight."""


def run_window(
    drivers: Sequence[Driver],
    timelines: Sequence[Timeline],
    rule: StoppingRule,
    *,
    name: str,
    sleep: Callable[[float], None] = time.sleep,
    opened: Callable[[], None] = lambda: None,
    closed: Callable[[], None] = lambda: None,
) -> tuple[int, int]:
    """Run each driver in a thread of that ``name``; when the window was opened and closed. Raises what a driver raised.

    ``timelines``: of the lanes, which the drivers fill. The window lasts ``max_duration_ns``, or longer where
    ``min_queries`` have not completed by then (up to ``LONGEST`` times). ``opened`` and ``closed`` are called at its
    two ends (energy counters are read there). Queries in flight as it closes are waited for, so that it is known how
    much of each lay inside.
    """
    stop = threading.Event()
    errors: list[BaseException] = []

    def drive(driver: Driver) -> None:
        try:
            driver(stop)
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [
        threading.Thread(target=drive, args=(driver,), name=f"{name}-{i}", daemon=True)
        for i, driver in enumerate(drivers)
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
    return opened_ns, closed_ns


def _wait_for_warmup(
    timelines: Sequence[Timeline], rule: StoppingRule, stop: threading.Event, sleep: Callable[[float], None]
) -> None:
    """At least two queries per lane and a tenth of the window, at most the rule's warm-up time; but always one query
    per lane, because the first is slower than the rest."""
    start = time.perf_counter_ns()
    sleep(min(rule.max_duration_ns // 10, rule.warmup_max_duration_ns) / NS_PER_S)
    while not stop.is_set() and any(len(t.done_ns) < 2 for t in timelines):
        elapsed_ns = time.perf_counter_ns() - start
        if elapsed_ns > rule.warmup_max_duration_ns and all(len(t.done_ns) for t in timelines):
            return
        if elapsed_ns > LONGEST * rule.max_duration_ns:
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
        if time.perf_counter_ns() - opened_ns > LONGEST * rule.max_duration_ns:
            return
        sleep(0.05)
