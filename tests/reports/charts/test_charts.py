"""Axes and lines of the drawings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.reports.charts.svg import Axis, Frame, line, mark, time_axis
from bench.stats.drawing import ecdf


@pytest.mark.parametrize(
    ("expected", "low", "high"),
    [
        (["0", "25", "50", "75", "100"], 0, 100),
        (["0", "2", "4"], 0, 4.2),
        (["0.9", "1.0", "1.1"], 0.9, 1.15),
        (["0.00", "0.25", "0.50", "0.75", "1.00"], 0, 1),
        (["1,000", "1,010", "1,020"], 1000, 1025),
    ],
)
def test_ticks_are_round_and_told_apart(expected: list[str], low: float, high: float) -> None:
    """Labels have as many places as the step needs, and no more."""
    assert expected == [text for _, text in Axis(low, high, 0, 100).ticks()]


@given(st.floats(min_value=0, max_value=1e12), st.floats(min_value=1, max_value=1e12))
def test_ticks_lie_inside_the_axis(low: float, reach: float) -> None:
    """However long the axis, it has a few labels, and none outside it."""
    axis = time_axis(low, low + reach, 0, 100, "time")
    places = [v for v, _ in axis.ticks()]
    assert len(places) <= 7
    assert all(low - reach * 1e-6 <= v <= low + reach * (1 + 1e-6) for v in places)


def test_an_axis_without_reach_has_one_label() -> None:
    """Equal samples make a point, not a division by zero."""
    axis = Axis(5, 5, 0, 100)
    assert (((5, "5.00"),), 0) == (axis.ticks(), axis.at(5))


def test_a_value_outside_is_drawn_at_the_edge() -> None:
    """What is cut off does not leave the frame."""
    axis = Axis(0, 10, 0, 100)
    assert (0, 100, 50) == (axis.at(-5), axis.at(20), axis.at(5))


def test_a_mark_outside_the_frame_is_not_drawn() -> None:
    """A percentile beyond the cut must not be shown as if it lay at the edge."""
    frame = Frame(Axis(0, 1, 0, 100), Axis(0, 1, 100, 0))
    assert ("", True) == (mark(frame, 0.5, 2, "p99"), "p50" in mark(frame, 0.5, 0.5, "p50"))


def test_a_line_passes_through_its_points() -> None:
    """Data are scaled to the frame, upwards being less."""
    frame = Frame(Axis(0, 10, 0, 100), Axis(0, 1, 50, 0))
    assert '<path class="line s1" d="M0 50L50 25L100 0"/>' == line(frame, [0, 5, 10], [0, 0.5, 1], "s1")


def test_a_line_without_points_is_nothing() -> None:
    """No samples draw no line."""
    assert "" == line(Frame(Axis(0, 1, 0, 1), Axis(0, 1, 0, 1)), [], [], "s1")


def test_the_distribution_ends_at_the_greatest_sample() -> None:
    """The drawing relies on the last point of the distribution being the maximum, with a share of one."""
    x, y = ecdf(np.array([3, 1, 2], dtype=np.int64), 3)
    assert ([1, 2, 3], 1.0) == (x.tolist(), float(y[-1]))
