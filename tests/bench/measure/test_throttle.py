"""A thermal throttle simulated in the null target is called drift; noise that only looks wild is not."""

from collections.abc import Callable, Iterator
from itertools import count, repeat

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.verdict.judge import judge
from bench.measure.loop import steady_state, time_queries
from bench.record.record import RecordedRun, StoppingRule
from bench.stats.timeline import Timeline
from bench.suite.presets import PRESETS
from bench.testing import FakeClock
from bench.testing.records import fake_run

QUICK = PRESETS["quick"].rule
LONG = replace(QUICK, min_duration_ns=2_000_000_000, max_duration_ns=2_000_000_000)


def steady_run(make: Callable[[], Iterator[int]], rule: StoppingRule = QUICK) -> RecordedRun:
    """Three repeats of the real loop, each on a clock that such latencies move."""
    return fake_run("r", [one_repeat(make(), rule) for _ in range(3)])


def one_repeat(latencies: Iterator[int], rule: StoppingRule) -> np.ndarray:
    clock = FakeClock()

    def play(queries: int, timeline: Timeline) -> None:
        time_queries(lambda: clock.advance(next(latencies)), queries, timeline, clock)

    return steady_state(play, rule, clock).latency_ns()


def endless(factor: Callable[[], float]) -> Iterator[int]:
    """A millisecond times whatever ``factor`` draws."""
    while True:
        yield int(1e6 * factor())


def reasons(run: RecordedRun) -> set[str]:
    return {reason.code for reason in judge(run).reasons}


def test_a_throttle_halfway_is_drift() -> None:
    """Two seconds of a millisecond with 3 % noise, 15 % slower from the middle on: drift, of about 15 %."""
    rng = np.random.default_rng(1)

    def latencies() -> Iterator[int]:
        for i in count():
            yield int(1e6 * rng.lognormal(0, 0.03) * (1.0 if i < 1_000 else 1.15))

    found = {reason.code: reason for reason in judge(steady_run(latencies, LONG)).reasons}
    assert 3 == found["drift"].figures["repeats_drifted"]
    assert 0.14 < float(found["drift"].figures["worst_change"]) < 0.16


@pytest.mark.long
@pytest.mark.parametrize("shape", [1.2, 1.5, 2.5])
def test_heavy_tails_are_not(shape: float) -> None:
    """Stationary noise, of infinite variance even: drift in 4 of 200 runs at most."""
    rng = np.random.default_rng(int(10 * shape))
    make = lambda: endless(lambda: 1 + 0.2 * rng.pareto(shape))  # noqa: E731
    assert sum("drift" in reasons(steady_run(make)) for _ in range(200)) <= 4


def test_outliers_are_not() -> None:
    """One query in fifty that takes a hundred times as long, early or late: no drift."""
    rng = np.random.default_rng(5)
    make = lambda: endless(lambda: (100 if rng.random() < 0.02 else 1) * rng.lognormal(0, 0.02))  # noqa: E731
    assert "drift" not in reasons(steady_run(make))


def test_a_steady_clock_is_not() -> None:
    """Queries that all take as long."""
    assert set() == reasons(steady_run(lambda: repeat(1_000_000))) - {"output_unchecked"}
