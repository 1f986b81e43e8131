"""Shares of right answers: cross-checked with scipy, by brute force, and by simulation."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from bench.stats.proportions import Discordant, difference_interval, mcnemar, wilson

COUNTS = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
def test_wilson_is_scipys(pair: tuple[int, int]) -> None:
    """Wilson's bounds without continuity correction, as scipy has them."""
    low, high = wilson(*pair)
    theirs = binomtest(*pair).proportion_ci(0.95, "wilson")
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert low <= pair[0] / pair[1] <= high


def test_wilson_of_all_and_none() -> None:
    """Twelve of twelve do not prove that all would be right; bounds never leave 0 to 1."""
    assert wilson(12, 12) == (pytest.approx(0.7575, abs=1e-4), 1.0)
    assert wilson(0, 12) == (0.0, pytest.approx(0.2425, abs=1e-4))
    with pytest.raises(ValueError, match="0 of 0"):
        wilson(0, 0)


@settings(deadline=None)
@given(st.integers(0, 900), st.integers(0, 900))
def test_mcnemar_is_the_binomial_test(gained: int, lost: int) -> None:
    """Exact: the two-sided binomial test of the discordant pairs at one half. Beyond 1,000 of them, too."""
    expected = binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    assert mcnemar(Discordant(gained, lost, 2000)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (0, 6), (2, 7), (5, 5)])
def test_mcnemar_by_counting(gained: int, lost: int) -> None:
    """The share of all assignments of the discordant pairs that are at least as uneven."""
    total, seen = gained + lost, abs(gained - lost)
    outcomes = [abs(2 * sum(coins) - total) >= seen for coins in product((0, 1), repeat=total)]
    assert mcnemar(Discordant(gained, lost, 20)) == pytest.approx(sum(outcomes) / len(outcomes))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 500))
def test_the_interval_turns_round_with_the_sides(gained: int, lost: int, same: int) -> None:
    """Before and after exchanged give the bounds with the other sign, and the bounds are shares."""
    n = gained + lost + same + 1
    low, high = difference_interval(Discordant(gained, lost, n))
    other = difference_interval(Discordant(lost, gained, n))
    assert (low, high) == pytest.approx((-other[1], -other[0]))
    assert -1 <= low <= high <= 1


def test_bonett_and_price_by_hand() -> None:
    """3 gained, 9 lost of 98: (4 - 10) / 100, and its standard error from the adjusted cells."""
    reach = 1.959964 * math.sqrt((0.04 + 0.10 - 0.06**2) / 100)
    assert difference_interval(Discordant(3, 9, 98)) == pytest.approx((-0.06 - reach, -0.06 + reach), abs=1e-6)


@pytest.mark.parametrize(("p_gained", "p_lost", "n"), [(0.05, 0.05, 30), (0.02, 0.10, 60), (0.01, 0.01, 200)])
def test_the_interval_covers(p_gained: float, p_lost: float, n: int) -> None:
    """Of 4,000 datasets at least 94 % of the intervals hold the true difference."""
    counts = np.random.default_rng(0).multinomial(n, [p_gained, p_lost, 1 - p_gained - p_lost], 4000)
    bounds = [difference_interval(Discordant(int(g), int(lost), n)) for g, lost, _ in counts]
    held = [low <= p_gained - p_lost <= high for low, high in bounds]
    assert sum(held) / len(held) >= 0.94


def test_mcnemar_cries_wolf_at_most_as_often_as_stated() -> None:
    """Of 4,000 datasets without a difference at most 5 % have p below 0.05."""
    counts = np.random.default_rng(1).multinomial(100, [0.08, 0.08, 0.84], 4000)
    p_values = [mcnemar(Discordant(int(g), int(lost), 100)) for g, lost, _ in counts]
    assert sum(p < 0.05 for p in p_values) / len(p_values) <= 0.05
