"""The steady state of one repeat in the single-stream scenario: warm-up, then queries one after another."""

from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from bench.machine.clocks import CoreClocks
from bench.measure.energy import EnergyMeter
from bench.measure.interleaved import steady_in_turns
from bench.measure.loop import steady_state, warm_up
from bench.record.energy import RepeatEnergy
from bench.record.record import StoppingRule, Warmup
from bench.record.samples import NEVER
from bench.stats.convergence import asks_convergence, converged
from bench.stats.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Watched(Struct, frozen=True):
    """What is read around the steady state, and how its turns are taken where it has any."""

    meter: EnergyMeter
    clocks: CoreClocks
    take_turn: Callable[[bool], bool] | None


class Steady(Struct, frozen=True):
    """What one scenario measured. ``arrays``: role -> int64 nanoseconds, as in ``record.SampleArrays``."""

    arrays: "dict[str, Array]"
    warmup: Warmup
    duration_ns: int
    converged: bool | None
    energy: RepeatEnergy
    token_ids: tuple[int, ...] = ()
    lanes: int | None = None
    prefill_energy: RepeatEnergy | None = None


def play_single_stream(run: Callable[[int, Timeline], None], rule: StoppingRule, watched: Watched) -> Steady:
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
    sure = converged(latency_ns, rule) if asks_convergence(rule) else None
    return Steady(arrays, warmup_of(warm, was_steady), duration_ns, sure, energy)


def token_times(timeline: Timeline) -> "Array":
    """When each token came, since its query was issued: int64 [n, tokens], ``NEVER`` for one that did not."""
    import numpy as np

    issued = np.array(timeline.issued_ns, np.int64)
    stamps = np.array(timeline.token_ns, np.int64).reshape(len(issued), -1)
    return np.where(stamps == NEVER, NEVER, stamps - issued[:, None])


def warmup_of(timeline: Timeline, steady: bool) -> Warmup:
    if not timeline.done_ns:
        return Warmup(0, 0, steady)
    return Warmup(len(timeline.done_ns), max(timeline.done_ns) - min(timeline.issued_ns), steady)
