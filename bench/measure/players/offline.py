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
from bench.measure.window import Driver, run_window
from bench.record.energy import RepeatEnergy
from bench.record.record import StoppingRule
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


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
    """Keep every lane busy; return what ran in the window, as ``run_window`` has it. Raises what a lane raised."""
    timelines = [Timeline() for _ in lanes]

    def driver(call: Callable[[], None], timeline: Timeline) -> Driver:
        issued, done, clock = timeline.issued_ns.append, timeline.done_ns.append, time.perf_counter_ns

        def drive(stop: threading.Event) -> None:
            while not stop.is_set():
                t0 = clock()
                call()
                t1 = clock()
                issued(t0)
                done(t1)

        return drive

    drivers = [driver(*pair) for pair in zip(lanes, timelines, strict=True)]
    opened_ns, closed_ns = run_window(drivers, timelines, rule, name="lane", sleep=sleep, opened=opened, closed=closed)
    return throughput_of(timelines, opened_ns, closed_ns)
