"""Open loops on an exact clock: which query a lane takes, from when latency counts, and both scenarios."""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from open_loops import MS, QUICK, QUIET, SECOND, Device, played, scenario_of, stage_of

from bench.analysis.open_loops.attempts import (
    Attempt,
    attempts_of,
    crossing_of,
    kept_attempt,
    largest_rate,
    search_settled,
)
from bench.analysis.open_loops.crossing import FEWEST
from bench.errors import InputError, RunFailure
from bench.measure.loop import time_queries
from bench.measure.open_loop.arrivals import poisson_ns, regular_ns
from bench.measure.open_loop.line import Drop, Line
from bench.measure.open_loop.loop import LEAD_NS, Limit, play_open_loop
from bench.measure.open_loop.pace import NEAR_NS, SPIN_NS, exact_timers, wait_until
from bench.measure.open_loop.search import HIGHEST, LOWEST, Goal, next_trial, rate_of, step_of
from bench.measure.players.server import SEEDS_APART, goal_of, play_server
from bench.scenarios.kinds import KINDS, check_scenario
from bench.stats.percentiles import early_stopping_queries
from bench.stats.timeline import Timeline
from bench.testing import FakeClock

FRAMES = regular_ns(100, 10)  # every 10 ms


def test_frames_are_due_at_equal_distances_whose_rounding_does_not_add_up() -> None:
    """The frame after 1,000 s is due at 1,000 s, at a rate whose period is no whole number of nanoseconds."""
    due = regular_ns(30, 30_001)
    assert [0, 33_333_333, 66_666_667, 100_000_000] == due[:4].tolist()
    assert 1000 * SECOND == due[-1]


def test_poisson_arrivals_have_the_mean_and_the_spread_of_the_rate() -> None:
    """Exponential gaps: mean and standard deviation are 1 / rate; another rate stretches the same gaps."""
    due = poisson_ns(200, 50_000, seed=3)
    gaps = np.diff(due) / SECOND
    assert 0 == due[0]
    assert 0.005 == pytest.approx(gaps.mean(), rel=0.02)
    assert 0.005 == pytest.approx(gaps.std(), rel=0.03)
    assert np.abs(due - 2 * poisson_ns(400, 50_000, seed=3)).max() <= 2 * len(due)
    assert (poisson_ns(200, 100, seed=4) != due[:100]).any()


