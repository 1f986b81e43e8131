"""The measuring loop: what is timed, and nothing else.

Two loops, one a kind of session. Both read the clock, call the runtime, read the clock and keep the readings; the rest
(when to stop, what it means) is decided between batches, outside the timed part.
"""

import gc
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from bench.contracts import TokenSession
from bench.measure.stopping import next_batch, next_warmup_batch, steady
from bench.record import StoppingRule

if TYPE_CHECKING:
    import numpy as np

    NextSize = Callable[["np.ndarray[Any, Any]", int, StoppingRule], int]

Clock = Callable[[], int]


def _int64() -> "array[int]":
    return array("q")


@dataclass(frozen=True)
class Timeline:
    """Raw clock readings, in nanoseconds of one clock: when each query was issued and done, and when each token
    came."""

    issued_ns: "array[int]" = field(default_factory=_int64)
    done_ns: "array[int]" = field(default_factory=_int64)
    token_ns: "array[int]" = field(default_factory=_int64)

    def latency_ns(self) -> "np.ndarray[Any, Any]":
        """Latency of each query, int64 [n]."""
        import numpy as np

        return np.array(self.done_ns, np.int64) - np.array(self.issued_ns, np.int64)


Run = Callable[[int, Timeline], None]
"""Runs so many queries and appends their clock readings."""


def time_queries(call: Callable[[], None], count: int, timeline: Timeline, clock: Clock = perf_counter_ns) -> None:
    """Issue ``count`` queries one after another."""
    issued, done = timeline.issued_ns.append, timeline.done_ns.append
    for _ in range(count):
        t0 = clock()
        call()
        t1 = clock()
        issued(t0)
        done(t1)


def time_generations(
    session: TokenSession,
    prompts: "Iterator[np.ndarray[Any, Any]]",
    tokens: int,
    count: int,
    timeline: Timeline,
    clock: Clock = perf_counter_ns,
) -> None:
    """Generate ``count`` times ``tokens`` tokens, each time from an empty cache and the next prompt; one stamp a
    token."""
    prefill, decode, stamp = session.prefill, session.decode, timeline.token_ns.append
    for _ in range(count):
        prompt = next(prompts)
        session.reset()
        t0 = clock()
        prefill(prompt)
        t1 = clock()
        stamp(t1)
        for _ in range(tokens - 1):
            decode()
            t1 = clock()
            stamp(t1)
        timeline.issued_ns.append(t0)
        timeline.done_ns.append(t1)


def warm_up(run: Run, rule: StoppingRule, clock: Clock = perf_counter_ns) -> tuple[Timeline, bool]:
    """Run until the rule's warm-up is over. Returns what was seen, and whether it had become steady."""
    timeline = _run_batches(run, rule, next_warmup_batch, clock)
    return timeline, steady(timeline.latency_ns(), rule)


def steady_state(
    run: Run, rule: StoppingRule, clock: Clock = perf_counter_ns, look: Callable[[], None] = lambda: None
) -> Timeline:
    """Run in growing batches until the rule is met, or its time or queries are used up. ``look`` is called after each
    batch."""
    return _run_batches(run, rule, next_batch, clock, look)


def _run_batches(
    run: Run, rule: StoppingRule, next_size: "NextSize", clock: Clock, look: Callable[[], None] = lambda: None
) -> Timeline:
    timeline, start = Timeline(), clock()
    while count := next_size(timeline.latency_ns(), clock() - start, rule):
        run(count, timeline)
        look()
    return timeline


@contextmanager
def quiet_interpreter() -> Iterator[None]:
    """No garbage collection inside, and nothing older than now is looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def loop_overhead_ns(queries: int = 2_000, clock: Clock = perf_counter_ns) -> int:
    """What the loop itself adds to a query: p50 of the same loop around a session that does nothing."""
    timeline = Timeline()
    time_queries(lambda: None, queries, timeline, clock)
    latency_ns = timeline.latency_ns()
    latency_ns.sort()
    return int(latency_ns[len(latency_ns) // 2])
