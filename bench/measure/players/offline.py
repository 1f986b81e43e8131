"""The offline scenario: several queries in flight, and how many are done a second.

Each lane has a thread and buffers, and issues a blocking call again as soon as the last one returns. All lanes first
run for a warm-up time; then a window is opened. A query counts by the fraction of its time that lies inside the window
(``bench.analysis.run_processes.queries_in_window``). Counting completions instead is biased by up to one query per
lane: a window that closes at a completion counts one query too many, one that closes just before it one too few.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.analysis.throughput import Throughput, throughput_of
from bench.errors import RunFailure
from bench.measure.stage import Stage, Steady, Watched, warmup_of
from bench.record.energy import RepeatEnergy
from bench.record.record import StoppingRule
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

NS_PER_S = 1_000_000_000

LONGEST = 10
"""A window is held open for at most so many times its length."""


def play_offline(stage: Stage) -> Steady:
    """All lanes of the scenario, in one window."""
    lanes = stage.lanes(stage.scenario.lanes)
    with stage.steady():
        return _play(lanes, stage.rule, stage.watched)


def _play(lanes: Sequence[Callable[[], None]], rule: StoppingRule, watched: Watched) -> Steady:
    import numpy as np

    meter, energies = watched.meter, list[RepeatEnergy]()

    def closed() -> None:
        energies.append(meter.stop(0))
        watched.clocks.look()

    seen = run_offline(lanes, rule, opened=meter.start, closed=closed)
    if not len(seen.timeline.done_ns):
        raise RunFailure(
            "timeout",
            sentence("measure.no_query_in_window"),
            sentence("measure.use_longer_preset"),
            "steady",
        )
    arrays = {
        "latency_ns": seen.timeline.latency_ns(),
        "start_ns": np.array(seen.timeline.issued_ns, np.int64) - seen.opened_ns,
        "warmup_latency_ns": seen.warmup.latency_ns(),
        "in_flight_latency_ns": seen.in_flight.latency_ns(),
        "in_flight_start_ns": np.array(seen.in_flight.issued_ns, np.int64) - seen.opened_ns,
    }
    energy = replace(energies[0], queries=seen.queries)
    warm = warmup_of(seen.warmup, len(seen.warmup.done_ns) >= len(lanes))
    return Steady(arrays, warm, seen.duration_ns, seen.converged(rule.precision), energy, lanes=len(lanes))


def run_offline(
    lanes: Sequence[Callable[[], None]],
    rule: StoppingRule,
    sleep: Callable[[float], None] = time.sleep,
    opened: Callable[[], None] = lambda: None,
    closed: Callable[[], None] = lambda: None,
) -> Throughput:
    """Keep every lane busy; return what ran in the window. Raises what a lane raised.

    The window lasts ``max_duration_ns``, or longer where ``min_queries`` have not completed by then (up to ``LONGEST``
    times). ``opened`` and ``closed`` are called at its two ends (energy counters are read there). Queries in flight as
    it closes are waited for, so that it is known how much of each lay inside.
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
    return throughput_of(timelines, opened_ns, closed_ns)


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