@pytest.mark.parametrize(
    ("drop", "served", "dropped"),
    [
        ("none", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], []),
        ("oldest", [0, 2, 5, 7], [1, 3, 4, 6]),
        ("newest", [0, 1, 3, 6, 8], [2, 4, 5, 7, 9]),
    ],
)
def test_what_a_busy_lane_drops(drop: Drop, served: list[int], dropped: list[int]) -> None:
    """A frame every 10 ms and 25 ms for each: with ``oldest`` the newest waiting is served, with ``newest`` the first
    that waited, with ``none`` every one. The last frames of ``oldest``: 8 and 9 are waiting when 7 is done."""
    device = Device([25 * MS])
    found = play_open_loop([device.call], FRAMES, drop=drop, clock=device.clock, wait=device.wait)
    assert served == (found.due_ns // (10 * MS)).tolist()[: len(served)]
    assert dropped == (found.dropped_ns // (10 * MS)).tolist()[: len(dropped)]
    assert 10 == len(found.due_ns) + len(found.dropped_ns)


def test_late_answers_do_not_slow_arrivals_down() -> None:
    """A stall of 1 s in a query of 1 ms, 100 queries a second: all that were due in it are late, by what was left of
    it. A closed loop shows the stall in one query alone."""
    durations = [MS] * 50 + [SECOND] + [MS] * 149
    device = Device(durations)
    found = play_open_loop([device.call], regular_ns(100, 200), clock=device.clock, wait=device.wait)
    latency = found.latency_ns
    assert [MS] * 50 == latency[:50].tolist()
    assert [SECOND, SECOND - 9 * MS, SECOND - 18 * MS] == latency[50:53].tolist()
    assert 111 == int((latency > 5 * MS).sum())  # until the lane has caught up, 9 ms a query
    assert MS == latency[-1]
    closed, clock = Timeline(), Device(durations)
    time_queries(clock.call, 200, closed, clock.clock)
    assert 1 == int((closed.latency_ns() > 5 * MS).sum())


def test_the_line_ends_when_the_result_is_certain() -> None:
    """After more late answers than a bound allows no further query is due; those that wait are served."""
    device = Device([30 * MS])
    limit = Limit(bound_ns=35 * MS, most=1)
    found = play_open_loop([device.call], regular_ns(100, 100), limit=limit, clock=device.clock, wait=device.wait)
    assert 10 == len(found.due_ns)  # 30, 50, 70: the second late one is done at 90 ms, when 10 were due
    assert 0 == len(found.dropped_ns)


def test_lanes_that_fall_far_behind_are_given_up_on() -> None:
    """100 queries in 1 s for a lane that does 4 a second: it ends after 4 s, and those not begun are dropped."""
    device = Device([SECOND // 4])
    found = play_open_loop([device.call], regular_ns(100, 100), clock=device.clock, wait=device.wait)
    assert 100 == len(found.due_ns) + len(found.dropped_ns)
    assert 16 == len(found.due_ns)


def test_a_line_that_gave_up_serves_nothing_more() -> None:
    """Also where several lanes ask."""
    line = Line([0, 10, 20], "none", 15)
    assert [0, None, None] == [line.take(5), line.take(16), line.take(30)]
    assert [1] == line.dropped  # the third was not due


def test_what_a_lane_raises_ends_the_loop() -> None:
    """Every thread ends, and the error is raised."""

    def broken() -> None:
        raise RunFailure("runtime_error", "the device is gone", "", "steady")

    with pytest.raises(RunFailure, match="the device is gone"):
        play_open_loop([broken, lambda: None], regular_ns(1000, 50))
    assert not [one for one in threading.enumerate() if one.name.startswith("lane-")]


def test_several_lanes_serve_in_order_of_arrival() -> None:
    """Two real lanes of 10 ms take 20 queries that are all due at once, two at a time, each once."""
    found = play_open_loop([lambda: time.sleep(0.01)] * 2, np.zeros(20, np.int64))
    assert 20 == len(found.due_ns)
    assert (np.diff(found.start_ns) >= 0).all()
    assert 100 * MS <= found.duration_ns


def test_waiting_sleeps_until_shortly_before_and_then_looks_at_the_clock() -> None:
    """A long sleep ends ``NEAR_NS`` before, a short one ``SPIN_NS`` before; one that ends early is followed by
    another."""
    clock, slept = FakeClock(), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(round(seconds * 0.9e9) if seconds else 1000)

    wait_until(50 * MS, clock, sleep)
    assert 50 * MS <= clock.now_ns < 50 * MS + 1000
    assert (50 * MS - NEAR_NS) / 1e9 == slept[0]
    assert 0 == slept[-1]
    before = len(slept)
    wait_until(10 * MS, clock, sleep)
    assert before == len(slept)
    exact, parts = FakeClock(), list[float]()
    wait_until(50 * MS, exact, lambda seconds: (parts.append(seconds), exact.advance(round(seconds * 1e9) or 1000))[0])
    assert [(50 * MS - NEAR_NS) / 1e9, (NEAR_NS - SPIN_NS) / 1e9, 0] == parts[:3]


@pytest.mark.skipif(sys.platform != "linux", reason="timer slack is Linux'")
def test_timers_are_exact_only_while_lanes_wait() -> None:
    """The slack of the thread is what it was before."""
    slack = Path("/proc/self/timerslack_ns")
    before = slack.read_text()
    with exact_timers():
        assert 1 == int(slack.read_text())
    assert before == slack.read_text()


# ------------------------------------------------------------------------------------------------------- the players


def test_a_camera_for_as_long_as_the_rule_allows() -> None:
    """60 frames in 2 s, each 20 ms after it was due; energy is of those answered."""
    found = played(Device([20 * MS]), "fixed-rate:rate=30")
    assert 60 == len(found.arrays["latency_ns"]) == found.energy.queries
    assert {20 * MS} == {*found.arrays["latency_ns"].tolist()}
    assert 2 * SECOND == found.duration_ns
    assert (found.arrays["start_ns"] == found.arrays["due_ns"]).all()


def test_a_slow_camera_has_at_least_the_queries_of_the_rule() -> None:
    """One frame a second: 6 frames, as the preset asks for, and not 2."""
    found = played(Device([20 * MS]), "fixed-rate:rate=1")
    assert QUIET.min_queries == len(found.arrays["due_ns"])


def test_a_server_at_a_given_rate_has_the_queries_of_loadgens_rule() -> None:
    """662 for a p99, in a window that is longer for it; the next process has other gaps."""
    found = played(Device([MS]), "server:rate=200,latency=15ms")
    assert 662 == len(found.arrays["due_ns"])
    other = played(Device([MS]), "server:rate=200,latency=15ms", seed=1)
    assert (found.arrays["due_ns"] != other.arrays["due_ns"]).any()


def test_the_scale_of_rates_has_steps_of_one_percent() -> None:
    """Each rate is on it, in thousandths, between its ends."""
    assert [1.0, 1.01, 1.02, 1.03] == [rate_of(step) for step in range(4)]
    for rate in (0.11, 1, 7.3, 200, 99_000):
        assert rate / 1.011 < rate_of(step_of(rate)) <= rate + 1e-3
    assert (step_of(LOWEST), step_of(HIGHEST)) == (step_of(0), step_of(1e9))


def goal(expected: float = 200.0, percentile: float = 90) -> Goal:
    """Of the preset ``quick``."""
    return goal_of(QUICK, percentile, expected, early_stopping_queries(1, percentile))


@pytest.mark.parametrize("largest", [0.5, 3.7, 180, 25_000])
@pytest.mark.parametrize("expected", [2.0, 200.0])
def test_the_search_finds_the_rate_at_which_as_many_are_late_as_may_be(largest: float, expected: float) -> None:
    """From any beginning, in few attempts, where the odds of being late grow with the fifth power of the rate. Attempts
    become longer, and those of the fit are at and beside the rate."""
    tried = list[Attempt]()
    while (trial := next_trial(tried, goal(expected))) is not None:
        odds = (trial.rate_per_s / largest) ** 5 / 9
        tried.append(Attempt(trial.rate_per_s, trial.queries, round(trial.queries * odds / (1 + odds))))
    assert largest_rate(tried, 90) == pytest.approx(largest, rel=0.01)
    assert search_settled(tried, 90, QUICK.precision)
    assert len(tried) <= 24
    near = [one for one in tried if 0.75 < one.rate_per_s / largest < 1.35]
    assert len(near) >= FEWEST
    assert near[-1].queries >= min(goal().most, sum(one.queries for one in near[:-1]) // 5)


def test_a_search_without_an_answer() -> None:
    """At the lowest rate that never holds and the highest that always does it ends, and nothing is settled."""
    for late, end in ((1.0, LOWEST), (0.0, HIGHEST)):
        tried = list[Attempt]()
        while (trial := next_trial(tried, goal())) is not None:
            tried.append(Attempt(trial.rate_per_s, trial.queries, round(late * trial.queries)))
        assert end == pytest.approx(tried[-1].rate_per_s, rel=0.02)
        assert not search_settled(tried, 90, 1.0)
        assert crossing_of(tried, 90) is None


def queue_of(service_ns: int, rate: float, queries: int, seed: int) -> np.ndarray:
    """Latencies of a single server with Poisson arrivals and one service time, by Lindley's recursion."""
    due, done = poisson_ns(rate, queries, seed), 0
    found = []
    for at in due.tolist():
        done = max(at, done) + service_ns
        found.append(done - at)
    return np.array(found)


@pytest.mark.parametrize(("percentile", "exact"), [(90, 138.8), (99, 92.5)])
def test_a_search_plays_the_exact_queue(percentile: int, exact: float) -> None:
    """A device of 5 ms and a bound of 20 ms. The steady state is an attempt near the largest rate, with the latencies
    of the exact queue, and each attempt has arrivals of its own."""
    rule = replace(QUIET, max_duration_ns=5 * SECOND)
    found = played(Device([5 * MS]), f"server:rate=auto,latency=20ms,percentile={percentile}", rule, seed=7)
    arrays = found.arrays
    attempts = attempts_of(arrays["axis_thousandths"], arrays["attempt_point"], arrays["attempt_latency_ns"], 20 * MS)
    largest, kept = largest_rate(attempts, percentile), kept_attempt(attempts, percentile)
    assert largest == pytest.approx(exact, rel=0.15)
    assert kept is not None
    assert attempts[kept].rate_per_s == pytest.approx(largest, rel=0.1)
    for index in (0, kept):
        latency = arrays["attempt_latency_ns"][arrays["attempt_point"] == index]
        of = attempts[index].rate_per_s, len(latency), 7 + index * SEEDS_APART
        assert queue_of(5 * MS, *of).tolist() == latency.tolist()
    assert latency.tolist() == arrays["latency_ns"].tolist()
    assert found.converged is search_settled(attempts, percentile, rule.precision)


def test_no_rate_holds_a_bound_that_one_query_breaks() -> None:
    """A query of 5 ms never ends within 1 ms: the figures are those of the lowest rate tried, which ended early."""
    found = played(Device([5 * MS]), "server:rate=auto,latency=1ms,percentile=90", replace(QUIET, precision=0.5))
    rates = found.arrays["axis_thousandths"] / 1000
    attempts = attempts_of(
        found.arrays["axis_thousandths"], found.arrays["attempt_point"], found.arrays["attempt_latency_ns"], MS
    )
    assert largest_rate(attempts, 90) is None
    assert len(rates) == len(attempts)
    assert len(found.arrays["latency_ns"]) < 64
    assert found.converged is False


def test_a_search_that_would_take_too_long_is_refused() -> None:
    """A query of 1 s: 662 of them take longer than ten times the rule's time. What to do is said."""
    device = Device([SECOND])
    stage = stage_of(device, scenario_of("server:rate=auto,latency=5s"))
    with pytest.raises(RunFailure, match="662 queries that a p99 needs") as caught:
        play_server(stage, device.clock, device.wait)
    assert "percentile=90" in caught.value.remedy


def test_a_busy_process_searches_what_fits_and_is_not_lost() -> None:
    """All queries of its warm-up but one take 25 times as long as the device needs: it begins at a rate whose attempt
    ends in time, says what it found, and its run goes on. The device needs 20 ms, of which 662 fit."""
    rule = replace(QUICK, max_duration_ns=5 * SECOND)
    device = Device([20 * MS] + [500 * MS] * 400)
    found = play_server(stage_of(device, scenario_of("server:rate=auto,latency=5s"), rule), device.clock, device.wait)
    rates = found.arrays["axis_thousandths"] / 1000
    assert rates[0] >= 662 / 50 / 1.02
    assert found.converged is False
    assert len(found.arrays["latency_ns"])


@pytest.mark.parametrize(
    "text", ["server:rate=200000", "server:rate=0.01", "fixed-rate:rate=0", "fixed-rate:drop=all", "server:latency=x"]
)
def test_rates_that_cannot_be_generated_are_refused(text: str) -> None:
    """Out of bounds, or no value of the parameter."""
    with pytest.raises(InputError):
        check_scenario(scenario_of(text), KINDS[text.partition(":")[0]])


def test_the_first_query_is_due_when_the_threads_have_started() -> None:
    """Moments count from there."""
    device = Device([MS])
    found = play_open_loop([device.call], FRAMES, clock=device.clock, wait=device.wait)
    assert 0 == found.start_ns[0]
    assert LEAD_NS + 9 * 10 * MS + MS == device.clock.now_ns
