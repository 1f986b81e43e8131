"""What a search finds of queues whose largest rate is known: searches as processes make them, on queues simulated
exactly. docs/experiments.md has the table that this file prints: ``python test_largest_rate.py SEEDS``."""

import heapq
import math
import sys
from collections.abc import Callable, Iterator
from statistics import fmean, median, stdev

import numpy as np
import pytest
from msgspec import Struct

from bench.analysis.open_loops.attempts import Attempt, counted, crossing_of, is_bracketed, largest_rate, search_settled
from bench.measure.open_loop.arrivals import poisson_ns
from bench.measure.open_loop.search import next_trial
from bench.measure.open_loop.steady import EXTENDED
from bench.measure.players.server import BUSY, LATE_ALLOWED, SEEDS_APART, goal_of, most_late
from bench.stats.percentiles import early_stopping_queries
from bench.stats.processes import between_values
from bench.suite.presets import PRESETS

MS, SECOND = 1_000_000, 1_000_000_000
BOUND_NS, MEAN_NS = 20 * MS, 5 * MS


def constant(n: int, drawn: np.random.Generator) -> np.ndarray:
    return np.full(n, MEAN_NS)


def exponential(n: int, drawn: np.random.Generator) -> np.ndarray:
    return drawn.exponential(MEAN_NS, n).astype(np.int64)


def two_points(n: int, drawn: np.random.Generator) -> np.ndarray:
    """One query of ten takes twice as long as the mean."""
    return np.where(drawn.random(n) < 0.1, 10 * MS, 4_444_444)


Services = Callable[[int, np.random.Generator], np.ndarray]


class Queue(Struct, frozen=True):
    """Lanes that serve in order of arrival, and the rate at which ``percentile`` is 20 ms in the long run: bisected on
    2,000,000 queries (four lanes whose times vary: 400,000)."""

    services: Services
    lanes: int
    percentile: float
    largest_per_s: float

    def __str__(self) -> str:
        return f"{self.services.__name__}, lanes={self.lanes}, p{self.percentile:g}"


QUEUES = (
    Queue(constant, 1, 90, 138.8),
    Queue(constant, 1, 99, 92.5),
    Queue(constant, 4, 90, 729.4),
    Queue(constant, 4, 99, 663.9),
    Queue(exponential, 1, 90, 84.5),
    Queue(exponential, 4, 90, 649.4),
    Queue(two_points, 1, 90, 131.9),
    Queue(two_points, 1, 99, 77.0),
    Queue(two_points, 4, 90, 718.4),
)


def latencies(queue: Queue, due_ns: np.ndarray, seed: int) -> np.ndarray:
    """Of queries that are due then. One lane: Lindley's recursion; one service time: each lane has every k-th query."""
    service = queue.services(len(due_ns), np.random.default_rng(seed))
    if queue.lanes > 1 and queue.services is not constant:
        return np.fromiter(_served(queue.lanes, due_ns, service), np.int64, len(due_ns))
    found = np.empty(len(due_ns), np.int64)
    for lane in range(queue.lanes):
        due, takes = due_ns[lane :: queue.lanes], service[lane :: queue.lanes]
        worked = takes.cumsum()
        found[lane :: queue.lanes] = worked + np.maximum.accumulate(due - (worked - takes)) - due
    return found


def _served(lanes: int, due_ns: np.ndarray, service: np.ndarray) -> Iterator[int]:
    free = [0] * lanes
    for due, takes in zip(due_ns.tolist(), service.tolist(), strict=True):
        done = max(due, free[0]) + takes
        heapq.heapreplace(free, done)
        yield done - due


class Found(Struct, frozen=True):
    attempts: tuple[Attempt, ...]
    took_s: float


def searched(queue: Queue, preset: str, seed: int) -> Found:
    """What the player of the scenario does, without a clock."""
    rule, attempts, took_ns = PRESETS[preset].rule, list[Attempt](), 0
    fewest = early_stopping_queries(LATE_ALLOWED, queue.percentile)
    goal = goal_of(rule, queue.percentile, BUSY * queue.lanes * SECOND / MEAN_NS, fewest)
    while sum(one.queries for one in attempts) < rule.max_queries and (trial := next_trial(attempts, goal)) is not None:
        left_ns = EXTENDED * rule.max_duration_ns - took_ns
        queries = min(trial.queries, int(left_ns * trial.rate_per_s / SECOND))
        if queries < trial.fewest and attempts:
            break
        own = seed + len(attempts) * SEEDS_APART
        due_ns = poisson_ns(trial.rate_per_s, queries, own)
        late = latencies(queue, due_ns, own) > BOUND_NS
        over = np.flatnonzero(late.cumsum() > most_late(queries, queue.percentile))
        end = int(over[0]) + 1 if len(over) else queries
        attempts.append(counted(trial.rate_per_s, late[:end]))
        took_ns += int(due_ns[end - 1])
    return Found(tuple(attempts), took_ns / SECOND)


