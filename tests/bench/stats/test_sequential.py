"""Several looks at growing pairs: what each may use, and how often the answers are wrong, by simulation."""

import math

import numpy as np
import pytest
from scipy import stats
from simulated_pairs import (
    ALPHA_LEADING,
    FIXED,
    MOST,
    Answer,
    Noise,
    fraction,
    normal,
    pairs_of,
    simulated,
    two_speeds,
    unequal,
    until_decided,
)

from bench.comparison.comparison import ALPHA_DIFFERENT, ALPHA_SAME, TOLERANCE
from bench.stats.ratio import at_look, paired_log_ratio, processes_to_tell
from bench.stats.sequential import FIRST_DIFFERENT, FIRST_SAME, look_at, looks, spent


class TestFractions:
    def test_the_schedule(self) -> None:
        """The looks come when the pairs have grown by a third; the maximum is the last one."""
        assert (4, 5, 7, 9, 12, 16, 21, 28, 30) == looks(30)
        assert (4, 5, 6) == looks(6)
        assert (3,) == looks(3)

    @pytest.mark.parametrize(
        ("pairs", "different", "same"), [(4, 0.25, 0.25), (5, 0.1875, 0.25), (9, 81 / 768, 9 / 64)]
    )
    def test_each_gets_a_quarter_of_the_rest(self, pairs: int, different: float, same: float) -> None:
        """Of what the looks before left. Equivalence is first looked at with five pairs."""
        look = look_at(pairs)
        assert (different, same) == pytest.approx((look.different, look.same))

    def test_a_look_between_two_is_the_later_one(self) -> None:
        """Where the time ends after 6 pairs, the look at 7 is taken early."""
        assert (look_at(6).different, look_at(6).same) == (look_at(7).different, look_at(7).same)

    @pytest.mark.parametrize("most", [5, 30, 1000])
    def test_never_more_than_the_whole_is_spent(self, most: int) -> None:
        """The fractions of all looks add up to less than 1, and to what is stated as spent."""
        different, same = spent(looks(most))
        assert different == pytest.approx(1 - 0.75 ** len(looks(most)))
        assert same == pytest.approx(1 - 0.75 ** (len(looks(most)) - 1))
        assert max(different, same) < 1

    def test_the_first_look_is_the_first_that_chance_allows(self) -> None:
        """Fewer pairs, all alike because their processes met one of two speeds, would be called too often."""
        first, before = look_at(FIRST_DIFFERENT), look_at(FIRST_DIFFERENT - 1)
        assert first.luck_different < ALPHA_DIFFERENT <= before.luck_different
        first, before = look_at(FIRST_SAME), look_at(FIRST_SAME - 1)
        assert first.luck_same < ALPHA_SAME <= before.luck_same


class TestContrast:
    LOGS = (0.09, 0.1, 0.11, 0.1, 0.095)

    def test_p_values_are_those_of_t_over_the_fraction(self) -> None:
        """SciPy's paired t test; each p-value divided by what its look may use."""
        found, look = at_look(paired_log_ratio(self.LOGS), 5), look_at(5)
        alone = stats.ttest_1samp(self.LOGS, 0)
        assert found.p_different() == pytest.approx(alone.pvalue / look.different)
        same = stats.ttest_1samp(self.LOGS, math.log(1.2), alternative="less")
        assert found.p_equivalent(0.2) == pytest.approx(max(same.pvalue / look.same, look.luck_same))

    def test_the_interval_is_wider_by_the_fraction(self) -> None:
        """The repeated confidence interval: 5 % times the fraction of the look is left outside."""
        found = at_look(paired_log_ratio(self.LOGS), 5)
        alone = stats.ttest_1samp(self.LOGS, 0).confidence_interval(1 - 0.05 * look_at(5).different)
        assert found.bounds(0.95) == pytest.approx((alone.low, alone.high))

    def test_pairs_alike_are_not_sure(self) -> None:
        """Without any spread the p-value is what chance allows, and not 0."""
        found = at_look(paired_log_ratio([0.0] * 4), 4)
        assert (2 / 4**4, 1 / 2**4) == (found.by_luck, found.p_equivalent(0.03))

    def test_planning_knows_the_fraction(self) -> None:
        """To be told at a look takes more pairs than by one test."""
        found = paired_log_ratio([0.0, 0.03, -0.03, 0.02, 0.04])
        alone, among_looks = (processes_to_tell(one, 0.03, 0.02, 0.05) for one in (found, at_look(found, 5)))
        assert alone is not None
        assert among_looks is not None
        assert among_looks > alone


