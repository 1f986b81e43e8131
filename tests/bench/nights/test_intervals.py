"""The interval of one night's figure."""

import math

import numpy as np
import pytest

from bench.nights.intervals import interval_of
from bench.nights.point import Level


def test_it_is_students_over_the_logarithms() -> None:
    """Compared with scipy's own, of the same values."""
    stats = pytest.importorskip("scipy.stats")
    values = np.log([1.0, 1.1, 1.3])
    level = Level(float(values.mean()), float(values.std(ddof=1)), 3, 1.1)
    expected = np.exp(stats.t.interval(0.95, 2, values.mean(), stats.sem(values)))
    assert interval_of(level, False) == pytest.approx(tuple(expected))


def test_of_a_fraction_it_stays_within_its_range() -> None:
    assert interval_of(Level(0.5, 0.01, 4, 0.5), True) == pytest.approx((0.5 - 0.0159122, 0.5 + 0.0159122), abs=1e-6)
    assert interval_of(Level(0.99, 0.5, 2, 0.99), True) == (0.0, 1.0)


def test_one_process_has_none() -> None:
    assert interval_of(Level(1.0, 0.0, 1, math.e), False) is None


def test_a_wild_spread_is_still_a_number() -> None:
    found = interval_of(Level(30.0, 500.0, 2, 1.0), False)
    assert found is not None
    assert all(map(math.isfinite, found))
