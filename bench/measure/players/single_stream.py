"""The steady state of one repeat in the single-stream scenario: warm-up, then queries one after another."""

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.measure.interleaved import steady_in_turns
from bench.measure.loop import Run, steady_state, warm_up
from bench.measure.stage import Stage, Steady, Watched, warmup_of
from bench.record.record import StoppingRule
from bench.record.samples import NEVER
from bench.stats.convergence import asks_convergence, converged
from bench.stats.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def play_single_stream(stage: Stage) -> Steady:
    """Queries one after another, whatever a query is."""
    return play_one_by_one(stage, stage.run)


def play_one_by_one(stage: Stage, run: Run) -> Steady:
    """As ``play_single_stream``, with another ``run`` than the stage's."""
    with stage.steady():
        return measure_one_by_one(run, stage.rule, stage.watched)


def measure_one_by_one(run: Run, rule: StoppingRule, watched: Watched) -> Steady:
    """Warm up, then measure until the rule is met. ``run`` issues so many queries."""
    import numpy as np

    warm, was_steady = warm_up(run, rule)
    blocks = None
    watched.meter.start()
    begin_ns = perf_counter_ns()
    if watched.take_turn is None:
        steady = steady_state(run, rule, look=watched.clocks.look)
        duration_ns = perf_counter_ns() - begin_ns
    else:
        pace_ns = float(np.median(warm.latency_ns()))
        steady, blocks, duration_ns = steady_in_turns(run, rule, watched.take_turn, pace_ns, watched.clocks.look)
    energy = watched.meter.stop(len(steady.done_ns))
    if blocks is not None:  # the window held the other's turns too
        energy = replace(energy, duration_ns=duration_ns)
    latency_ns = steady.latency_ns()
    arrays = {
        "latency_ns": latency_ns,
        "start_ns": np.array(steady.issued_ns, np.int64) - steady.issued_ns[0],
        "warmup_latency_ns": warm.latency_ns(),
    }
    if blocks is not None:
        arrays["block_queries"] = np.array(blocks, np.int64)
    if steady.token_ns:
        arrays["token_ns"] = token_times(steady)
        arrays["prompt_tokens"] = np.array(steady.prompt_tokens, np.int64)
    if steady.shared_tokens:
        arrays["shared_tokens"] = np.array(steady.shared_tokens, np.int64)
    sure = converged(latency_ns, rule) if asks_convergence(rule) else None
    return Steady(arrays, warmup_of(warm, was_steady), duration_ns, sure, energy)


def token_times(timeline: Timeline) -> "Array":
    """When each token came, since its query was issued: int64 [n, tokens], ``NEVER`` for one that did not."""
    import numpy as np

    issued = np.array(timeline.issued_ns, np.int64)
    stamps = np.array(timeline.token_ns, np.int64).reshape(len(issued), -1)
    return np.where(stamps == NEVER, NEVER, stamps - issued[:, None])
