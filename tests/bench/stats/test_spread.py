"""Mean and standard deviation of a few figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.spread import mean_and_deviation


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_it_is_what_numpy_gives(values: list[float]) -> None:
    """The deviation has n - 1 in its denominator."""
    mean, deviation = mean_and_deviation(values)
    assert mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert deviation == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-6)


def test_one_figure_shows_no_spread() -> None:
    with pytest.raises(ZeroDivisionError):
        mean_and_deviation([1.0])
