"""The interval of few energies: above zero, and as wide as it has to be."""

import numpy as np
import pytest

from bench.stats.processes import between_means, between_positive


def test_the_interval_of_two_energies_stays_above_zero() -> None:
    """That over plain figures does not; where one is below 0, there is no other."""
    plain, found = between_means([1.0, 1.2]), between_positive([1.0, 1.2])
    assert plain is not None
    assert found is not None
    assert plain[0] < 0 < found[0] < 1.0 < 1.2 < found[1]
    assert between_positive([-0.1, 0.3]) == between_means([-0.1, 0.3])
    assert between_positive([1.0]) is None


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_it_holds_the_true_value_as_often_as_it_says(count: int, spread: float) -> None:
    """In simulation: processes that differ normally or log-normally."""
    draws = np.random.default_rng(count)
    for made in (draws.normal(1, spread, (2_000, count)), draws.lognormal(0, spread, (2_000, count))):
        found = [bounds for one in made if (bounds := between_positive(one.tolist())) is not None]
        assert 0.93 < np.mean([low <= 1 <= high for low, high in found]) < 0.98