NOISES = [
    pytest.param(normal(0.01), id="normal 1 %"),
    pytest.param(normal(0.05), id="normal 5 %"),
    pytest.param(normal(0.3), id="normal 30 %"),
    pytest.param(unequal(0.005), id="unequal 0.5 %"),
    pytest.param(unequal(0.03), id="unequal 3 %"),
    pytest.param(two_speeds(0.05), id="two speeds 5 %"),
    pytest.param(two_speeds(0.16), id="two speeds 16 %"),
    pytest.param(two_speeds(0.49), id="two speeds 49 %"),
    pytest.param(two_speeds(0.49, 0.2), id="one in five slow"),
]


@pytest.mark.long
@pytest.mark.parametrize("noise", NOISES)
def test_nothing_is_called_different_that_is_not(noise: Noise) -> None:
    """Of 2,000 comparisons of a system with itself, at most the leading metric's 1 % stop as different: the rate plus
    three standard errors."""
    times = 2000
    wrong = fraction(simulated(noise, 1.0, times), "different")
    assert wrong <= ALPHA_LEADING + 3 * math.sqrt(ALPHA_LEADING / times)


@pytest.mark.long
@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(normal(0.005), id="normal 0.5 %"),
        pytest.param(normal(0.02), id="normal 2 %"),
        pytest.param(unequal(0.01), id="unequal 1 %"),
        pytest.param(two_speeds(0.06, both=False), id="new side of two speeds"),
    ],
)
@pytest.mark.parametrize("ratio", [1 + TOLERANCE, 1 / (1 + TOLERANCE)])
def test_what_differs_by_the_tolerance_is_seldom_called_the_same(noise: Noise, ratio: float) -> None:
    """Of 1,000 comparisons at the tolerance's edge at most 5 % stop as the same (plus three standard errors)."""
    times = 1000
    wrong = fraction(simulated(noise, ratio, times), "same")
    assert wrong <= ALPHA_SAME + 3 * math.sqrt(ALPHA_SAME / times)


@pytest.mark.long
@pytest.mark.parametrize("sd", [0.01, 0.03])
def test_the_interval_covers_where_it_stopped(sd: float) -> None:
    """95 % intervals of 1,000 comparisons, taken at the pairs that ended each, hold the truth in 95 % or more."""
    rng, covered = np.random.default_rng(2), 0
    for _ in range(1000):
        logs = rng.normal(math.log(1.04), sd, MOST)
        ended = until_decided(logs)
        low, high = at_look(paired_log_ratio(logs[: ended.pairs]), ended.pairs).interval()
        covered += low <= 1.04 <= high
    assert covered >= 950 - 3 * math.sqrt(1000 * 0.05)


@pytest.mark.long
@pytest.mark.parametrize(
    ("sd", "ratio", "answer", "at_most"),
    [
        (0.01, 1.10, "different", 4.5),
        (0.01, 1.05, "different", 6.0),
        (0.01, 1.00, "same", 6.0),
        (0.02, 1.10, "different", 6.0),
        (0.02, 1.05, "different", 10.0),
        (0.02, 1.00, "same", FIXED),
    ],
)
def test_how_many_pairs_it_takes(sd: float, ratio: float, answer: Answer, at_most: float) -> None:
    """The mean number of pairs of 500 comparisons, of which 99 % find the truth; the fixed plan takes ten."""
    found = simulated(normal(sd), ratio, 500)
    assert fraction(found, answer) >= 0.99
    assert pairs_of(found) <= at_most
