"""Which settings are on the front."""

import pytest

from bench.tuning.front import Axis, front

LATENCY = Axis("latency", True, 0.03)
RATE = Axis("rate", False, 0.03)
DB = Axis("db", False, 1.0, "difference")


def test_a_setting_that_another_beats_by_every_figure_is_not_on_the_front() -> None:
    """Faster by one figure and slower by another is."""
    points = [{"latency": 10.0, "rate": 100.0}, {"latency": 8.0, "rate": 90.0}, {"latency": 11.0, "rate": 90.0}]
    assert (True, True, False) == front(points, (LATENCY, RATE))


def test_differences_within_the_tolerance_are_none() -> None:
    """2 % of latency are noise: the one with the better rate beats the other."""
    assert (False, True) == front([{"latency": 10.0, "rate": 100.0}, {"latency": 10.2, "rate": 120.0}], (LATENCY, RATE))


def test_settings_that_cannot_be_told_apart_are_all_on_the_front() -> None:
    """None beats the other."""
    assert (True, True) == front([{"latency": 10.0}, {"latency": 10.1}], (LATENCY,))


def test_a_figure_that_is_missing_keeps_a_setting_from_the_front() -> None:
    """It was not measured in the other scenario; it beats nobody either."""
    assert (True, False) == front([{"latency": 10.0, "rate": 100.0}, {"latency": 1.0}], (LATENCY, RATE))


@pytest.mark.parametrize(("other", "on"), [(59.5, False), (50.0, True)])
def test_quality_is_compared_by_its_difference(other: float, on: bool) -> None:
    """Half a decibel is none: the slower one has nothing. Ten are worth the time."""
    points = [{"latency": 10.0, "db": 60.0}, {"latency": 8.0, "db": other}]
    assert (on, True) == front(points, (LATENCY, DB))
