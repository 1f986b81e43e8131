"""The measuring loop: what is timed, and nothing else.

Two loops, one for tensors and one for text. Both read the clock, call the runtime, read the clock and keep the
readings; the rest (when to stop, what it means) is decided between batches, outside the timed part.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from bench.errors import RunFailure
from bench.inputs.prompts import Query
from bench.measure.stopping import next_batch, next_warmup_batch
from bench.measure.text_driver import Generator
from bench.record.record import StoppingRule
from bench.record.samples import NEVER
from bench.stats.passes.settling import QUERIES, Settling
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    NextSize = Callable[["np.ndarray[Any, Any]", int, StoppingRule, Settling], int]

Clock = Callable[[], int]


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
    generator: Generator,
    queries: Iterator[Query],
    tokens: int,
    count: int,
    timeline: Timeline,
    clock: Clock = perf_counter_ns,
) -> None:
    """Generate ``count`` times ``tokens`` tokens, each time from a newly filled cache, with one timestamp per token.
    Filling is not timed. Raises ``RunFailure`` if the engine does not give any token."""
    stamps, stamp = timeline.token_ns, timeline.token_ns.append

    def on_token(token: int) -> None:
        stamp(clock())

    for _ in range(count):
        query = next(queries)
        generator.fill(query.context)
        before = len(stamps)
        t0 = clock()
        generator.generate(query.prompt, tokens, on_token)
        given = len(stamps) - before
        if not given:
            raise RunFailure(
                "runtime_error",
                sentence("measure.engine_generated_no_token"),
                sentence("measure.try_another_prompt"),
                "steady",
            )
        timeline.issued_ns.append(t0)
        timeline.done_ns.append(stamps[-1])
        timeline.prompt_tokens.append(len(query.prompt))
        if generator.keeps_prefixes:
            timeline.shared_tokens.append(query.shared_tokens)
        stamps.extend([NEVER] * (tokens - given))


def warm_up(
    run: Run, rule: StoppingRule, clock: Clock = perf_counter_ns, settling: Settling = QUERIES
) -> tuple[Timeline, bool]:
    """Run until the rule's warm-up is over. Returns what was seen, and whether it had become steady."""
    timeline = _run_batches(run, rule, next_warmup_batch, clock, settling=settling)
    return timeline, settling.steady(timeline.latency_ns(), rule)


def steady_state(
    run: Run,
    rule: StoppingRule,
    clock: Clock = perf_counter_ns,
    look: Callable[[], None] = lambda: None,
    settling: Settling = QUERIES,
) -> Timeline:
    """Run in growing batches until the rule is met, or its time or queries are used up. ``look`` is called after each
    batch."""
    return _run_batches(run, rule, next_batch, clock, look, settling)


def _run_batches(
    run: Run,
    rule: StoppingRule,
    next_size: "NextSize",
    clock: Clock,
    look: Callable[[], None] = lambda: None,
    settling: Settling = QUERIES,
) -> Timeline:
    """Raises ``RunFailure`` for a ``run`` that appends nothing: without a query it would go on for ever."""
    timeline, start = Timeline(), clock()
    while count := next_size(timeline.latency_ns(), clock() - start, rule, settling):
        before = len(timeline.done_ns)
        run(count, timeline)
        if len(timeline.done_ns) == before:
            raise RunFailure("plugin_error", sentence("measure.no_query"), sentence("measure.append_queries"), "steady")
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


class _NullDecoder:
    """Generates zeros, at once."""

    def prefill(self, ids: "np.ndarray[Any, Any]") -> int:
        return 0

    def decode(self) -> int:
        return 0

    def reset(self) -> None:
        pass


def token_overhead_ns(tokens: int = 2_000, clock: Clock = perf_counter_ns) -> int:
    """What the harness adds to a token: p50 of the gaps of the same loop around a decoder that does nothing."""
    import numpy as np

    timeline, nothing = Timeline(), np.zeros(0, np.int64)
    generator = Generator(_NullDecoder())
    time_generations(generator, iter([Query(nothing, nothing)]), tokens, 1, timeline, clock)
    return int(np.median(np.diff(timeline.token_ns)))
