"""The end-to-end scenario: passes over all inputs through the stages of a pipeline, one query after another; then the
network alone, and the stages overlapped on threads.

The three are measured in one process, one after another, on the same inputs. In turns with another run only the first
is measured, since the others would disturb it.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.errors import PluginError
from bench.measure.loop import Run, steady_state
from bench.measure.players.single_stream import measure_one_by_one
from bench.measure.stage import Stage, Steady
from bench.measure.staged.overlapped import Overlapped, run_overlapped
from bench.measure.staged.queries import passes_rule, time_passes
from bench.record.record import StoppingRule
from bench.stats.passes.settling import PASSES
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Arrays = dict[str, np.ndarray[Any, Any]]

ALONE, OVERLAPPED = 4, 2
"""The network alone takes at most a quarter of the steady state's maximum time, the overlapped queries a half."""


def play_end_to_end(stage: Stage) -> Steady:
    """Raises ``PluginError`` for a stage without a pipeline."""
    staged = stage.staged
    if staged is None:
        raise PluginError(sentence("measure.no_pipeline"), sentence("measure.ask_end_to_end"))
    rule = passes_rule(stage.rule, len(staged.items))
    with stage.steady():
        steady = measure_one_by_one(partial(time_passes, staged), rule, stage.watched, PASSES)
        arrays = dict(steady.arrays)
        if stage.watched.take_turn is None:
            arrays["network_alone_ns"] = network_alone(stage.run, stage.rule)
            half = stage.rule.max_duration_ns // OVERLAPPED
            most = stage.rule.max_queries
            arrays |= _overlapped(run_overlapped(staged, half, min(most, stage.rule.min_queries), most))
    return replace(steady, arrays=arrays)


def network_alone(run: Run, rule: StoppingRule) -> "np.ndarray[Any, Any]":
    """What the network takes on inputs that are bound, query by query."""
    shorter = replace(
        rule,
        min_duration_ns=rule.min_duration_ns // ALONE,
        max_duration_ns=rule.max_duration_ns // ALONE,
    )
    return steady_state(run, shorter).latency_ns()


def _overlapped(seen: Overlapped) -> "Arrays":
    import numpy as np

    if not seen.done_ns:
        return {}
    begun, done = np.array(seen.begun_ns, np.int64), np.array(seen.done_ns, np.int64)
    return {"overlapped_latency_ns": done - begun, "overlapped_start_ns": begun - begun[0]}
