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
from bench.measure.open_loop.search import Goal, next_trial, step_of
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
SHORT, LONG = 10, 2
"""The rule's maximum time over that of an attempt, before and after the rate is known roughly."""
LATE_ALLOWED = 1  # in the shortest attempt, as in ``MIN_SAMPLES``: a rate does not fail by a single late query
HOPELESS, LEAST_HOPELESS = 5, 10
"""So many times as many late queries as are allowed, and at least so many, end an attempt."""
SEEDS_APART = 1 << 16  # between attempts; processes are 1 apart


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
        tried = _play(stage, lanes, (rate, queries, stage.seed), None, timing)
        stage.watched.clocks.look()
    return steady_of(tried.played, warmup, warm, tried.energy, len(lanes))


def _play(
    stage: Stage, lanes: Sequence[Call], load: tuple[float, int, int], limit: Limit | None, timing: Timing
) -> Tried:
    """``load``: rate, queries and seed."""
    due_ns = poisson_ns(*load)
    stage.watched.meter.start()
    played = play_open_loop(lanes, due_ns, limit=limit, clock=timing.clock, wait=timing.wait)
    return Tried(load[0], played, stage.watched.meter.stop(len(played.done_ns)))


def _fewest(stage: Stage) -> int:
    from bench.stats.percentiles import early_stopping_queries

    return early_stopping_queries(LATE_ALLOWED, float(stage.scenario.number(PERCENTILE.name)))


def _searched(stage: Stage, lanes: Sequence[Call], warmup: Timeline, warm: bool, timing: Timing) -> Steady:
    """The search, and as the steady state its attempt near the largest rate; where no rate held, that at the lowest."""
    import numpy as np

    from bench.analysis.open_loops.attempts import THOUSANDTHS, counted, kept_attempt, search_settled

    rule, bound_ns, tried = stage.rule, _bound_ns(stage), list[Tried]()
    fewest, percentile = _fewest(stage), float(stage.scenario.number(PERCENTILE.name))
    goal = goal_of(
        rule, percentile, first_rate(rule, warmup.latency_ns().tolist(), len(lanes), fewest, percentile), fewest
    )
    ends_ns, attempts = timing.clock() + EXTENDED * rule.max_duration_ns, list["Attempt"]()
    while sum(one.queries for one in attempts) < rule.max_queries and (trial := next_trial(attempts, goal)) is not None:
        queries = min(trial.queries, int((ends_ns - timing.clock()) * trial.rate_per_s / NS_PER_S))
        if queries < trial.fewest and tried:
            break
        load = trial.rate_per_s, max(queries, trial.fewest), stage.seed + len(tried) * SEEDS_APART
        tried.append(_play(stage, lanes, load, Limit(bound_ns, most_late(load[1], goal.percentile)), timing))
        attempts.append(counted(trial.rate_per_s, tried[-1].played.latency_ns > bound_ns))
        stage.watched.clocks.look()
    best = tried[kept_attempt(attempts, goal.percentile) or 0]
    settled = search_settled(attempts, goal.percentile, rule.precision)
    beside = {
        "attempt_latency_ns": np.concatenate([one.played.latency_ns for one in tried]),
        "attempt_point": np.repeat(np.arange(len(tried)), [len(one.played.due_ns) for one in tried]).astype(np.int64),
        "axis_thousandths": np.array([round(one.rate_per_s * THOUSANDTHS) for one in tried], np.int64),
    }
    return steady_of(best.played, warmup, warm, best.energy, len(lanes), beside, settled)


def goal_of(rule: StoppingRule, percentile: float, expected_per_s: float, fewest: int) -> Goal:
    """What a search under the rule looks for. ``fewest``: queries that the percentile needs."""
    lasts_s = rule.max_duration_ns / NS_PER_S
    most = max(2 * fewest, rule.max_queries // SHORT)
    first = step_of(expected_per_s)
    return Goal(percentile, rule.precision, first, fewest, most, lasts_s / SHORT, lasts_s / LONG)


def most_late(queries: int, percentile: float) -> int:
    """After more late queries than this an attempt ends: its rate is far too large."""
    allowed = 1 - percentile / 100
    return max(LEAST_HOPELESS, round(queries * min(HOPELESS * allowed, (1 + allowed) / 2)))


def _bound_ns(stage: Stage) -> int:
    return round(stage.scenario.number(BOUND.name) * NS_PER_MS)


def first_rate(rule: StoppingRule, warmup_ns: Sequence[int], lanes: int, fewest: int, percentile: float) -> float:
    """Where a search begins: so much of what the lanes did as they warmed up, but at a rate whose attempt ends in time,
    so that other work on the machine makes an attempt late and not impossible. Raises ``RunFailure`` where an attempt
    takes longer than a search may although every query were as short as the shortest."""
    most_ns = EXTENDED * rule.max_duration_ns
    usual, at_best = (BUSY * lanes * NS_PER_S / max(1.0, of(warmup_ns)) for of in (median, min))
    refuse_too_long(at_best, fewest, percentile, most_ns)
    return max(usual, fewest * NS_PER_S / most_ns)


def refuse_too_long(expected_per_s: float, fewest: int, percentile: float, most_ns: int) -> None:
    """Raise ``RunFailure`` where so many queries take longer than a search may."""
    takes_ns = round(fewest / expected_per_s * NS_PER_S)
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
