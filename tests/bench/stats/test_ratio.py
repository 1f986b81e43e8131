"""Ratios between sets of processes, held against SciPy and against simulation."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.comparison.comparison import ALPHA_DIFFERENT
from bench.comparison.rules import FEW
from bench.stats.ratio import falls_apart_by_luck, holm, log_ratio, processes_to_tell

FIGURES = st.lists(st.floats(1.0, 1e9), min_size=2, max_size=10)
unhurried = settings(deadline=None)


def noisy(rng: np.random.Generator, n: int, noise: float = 0.01, ratio: float = 1.0) -> np.ndarray:
    """Figures of ``n`` processes whose logarithms are normal."""
    return 1e6 * ratio * np.exp(noise * rng.standard_normal(n))


@pytest.mark.parametrize(("m", "n"), [(2, 2), (3, 3), (3, 10), (5, 5), (10, 4)])
def test_is_welchs_t_on_logarithms(m: int, n: int) -> None:
    """Estimate, p-value and interval are SciPy's for unequal variances."""
    rng = np.random.default_rng(m * 100 + n)
    base, new = noisy(rng, m), noisy(rng, n, 0.03, 1.02)
    found = log_ratio(base, new)
    expected = stats.ttest_ind(np.log(new), np.log(base), equal_var=False)
    assert found.p_different() == pytest.approx(expected.pvalue)
    assert found.interval() == pytest.approx(tuple(np.exp(expected.confidence_interval(0.95))))
    assert found.ratio == pytest.approx(stats.gmean(new) / stats.gmean(base))


def test_equivalence_is_two_one_sided_tests() -> None:
    """The p-value is the larger of SciPy's two, each against its own bound."""
    rng = np.random.default_rng(4)
    base, new = noisy(rng, 5), noisy(rng, 6, 0.01, 1.01)
    a, b, margin = np.log(base), np.log(new), math.log(1.03)
    above = stats.ttest_ind(b + margin, a, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(b - margin, a, equal_var=False, alternative="less").pvalue
    assert log_ratio(base, new).p_equivalent(0.03) == pytest.approx(max(above, below))


@unhurried
@given(FIGURES, FIGURES)
def test_turning_the_sides_inverts_the_ratio(base: list[float], new: list[float]) -> None:
    """Whether A is compared with B or B with A, the same is found."""
    there, back = log_ratio(base, new), log_ratio(new, base)
    assert there.ratio == pytest.approx(1 / back.ratio)
    assert there.p_different() == pytest.approx(back.p_different())
    assert there.p_equivalent(0.1) == pytest.approx(back.p_equivalent(0.1))


@unhurried
@given(FIGURES, FIGURES, st.floats(0.001, 1000))
def test_the_unit_does_not_matter(base: list[float], new: list[float], unit: float) -> None:
    """Nanoseconds or seconds, the ratio is the same."""
    plain, scaled = log_ratio(base, new), log_ratio([unit * x for x in base], [unit * x for x in new])
    assert plain.difference == pytest.approx(scaled.difference, abs=1e-9)


def test_figures_without_spread() -> None:
    """Processes that agree exactly differ for sure, or not at all."""
    assert log_ratio([5.0, 5.0], [5.0, 5.0, 5.0]).p_different() == 1.0
    assert log_ratio([5.0, 5.0], [6.0, 6.0]).p_different() == 0.0
    assert log_ratio([5.0, 5.0], [6.0, 6.0]).interval() == pytest.approx((1.2, 1.2))
    assert log_ratio([5.0, 5.0], [5.0, 5.0]).p_equivalent(0.01) == 0.0


@pytest.mark.parametrize(("m", "n"), [(1, 5), (5, 1), (0, 3)])
def test_one_process_a_side_is_refused(m: int, n: int) -> None:
    """Without a spread there is no ratio to be sure of."""
    with pytest.raises(ValueError, match="two a side"):
        log_ratio([1.0] * m, [1.0] * n)


NOISES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "heavy-tailed": lambda rng, n: rng.standard_t(3, n),
    "skewed": lambda rng, n: rng.exponential(size=n),
}


@pytest.mark.parametrize("noise", list(NOISES))
@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_covers(noise: str, n: int) -> None:
    """From 3 processes a side a 95 % interval holds the true ratio in at least 94 % of 1,000 trials."""
    rng = np.random.default_rng(n)
    draw = NOISES[noise]
    covered = 0
    for _ in range(1000):
        base, new = (np.exp(0.02 * draw(rng, n)) for _ in range(2))
        lo, hi = log_ratio(base, new).interval()
        covered += lo <= 1 <= hi
    assert covered >= 940