class Seen(Struct, frozen=True):
    """Of runs of six processes: ``bias`` and ``spread`` of the rate that a run states, relative to the exact one, the
    ``reach`` of its 95 % interval, and what fraction of these intervals ``covers`` it; of processes, what fraction is
    ``settled``, and how long one ``took_s``."""

    bias: float
    spread: float
    reach: float
    covers: float
    settled: float
    took_s: float


def seen(queue: Queue, preset: str, runs: int, processes: int = 6) -> Seen:
    off, reach, covers, settled, took_s = [], [], [], [], []
    for run in range(runs):
        found = [searched(queue, preset, 1000 * run + process) for process in range(processes)]
        rates = [largest_rate(one.attempts, queue.percentile) for one in found]
        settled += [search_settled(one.attempts, queue.percentile, PRESETS[preset].rule.precision) for one in found]
        took_s += [one.took_s for one in found]
        if not all(is_bracketed(one.attempts, queue.percentile) for one in found):
            continue  # the verdict says so, and the run is invalid
        known = [rate for rate in rates if rate is not None]
        interval = between_values(known)
        assert interval is not None
        off.append(fmean(map(math.log, known)) - math.log(queue.largest_per_s))
        reach.append(math.log(interval[1] / interval[0]) / 2)
        covers.append(interval[0] <= queue.largest_per_s <= interval[1])
    return Seen(fmean(off), stdev(off), median(reach), fmean(covers), fmean(settled), median(took_s))


@pytest.mark.long
@pytest.mark.parametrize("queue", [one for one in QUEUES if one.lanes == 1 or one.services is constant], ids=str)
def test_the_largest_rate_is_unbiased_and_its_interval_covers_it(queue: Queue) -> None:
    """Runs of six processes under ``standard``: the bias is a fraction of what one run is uncertain by, and the 95 %
    interval holds the exact rate as often as chance allows (30 of 40 runs would be by chance once in 100,000)."""
    found = seen(queue, "standard", runs=40)
    assert abs(found.bias) < 0.015
    assert abs(found.bias) < 0.5 * found.reach
    assert found.covers >= 0.775
    assert found.took_s <= 100


@pytest.mark.long
@pytest.mark.parametrize("queue", QUEUES[:2], ids=str)
def test_what_is_called_settled_is_known_as_finely(queue: Queue) -> None:
    """Of processes that settled under ``quick``, few are farther from the exact rate than they claim."""
    precision = PRESETS["quick"].rule.precision
    found = [searched(queue, "quick", seed).attempts for seed in range(100)]
    settled = [one for one in found if search_settled(one, queue.percentile, precision)]
    rates = [largest_rate(one, queue.percentile) or 0 for one in settled]
    far = [rate for rate in rates if abs(rate / queue.largest_per_s - 1) > 1.5 * precision]
    assert len(far) <= max(1, len(settled) // 10)


def test_a_bound_that_no_rate_holds_is_never_settled() -> None:
    """Exponential times: 1.8 % of the queries alone take longer than 20 ms."""
    found = searched(Queue(exponential, 1, 99, 0.0), "quick", 1)
    assert not search_settled(found.attempts, 99, 0.1)


def test_the_fit_finds_the_rate_of_exact_fractions() -> None:
    """Odds that grow with the fifth power of the rate: exactly, whatever the other attempts are."""
    rates = (60.0, 85.0, 95.0, 105.0, 115.0, 100.0, 98.0, 102.0, 99.0, 101.0)
    odds = [(rate / 100) ** 5 / 99 for rate in rates]
    attempts = [Attempt(rate, 1_000_000, round(1e6 * one / (1 + one))) for rate, one in zip(rates, odds, strict=True)]
    found = crossing_of(attempts, 99)
    assert found is not None
    assert found.rate_per_s == pytest.approx(100, rel=1e-3)
    assert found.power == pytest.approx(5, rel=0.05)
    assert found.reach is not None
    assert found.reach < 0.01


if __name__ == "__main__":
    for queue in QUEUES:
        for preset in PRESETS:
            one = seen(queue, preset, int(sys.argv[1]))
            row = (
                f"| {queue.services.__name__}, {queue.lanes} | p{queue.percentile:g} | {queue.largest_per_s} "
                f"| {preset} "
                f"| {one.bias:+.1%} | {one.spread:.1%} | {one.reach:.1%} | {one.covers:.0%} | {one.settled:.0%} "
                f"| {one.took_s:.0f} s |\n"
            )
            sys.stdout.write(row)
            sys.stdout.flush()
