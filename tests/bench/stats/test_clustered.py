"""The interval of a fraction whose samples belong to processes, and the difference of two sets of fractions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.stats.proportions import clustered_interval, wilson
from bench.stats.ratio import mean_difference, paired_difference, processes_to_tell


def test_one_process_is_wilsons() -> None:
    """Of as many samples as are independent."""
    assert wilson(5, 100) == pytest.approx(clustered_interval([5], [100], [100.0]))
    assert wilson(5, 100) == pytest.approx(clustered_interval([25], [500], [100.0]))


def test_by_hand() -> None:
    """Three processes of 100 with 0, 10 and 20 late: variance 3/2 · 200/300² = 1/300, so 27 are worth as many."""
    n, z, p = 0.1 * 0.9 * 300, stats.t.ppf(0.975, 2), 0.1
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    expected = max(0.0, middle - reach), middle + reach
    assert expected == pytest.approx(clustered_interval([0, 10, 20], [100] * 3, [100.0] * 3))


def test_processes_that_agree_by_luck_do_not_narrow_it() -> None:
    """Their samples are no more than there are."""
    alike = clustered_interval([10] * 3, [100] * 3, [100.0] * 3)
    low, high = wilson(30, 300)
    assert alike[0] < low
    assert high < alike[1]


def test_none_and_all_are_bounded_on_one_side() -> None:
    """Exactly 0 and exactly 1."""
    assert 0.0 == clustered_interval([0, 0], [50, 50], [50.0] * 2)[0]
    assert 1.0 == clustered_interval([50, 50], [50, 50], [50.0] * 2)[1]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=6))
def test_it_is_within_0_and_1_and_holds_the_fraction(parts: list[tuple[int, int]]) -> None:
    """Whatever the processes gave."""
    counts, sizes = [min(pair) for pair in parts], [pair[1] for pair in parts]
    low, high = clustered_interval(counts, sizes, [float(size) for size in sizes])
    assert 0 <= low <= sum(counts) / sum(sizes) <= high <= 1


@pytest.mark.parametrize(("counts", "sizes"), [([], []), ([3], [2]), ([-1], [2]), ([0], [0])])
def test_what_is_no_fraction_is_refused(counts: list[int], sizes: list[int]) -> None:
    """No samples, and counts that cannot be."""
    with pytest.raises(ValueError, match="no fraction"):
        clustered_interval(counts, sizes, [1.0] * len(sizes))


def test_it_covers_the_fraction_of_processes_that_differ() -> None:
    """Of 1,000 made runs of five processes whose fractions differ, 90 % and more hold the true one; Wilson's interval
    of all samples in one pool holds far fewer."""
    rng = np.random.default_rng(5)
    true, size = 0.1, 500
    held = plain = 0
    for _ in range(1000):
        counts = rng.binomial(size, rng.beta(5, 45, 5))
        low, high = clustered_interval([int(c) for c in counts], [size] * 5, [float(size)] * 5)
        held += low <= true <= high
        low, high = wilson(int(counts.sum()), 5 * size)
        plain += low <= true <= high
    assert held >= 900
    assert plain < 600


def test_the_difference_of_means_is_welchs() -> None:
    """Test and interval, of fractions that may be 0."""
    base, new = [0.0, 0.0, 0.01, 0.0, 0.02], [0.05, 0.03, 0.08, 0.02, 0.06]
    found, known = mean_difference(base, new), stats.ttest_ind(new, base, equal_var=False)
    assert known.pvalue == pytest.approx(found.p_different())
    low, high = known.confidence_interval(0.95)
    assert (low, high) == pytest.approx(found.bounds(0.95))
    assert 0.042 == pytest.approx(found.difference)
    assert mean_difference([0.0] * 5, [0.0] * 5).p_equivalent(0.03) == 0
    assert mean_difference([0.0] * 5, [0.0] * 5).p_different() == 1


def test_the_difference_of_pairs_is_students() -> None:
    """One difference a pair."""
    differences = [0.01, 0.02, 0.0, 0.03]
    assert stats.ttest_1samp(differences, 0).pvalue == pytest.approx(paired_difference(differences).p_different())


def test_processes_to_tell_a_difference() -> None:
    """A number that is more for a smaller difference."""
    large, small = ([0.0, 0.01, 0.02], [0.1, 0.11, 0.12]), ([0.0, 0.01, 0.02], [0.05, 0.06, 0.07])
    counts = [processes_to_tell(mean_difference(*one), 0.03, 0.02, 0.05) for one in (large, small)]
    assert None not in counts
    assert counts[0] <= counts[1]
