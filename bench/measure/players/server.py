"""The server scenario: queries at random, as from many independent users, and the rate at which a percentile of their
latency is within a bound.

As in MLPerf LoadGen (mlcommons/inference, loadgen, ``TestScenario::Server``): Poisson arrivals, latency from when a
query was due, and a run holds the bound by LoadGen's early stopping.
"""

from collections.abc import Sequence
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.errors import RunFailure
from bench.measure.open_loop.arrivals import poisson_ns
from bench.measure.open_loop.loop import Call, Clock, Limit, Played, play_open_loop
from bench.measure.open_loop.pace import Wait, real_wait
from bench.measure.open_loop.search import search
from bench.measure.open_loop.steady import EXTENDED, NS_PER_S, steady_of, warmed_up, window_queries
from bench.measure.stage import Stage, Steady
from bench.record.energy import RepeatEnergy
from bench.record.record import StoppingRule
from bench.scenarios.kinds import BOUND, PERCENTILE
from bench.scenarios.open_loops import NS_PER_MS, rate_of
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    from bench.analysis.open_loops.attempts import Attempt

BUSY = 0.6  # of the time: where the search begins
ATTEMPTS = 10  # of one attempt fit into the rule's maximum time
LATE_ALLOWED = 1  # in the shortest attempt, as in ``MIN_SAMPLES``: a rate does not fail by a single late query


class Timing(Struct, frozen=True):
    """The clock, and how a moment of it is waited for."""

    clock: Clock
    wait: Wait


class Tried(Struct, frozen=True):
    """One rate that was tried."""

    rate_per_s: float
    played: Played
    energy: RepeatEnergy


def play_server(stage: Stage, clock: Clock = perf_counter_ns, wait: Wait = real_wait) -> Steady:
    """Queries at the rate that was asked for, or at one rate after another until the largest is known."""
    lanes = stage.lanes(stage.scenario.lanes)
    rate, timing = rate_of(stage.scenario), Timing(clock, wait)
    with stage.steady():
        warmup, warm = warmed_up(lanes, stage.rule, clock)
        if rate is None:
            return _searched(stage, lanes, warmup, warm, timing)
        queries = window_queries(stage.rule, rate, _fewest(stage))
        tried = _play(stage, lanes, rate, queries, None, timing)
        stage.watched.clocks.look()
    return steady_of(tried.played, warmup, warm, tried.energy, len(lanes))


def _play(stage: Stage, lanes: Sequence[Call], rate: float, queries: int, limit: Limit | None, timing: Timing) -> Tried:
    due_ns = poisson_ns(rate, queries, stage.seed)
    stage.watched.meter.start()
    played = play_open_loop(lanes, due_ns, limit=limit, clock=timing.clock, wait=timing.wait)
    return Tried(rate, played, stage.watched.meter.stop(len(played.done_ns)))


def _fewest(stage: Stage) -> int:
    from bench.stats.percentiles import early_stopping_queries

    return early_stopping_queries(LATE_ALLOWED, float(stage.scenario.number(PERCENTILE.name)))


def attempt_queries(rule: StoppingRule, rate_per_s: float, fewest: int) -> int:
    """How many queries an attempt at that rate has."""
    fit = int(rate_per_s * rule.max_duration_ns / ATTEMPTS / NS_PER_S)
    return max(fewest, min(fit, rule.max_queries // ATTEMPTS))


def _searched(stage: Stage, lanes: Sequence[Call], warmup: Timeline, warm: bool, timing: Timing) -> Steady:
    """The search: the steady state is the attempt at the largest rate; where no rate held, at the lowest."""
    import numpy as np

    from bench.analysis.open_loops.attempts import THOUSANDTHS, kept_attempt, resolution, search_settled
    from bench.stats.percentiles import early_stopping_most_late

    rule, fewest = stage.rule, _fewest(stage)
    percentile, bound_ns = float(stage.scenario.number(PERCENTILE.name)), _bound_ns(stage)
    expected = BUSY * len(lanes) * NS_PER_S / max(1.0, median(warmup.latency_ns().tolist()))
    refuse_too_long(rule, expected, fewest, percentile)
    began_ns, tried = timing.clock(), list[Tried]()

    def held(rate: float) -> bool | None:
        queries = attempt_queries(rule, rate, fewest)
        left_ns = EXTENDED * rule.max_duration_ns - (timing.clock() - began_ns)
        if tried and queries / rate * NS_PER_S > left_ns:
            return None
        limit = Limit(bound_ns, early_stopping_most_late(queries, percentile))
        tried.append(_play(stage, lanes, rate, queries, limit, timing))
        stage.watched.clocks.look()
        return _attempt(tried[-1], bound_ns).holds(percentile)

    search(held, expected, resolution(rule.precision))
    attempts = [_attempt(one, bound_ns) for one in tried]
    best = tried[kept_attempt(attempts, percentile) or 0]
    settled = search_settled(attempts, percentile, rule.precision)
    beside = {
        "attempt_latency_ns": np.concatenate([one.played.latency_ns for one in tried]),
        "attempt_point": np.repeat(np.arange(len(tried)), [len(one.played.due_ns) for one in tried]).astype(np.int64),
        "axis_thousandths": np.array([round(one.rate_per_s * THOUSANDTHS) for one in tried], np.int64),
    }
    return steady_of(best.played, warmup, warm, best.energy, len(lanes), beside, settled)


def _bound_ns(stage: Stage) -> int:
    return round(stage.scenario.number(BOUND.name) * NS_PER_MS)


def _attempt(tried: Tried, bound_ns: int) -> "Attempt":
    from bench.analysis.open_loops.attempts import Attempt

    latency_ns = tried.played.latency_ns
    return Attempt(tried.rate_per_s, len(latency_ns), int((latency_ns > bound_ns).sum()))


def refuse_too_long(rule: StoppingRule, expected_per_s: float, fewest: int, percentile: float) -> None:
    """Raise ``RunFailure`` where one attempt alone takes longer than a search may."""
    takes_ns, most_ns = round(fewest / expected_per_s * NS_PER_S), EXTENDED * rule.max_duration_ns
    if takes_ns > most_ns:
        raise RunFailure(
            "timeout",
            sentence(
                "measure.search_too_long",
                queries=fewest,
                percentile=percentile,
                rate_per_s=expected_per_s,
                takes_ns=takes_ns,
                most_ns=most_ns,
            ),
            sentence("measure.search_too_long.remedy"),
            "steady",
        )