def test_the_interval_covers_where_variances_differ() -> None:
    """A side five times as noisy costs no more than a point and a half, at 3 and 10 processes."""
    rng = np.random.default_rng(9)
    for m, n in ((3, 3), (3, 10), (10, 3)):
        covered = 0
        for _ in range(1000):
            lo, hi = log_ratio(noisy(rng, m, 0.01), noisy(rng, n, 0.05)).interval()
            covered += lo <= 1 <= hi
        assert covered >= 925


def test_resampling_so_few_would_not_cover() -> None:
    """The percentile bootstrap of 3 processes a side, which others use, holds the true ratio in less than 85 %."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(500):
        base, new = rng.standard_normal((2, 3))
        drawn = [side[rng.integers(0, 3, (400, 3))].mean(axis=1) for side in (base, new)]
        lo, hi = np.quantile(drawn[1] - drawn[0], [0.025, 0.975])
        covered += lo <= 0 <= hi
    assert covered / 500 < 0.85


class TestHolm:
    def test_worked_example(self) -> None:
        """0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02, as R's p.adjust has them."""
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_none_and_one(self) -> None:
        """Nothing to correct, and nothing corrected."""
        assert ([], [0.2]) == (holm([]), holm([0.2]))

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.sampled_from([0.01, 0.02, 0.05]))
    def test_rejects_what_the_step_down_rejects(self, p_values: list[float], alpha: float) -> None:
        """An adjusted value is at or below alpha exactly where Holm's procedure, carried out step by step, rejects."""
        rejected: set[int] = set()
        for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
            if min(1.0, (len(p_values) - rank) * p_values[index]) > alpha:
                break
            rejected.add(index)
        assert rejected == {i for i, p in enumerate(holm(p_values)) if p <= alpha}


class TestProcessesToTell:
    def test_the_plan_has_the_power_it_promises(self) -> None:
        """With as many processes as planned for a 5 % change at 3 % noise, 75 to 88 % of trials tell it."""
        rng = np.random.default_rng(8)
        logs = 0.03 * np.array([-1.0, 0.0, 1.0])
        found = log_ratio(np.exp(logs), 1.05 * np.exp(logs))
        n = processes_to_tell(found, 0.03, 0.02, 0.05)
        assert n is not None
        told = sum(log_ratio(noisy(rng, n, 0.03), noisy(rng, n, 0.03, 1.05)).p_different() < 0.02 for _ in range(1000))
        assert 750 <= told <= 880

    def test_sameness_is_planned_too(self) -> None:
        """No change at 3 % noise, tolerance 3 %: at least 75 % of trials with the plan's count say the same."""
        rng = np.random.default_rng(7)
        logs = 0.03 * np.array([-1.0, 0.0, 1.0])
        n = processes_to_tell(log_ratio(np.exp(logs), 1.0 * np.exp(logs)), 0.03, 0.02, 0.05)
        assert n is not None
        same = sum(
            log_ratio(noisy(rng, 2 * n, 0.03), noisy(rng, 2 * n, 0.03)).p_equivalent(0.03) < 0.05 for _ in range(500)
        )
        assert same >= 375

    def test_more_noise_needs_more(self) -> None:
        """Three times the spread needs more processes."""
        calm = log_ratio([1.00, 1.01, 1.02], [1.05, 1.06, 1.07])
        wild = log_ratio([0.98, 1.01, 1.04], [1.03, 1.06, 1.09])
        counts = [processes_to_tell(found, 0.03, 0.02, 0.05) for found in (calm, wild)]
        assert counts[0] is not None
        assert counts[1] is not None
        assert counts[0] < counts[1]

    def test_hopeless(self) -> None:
        """An estimate at the tolerance itself is told by no number of processes."""
        found = log_ratio([0.9, 1.0, 1.1], [0.9 * 1.0299, 1.0299, 1.1 * 1.0299])
        assert processes_to_tell(found, 0.03, 0.02, 0.05) is None


def test_the_fewest_processes_that_may_tell() -> None:
    """FEW a side is the least number that falls apart by luck in less than what is allowed."""
    assert falls_apart_by_luck(FEW, FEW) < ALPHA_DIFFERENT <= falls_apart_by_luck(FEW - 1, FEW - 1)
