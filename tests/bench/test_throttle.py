"""A thermal throttle simulated in the null target is called drift; noise that only looks wild is not."""

from collections.abc import Callable, Iterator
from itertools import repeat

import numpy as np
import pytest

from bench.fake_records import fake_run
from bench.measure.loop import Timeline, steady_state, time_queries
from bench.measure.stopping import PRESETS
from bench.record import RecordedRun
from bench.testing import FakeClock
from bench.verdict import judge

Run = Callable[..., list[RecordedRun]]
RULE = PRESETS["quick"].rule


def steady_run(latencies: Iterator[int]) -> RecordedRun:
    """Three repeats of the real loop under the quick rule, on a clock that these latencies move."""
    series = []
    for _ in range(3):
        clock = FakeClock()

        def play(count: int, timeline: Timeline, clock: FakeClock = clock) -> None:
            time_queries(lambda: clock.advance(next(latencies)), count, timeline, clock)

        series.append(steady_state(play, RULE, clock).latency_ns())
    return fake_run("r", series)


def reasons(run: RecordedRun) -> set[str]:
    return {reason.code for reason in judge(run).reasons}


def test_a_throttle_halfway_is_drift() -> None:
    """15 % slower from the middle of the least steady state on, with 3 % noise: drift, of about 15 %."""
    rng = np.random.default_rng(1)
    half = RULE.min_duration_ns // 2_000_000

    def latencies() -> Iterator[int]:
        while True:
            for i in range(2 * half):
                yield int(1e6 * rng.lognormal(0, 0.03) * (1.0 if i < half else 1.15))

    found = {reason.code: reason for reason in judge(steady_run(latencies())).reasons}
    assert 0.1 < abs(float(found["drift"].figures["worst_change"])) < 0.2


@pytest.mark.parametrize("shape", [1.2, 1.5, 2.5])
def test_heavy_tails_are_not(shape: float) -> None:
    """Stationary noise, of infinite variance even: never drift in 20 runs."""
    rng = np.random.default_rng(int(10 * shape))
    noise = iter(lambda: int(1e6 * (1 + 0.2 * rng.pareto(shape))), None)
    assert not [i for i in range(20) if "drift" in reasons(steady_run(noise))]  # type: ignore[arg-type]


def test_outliers_are_not() -> None:
    """One query in fifty that takes a hundred times as long, early or late: no drift."""
    rng = np.random.default_rng(5)
    noise = iter(lambda: int(1e6 * (100 if rng.random() < 0.02 else 1) * rng.lognormal(0, 0.02)), None)
    assert "drift" not in reasons(steady_run(noise))  # type: ignore[arg-type]


def test_a_steady_clock_is_not() -> None:
    """Queries that all take as long."""
    assert set() == reasons(steady_run(repeat(1_000_000))) - {"output_unchecked"}


def test_throttling_for_real(run: Run) -> None:
    """In a real worker: two milliseconds a query, 15 % more after 0.4 s, under the quick preset: drift."""
    options = {"latency_us": "2000", "throttle_after_ms": "400"}
    record = run(["fake"], ["null:cpu"], options=options)[0].record
    assert record.verdict is not None
    found = {reason.code: reason for reason in record.verdict.reasons}
    assert 0.05 < float(found["drift"].figures["worst_change"]) < 0.4
