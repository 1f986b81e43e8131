"""A regression that begins when there are one, two or three nights at the base's level: it stays red."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from bench.gate.finding import SeriesFinding
from bench.gate.judge import judge
from bench.testing.points import fake_point, fake_series

SERIES = fake_series("net")
SPREAD = 0.005  # standard deviation of logarithms, between nights


def judged(factors: Sequence[float]) -> SeriesFinding:
    """The last of nights of one series, whose latency is so many milliseconds but for the spread."""
    rng = np.random.default_rng(7)
    points = [
        fake_point(SERIES, night, {"latency_p50_ns": 1e6 * factor * math.exp(rng.normal(0, SPREAD))}, deviation=SPREAD)
        for night, factor in enumerate(factors)
    ]
    base, tonight = points[0], points[-1]
    (found,) = judge([(SERIES, points[:-1])], {SERIES: tonight}, lambda *_: base, created_utc="").gate.findings
    return found


@pytest.mark.parametrize("good", [1, 2, 3])
@pytest.mark.parametrize("since", [2, 3, 6, 20, 40])
def test_it_stays_red(good: int, since: int) -> None:
    """Also where the base is the only night before it: it is not the odd one of the nights since."""
    found = judged([1.0] * good + [1.20] * since)
    assert found.word == "worse"
    assert found.metrics[0].change == pytest.approx(0.20, abs=0.03)


def test_a_first_night_that_was_slow_does_not_hide_a_regression() -> None:
    found = judged([1.0] + [0.8] * 18 + [0.8 * 1.15] * 2)
    assert found.word == "worse"
    assert found.metrics[0].change == pytest.approx(0.15, abs=0.03)


def test_quiet_nights_are_the_same() -> None:
    assert {judged([1.0] * count).word for count in range(2, 40)} <= {"same", "better"}
