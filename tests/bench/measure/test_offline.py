"""Throughput of several queries in flight: lanes whose completions are known, and the loop itself."""

import time
from collections.abc import Iterator
from itertools import repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.analysis.run_processes import queries_in_window
from bench.analysis.summary import summarise
from bench.analysis.throughput import Throughput, throughput_of
from bench.measure.players.offline import run_offline
from bench.record.record import Phases, Repeat, SampleArrays, Scenario
from bench.stats.timeline import Timeline
from bench.suite.presets import PRESETS

MS, SECOND = 1_000_000, 1_000_000_000
RULE = PRESETS["quick"].rule


def lane(latencies_ns: Iterator[int], begin_ns: int, end_ns: int) -> Timeline:
    """One query after another without a gap, from ``begin_ns`` until one completes at ``end_ns`` or later."""
    timeline, now = Timeline(), begin_ns
    while now < end_ns:
        timeline.issued_ns.append(now)
        now += next(latencies_ns)
        timeline.done_ns.append(now)
    return timeline


def per_s(seen: Throughput) -> float:
    """Queries of the window over its duration."""
    return seen.queries * SECOND / seen.duration_ns


def recomputed(seen: Throughput) -> float | None:
    """The rate that the record's reader computes from the arrays of samples.npz."""
    samples = {
        "s": np.array(seen.timeline.issued_ns) - seen.opened_ns,
        "l": seen.timeline.latency_ns(),
        "fs": np.array(seen.in_flight.issued_ns) - seen.opened_ns,
        "fl": seen.in_flight.latency_ns(),
    }
    names = {"start_ns": "s", "latency_ns": "l", "in_flight_start_ns": "fs", "in_flight_latency_ns": "fl"}
    measured = Repeat(
        Phases(), samples=SampleArrays(len(samples["l"]), names), duration_ns=seen.closed_ns - seen.opened_ns
    )
    return summarise([measured], samples, Scenario("offline")).throughput_per_s


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 5_000)), min_size=1, max_size=8),
    st.integers(10_000, 20_000),
    st.integers(1, 30_000),
)
def test_lanes_of_constant_latency_give_exactly_their_rate(
    lanes: list[tuple[int, int]], opened: int, window: int
) -> None:
    """Whatever the latencies, the offsets between lanes, and where the window begins and ends."""
    timelines = [lane(repeat(latency), offset, opened + window) for latency, offset in lanes]
    seen = throughput_of(timelines, opened, opened + window)
    rate = sum(SECOND / latency for latency, _ in lanes)
    assert per_s(seen) == pytest.approx(rate, rel=1e-9)
    assert recomputed(seen) == pytest.approx(rate, rel=1e-9)


def test_a_slow_model_is_not_flattered_by_a_window_that_closes_on_its_completion() -> None:
    """1.06 s a query in one lane, the window held open for the sixth completion: 0.943/s and not 1.111/s."""
    timelines = [lane(repeat(1_060 * MS), 0, 20 * SECOND)]
    seen = throughput_of(timelines, 2_100 * MS, 7_430 * MS)
    assert len(seen.timeline.done_ns) == 6
    assert per_s(seen) == pytest.approx(1 / 1.06, rel=1e-9)


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("variation", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("queries", [0.4, 3, 20])
def test_varying_latencies_are_not_biased(lanes: int, variation: float, queries: float) -> None:
    """The mean over many windows is the lanes' rate, also for windows shorter than a query."""
    rng, mean_ns = np.random.default_rng(1), 10_000
    shape = 1 / variation**2
    found = []
    for _ in range(600):
        opened, window = 40 * mean_ns + int(rng.integers(mean_ns)), int(queries * mean_ns)
        drawn = (iter(np.maximum(1, rng.gamma(shape, mean_ns / shape, 200)).astype(int).tolist()) for _ in range(lanes))
        timelines = [lane(latencies, 0, opened + window) for latencies in drawn]
        found.append(per_s(throughput_of(timelines, opened, opened + window)))
    error = np.std(found) / len(found) ** 0.5
    assert np.mean(found) == pytest.approx(lanes * SECOND / mean_ns, abs=4 * float(error) + 0.005 * SECOND / mean_ns)


def test_a_query_counts_by_what_of_it_lies_inside() -> None:
    """Half of the first, all of the second, a quarter of the third; what touches the window only, not at all."""
    start, latency = np.array([-10, -5, 5, 15, 20]), np.array([10, 10, 10, 20, 5])
    assert 0.5 + 1 + 0.25 == queries_in_window(start, latency, 20)


def test_a_query_of_no_measurable_time_counts_where_it_lies() -> None:
    """Zero nanoseconds are no division by zero."""
    assert 1 == queries_in_window(np.array([-1, 0, 10]), np.array([0, 0, 0]), 10)


def test_records_without_queries_in_flight_count_completions() -> None:
    """As they were counted when these were made."""
    old = Repeat(Phases(), samples=SampleArrays(6, {"latency_ns": "l"}), duration_ns=3 * SECOND)
    assert summarise([old], {"l": np.full(6, MS)}, Scenario("offline")).throughput_per_s == pytest.approx(2)


@pytest.mark.parametrize(("queries", "parts"), [(5, 0), (6, 3), (9, 4), (200, 10)])
def test_parts_hold_two_queries_a_lane(queries: int, parts: int) -> None:
    """Convergence is judged by pieces of different queries, or not at all."""
    timelines = [lane(repeat(MS), 0, (queries + 2) * MS) for _ in range(2)]
    seen = throughput_of(timelines, MS // 2, MS // 2 + queries * MS)
    assert parts == len(seen.parts())
    assert bool(parts) == seen.converged(0.01)


def test_a_rate_that_changes_has_not_converged() -> None:
    """Half the speed in the second half."""
    latencies = iter([MS] * 50 + [2 * MS] * 50)
    assert not throughput_of([lane(latencies, 0, 100 * MS)], 0, 100 * MS).converged(0.1)


def test_every_lane_has_done_a_query_before_the_window_opens() -> None:
    """Also where one takes longer than the warm-up may: the first is slower than the rest. What runs as the window
    closes is waited for."""
    calls = [0, 0]

    def slow(index: int) -> None:
        calls[index] += 1
        time.sleep(0.03)

    rule = replace(RULE, max_duration_ns=20 * MS, warmup_max_duration_ns=MS, min_queries=1)
    seen = run_offline([lambda: slow(0), lambda: slow(1)], rule)
    assert 2 <= len(seen.warmup.done_ns)
    assert len(seen.in_flight.done_ns) == 2
    assert sum(len(t.done_ns) for t in (seen.warmup, seen.timeline, seen.in_flight)) <= sum(calls)


def test_what_a_lane_raises_is_raised() -> None:
    """And the others end with it."""

    def broken() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        run_offline([broken, lambda: time.sleep(0.001)], replace(RULE, max_duration_ns=MS))
