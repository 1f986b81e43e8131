"""The multi-stream scenario: one query of several samples after another, and how long until all of them are done.

As in MLPerf LoadGen (mlcommons/inference, loadgen, ``TestScenario::MultiStream``) the next query is issued when the
last is done, and its latency is that of its slowest sample. The samples are handed to the runtime one after another, by
one thread and through one bound call, so that the figure holds for every session. A batch would be another model, and
several requests at once are the offline scenario.
"""

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from bench.measure.loop import time_queries
from bench.measure.players.single_stream import play_one_by_one
from bench.measure.stage import Stage, Steady
from bench.scenarios.kinds import samples_of


def play_multi_stream(stage: Stage) -> Steady:
    """Each query runs the model once a sample. Energy is counted for each run of the model, not for each query."""
    samples = samples_of(stage.scenario)
    steady = play_one_by_one(stage, partial(time_queries, samples_in_turn(stage.call, samples)))
    return replace(steady, energy=replace(steady.energy, queries=samples * steady.energy.queries))


def samples_in_turn(call: Callable[[], None], samples: int) -> Callable[[], None]:
    """One query: ``call`` so many times."""

    def query() -> None:
        for _ in range(samples):
            call()

    return query
