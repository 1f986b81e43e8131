"""What an open loop leaves as the steady state of a repeat, and the warm-up before it."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import cycle
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.errors import RunFailure
from bench.measure.loop import time_queries, warm_up
from bench.measure.open_loop.loop import Call, Clock, Played
from bench.measure.stage import Steady, warmup_of
from bench.record.energy import RepeatEnergy
from bench.record.record import StoppingRule
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray[Any, Any]]

NS_PER_S = 1_000_000_000
EXTENDED = 10
"""A window lasts at most so many times the rule's maximum, where more queries are needed than fit into that."""
NOTHING: "Arrays" = MappingProxyType({})


def warmed_up(lanes: Sequence[Call], rule: StoppingRule, clock: Clock) -> tuple[Timeline, bool]:
    """One query after another on each lane in turn, until the rule's warm-up is over; each lane once at least."""
    turns = cycle(lanes)

    def call() -> None:
        next(turns)()

    for _ in range(len(lanes) - 1):
        call()
    return warm_up(partial(time_queries, call, clock=clock), rule, clock)


def window_queries(rule: StoppingRule, rate_per_s: float, fewest: int) -> int:
    """How many queries of that rate: as many as fit into the rule's maximum time, and ``fewest`` where those take no
    longer than ``EXTENDED`` times that; never more than its maximum of queries."""
    fit = math.floor(rate_per_s * rule.max_duration_ns / NS_PER_S)
    most = math.floor(rate_per_s * EXTENDED * rule.max_duration_ns / NS_PER_S)
    return max(1, min(rule.max_queries, max(fit, min(fewest, most))))


def steady_of(
    played: Played,
    warmup: Timeline,
    warm: bool,
    energy: RepeatEnergy,
    lanes: int,
    beside: "Arrays" = NOTHING,
    converged: bool | None = None,
) -> Steady:
    """``beside``: further arrays of the scenario. Raises ``RunFailure`` where no query was answered."""
    if not len(played.done_ns):
        raise RunFailure(
            "timeout", sentence("measure.open_loop_no_answer"), sentence("measure.use_longer_preset"), "steady"
        )
    arrays = {
        "latency_ns": played.latency_ns,
        "due_ns": played.due_ns,
        "start_ns": played.start_ns,
        "dropped_ns": played.dropped_ns,
        "warmup_latency_ns": warmup.latency_ns(),
        **beside,
    }
    return Steady(arrays, warmup_of(warmup, warm), played.duration_ns, converged, energy, lanes=lanes)
