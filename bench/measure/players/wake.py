"""The wake scenario: how long the first answer takes after nothing was asked for a while.

A repeat goes through its idle times several times, each time in another order: every idle time comes as often in every
place, so that a machine that becomes slower meanwhile slows all of them alike. Before each idle time the model runs
until it is warm by the preset's rule, then for a block that is recorded: the point 0, with which the others are
compared, is spread over the repeat as they are. Then the process sleeps, and one query is recorded.

Energy is read over the first block alone. Of every idle time is kept how long it was, and how much processor time the
process used meanwhile: runtimes that wait actively do not let the processor rest.
"""

import math
import random
import time
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.measure.loop import Clock, Run, warm_up
from bench.measure.stage import Stage, Steady, Watched, warmup_of
from bench.progress import done
from bench.record.energy import RepeatEnergy
from bench.record.record import StoppingRule, Warmup
from bench.scenarios.idling import WARM_BLOCK_NS
from bench.stats.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Waiting(Struct, frozen=True, kw_only=True):
    """How time passes: the clock of the queries, the processor time of this process, and how to wait, in seconds."""

    clock: Clock = time.perf_counter_ns
    cpu_clock: Clock = time.process_time_ns
    sleep: Callable[[float], None] = time.sleep


WAITING = Waiting()


def play_wake(stage: Stage) -> Steady:
    """Every idle time of the scenario, ``wakes`` times."""
    idle_ms, wakes = stage.scenario.numbers("idle_ms"), int(stage.scenario.number("wakes"))
    order = balanced_order(len(idle_ms), wakes, stage.seed)
    with stage.steady():
        return measure_waking(stage.run, [idle_ms[index] for index in order], order, stage.rule, stage.watched)


def balanced_order(points: int, rounds: int, seed: int) -> tuple[int, ...]:
    """``rounds`` rounds through all ``points``, each in another order. Of as many rounds as points, each point comes
    once in each place: the rows of a Latin square, by lot."""
    lot = random.Random(seed)
    found: list[int] = []
    rows: list[list[int]] = []
    for _ in range(rounds):
        if not rows:
            first = lot.sample(range(points), points)
            rows = [first[turn:] + first[:turn] for turn in lot.sample(range(points), points)]
        found += rows.pop()
    return tuple(found)


def measure_waking(
    run: Run,
    idle_ms: Sequence[float],
    order: Sequence[int],
    rule: StoppingRule,
    watched: Watched,
    waiting: Waiting = WAITING,
) -> Steady:
    """One query after each of ``idle_ms``, of which ``order`` gives the places on the axis, from 0. ``run`` issues so
    many queries."""
    seen, warm, warm_ns, steady = _Seen(), Timeline(), 0, True
    energy: RepeatEnergy | None = None
    begin_ns = waiting.clock()
    for turn, (place, pause_ms) in enumerate(zip(order, idle_ms, strict=True)):
        if watched.take_turn is not None:
            watched.take_turn(False)
        again, became_steady = warm_up(run, rule, waiting.clock)
        _append(warm, again)
        warm_ns += warmup_of(again, steady=True).duration_ns
        steady = became_steady  # the last: what the samples of the warm-up say
        block = _block(again, rule, len(order))
        if energy is None:
            watched.meter.start()
        run(block, seen.timeline)
        if energy is None:
            energy = watched.meter.stop(block)
        seen.warm(block)
        watched.clocks.look()
        done(turn, len(order))
        before_ns, before_cpu_ns = waiting.clock(), waiting.cpu_clock()
        waiting.sleep(pause_ms / 1e3)
        idle_cpu_ns, idle_ns = waiting.cpu_clock() - before_cpu_ns, waiting.clock() - before_ns
        run(1, seen.timeline)
        seen.woke(place + 1, idle_ns, idle_cpu_ns)
    duration_ns = waiting.clock() - begin_ns
    while watched.take_turn is not None and watched.take_turn(True):
        pass  # the other side may still have some to do
    assert energy is not None
    return Steady(seen.arrays(warm), Warmup(len(warm.done_ns), warm_ns, steady), duration_ns, None, energy)


class _Seen:
    """The recorded queries, and of each its point, and the idle time before it."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self._point, self._idle_ns, self._idle_cpu_ns = array("q"), array("q"), array("q")

    def warm(self, queries: int) -> None:
        for column in (self._point, self._idle_ns, self._idle_cpu_ns):
            column.extend([0] * queries)

    def woke(self, point: int, idle_ns: int, idle_cpu_ns: int) -> None:
        self._point.append(point)
        self._idle_ns.append(idle_ns)
        self._idle_cpu_ns.append(idle_cpu_ns)

    def arrays(self, warm: Timeline) -> "dict[str, Array]":
        import numpy as np

        return {
            "latency_ns": self.timeline.latency_ns(),
            "start_ns": np.array(self.timeline.issued_ns, np.int64) - self.timeline.issued_ns[0],
            "warmup_latency_ns": warm.latency_ns(),
            "point": np.array(self._point, np.int64),
            "idle_ns": np.array(self._idle_ns, np.int64),
            "idle_cpu_ns": np.array(self._idle_cpu_ns, np.int64),
        }


def _append(timeline: Timeline, more: Timeline) -> None:
    timeline.issued_ns.extend(more.issued_ns)
    timeline.done_ns.extend(more.done_ns)


def _block(warm: Timeline, rule: StoppingRule, blocks: int) -> int:
    """How many queries at the pace of the warm-up are a block."""
    import numpy as np

    pace_ns = max(1.0, float(np.median(warm.latency_ns())))
    return max(1, rule.min_queries, min(math.ceil(WARM_BLOCK_NS / pace_ns), rule.max_queries // blocks))
