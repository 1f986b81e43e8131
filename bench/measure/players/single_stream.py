"""The steady state of one repeat in the single-stream scenario: warm-up, then queries one after another."""

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.measure.interleaved import steady_in_turns
from bench.measure.loop import Run, steady_state, warm_up
from bench.measure.stage import Stage, Steady, Watched, warmup_of
from bench.record.record import StoppingRule
from bench.record.samples import NEVER
from bench.stats.convergence import asks_convergence
from bench.stats.passes.settling import QUERIES, Settling
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


def measure_one_by_one(run: Run, rule: StoppingRule, watched: Watched, settling: Settling = QUERIES) -> Steady:
    """Warm up, then measure until the rule is met. ``run`` issues so many queries. Where each is a pass over several,
    as its timeline's ``of_parts`` says, the rule counts passes, and what is returned is of the queries in them, with
    the times of passes as ``pass_ns``."""
    import numpy as np

    warm, was_steady = warm_up(run, rule, settling=settling)
    blocks = None
    watched.meter.start()
    begin_ns = perf_counter_ns()
    if watched.take_turn is None:
        steady = steady_state(run, rule, look=watched.clocks.look, settling=settling)
        duration_ns = perf_counter_ns() - begin_ns
    else:
        pace_ns = float(np.median(warm.latency_ns()))
        look = watched.clocks.look
        steady, blocks, duration_ns = steady_in_turns(run, rule, watched.take_turn, pace_ns, look, settling=settling)
    energy = watched.meter.stop(len(steady.done_ns) * steady.parts)
    if blocks is not None:  # the window held the other's turns too
        energy = replace(energy, duration_ns=duration_ns)
    latency_ns = steady.latency_ns()
    arrays = {
        "latency_ns": latency_ns,
        "start_ns": np.array(steady.issued_ns, np.int64) - steady.issued_ns[0],
        "warmup_latency_ns": warm.latency_ns(),
    }
    if steady.of_parts:
        arrays["pass_ns"] = latency_ns
        arrays |= {role: np.array(readings, np.int64) for role, readings in steady.of_parts.items()}
        arrays["start_ns"] -= arrays["start_ns"][0]
        arrays["warmup_latency_ns"] = np.array(warm.of_parts["latency_ns"], np.int64)
    if blocks is not None:
        arrays["block_queries"] = steady.parts * np.array(blocks, np.int64)
    if steady.token_ns:
        arrays["token_ns"] = token_times(steady)
        arrays["prompt_tokens"] = np.array(steady.prompt_tokens, np.int64)
    if steady.shared_tokens:
        arrays["shared_tokens"] = np.array(steady.shared_tokens, np.int64)
    sure = settling.converged(latency_ns, rule) if asks_convergence(rule) else None
    return Steady(arrays, warmup_of(warm, was_steady), duration_ns, sure, energy)


def token_times(timeline: Timeline) -> "Array":
    """When each token came, since its query was issued: int64 [n, tokens], ``NEVER`` for one that did not."""
    import numpy as np

    issued = np.array(timeline.of_parts.get("start_ns", timeline.issued_ns), np.int64)
    stamps = np.array(timeline.token_ns, np.int64).reshape(len(issued), -1)
    return np.where(stamps == NEVER, NEVER, stamps - issued[:, None])
