"""Intervals over several processes and shifts between two sets, compared with Student's t and with simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter
from series import SERIES, unhurried

from bench.stats import autocorrelation, intervals, percentiles
from bench.stats import processes as processes_
from bench.stats.over_time import drift


class TestBetweenProcessInterval:
    def test_one_repeat_is_the_within_process_interval(self) -> None:
        """With one process nothing is known of others: its own interval, by its effective size."""
        samples = np.random.default_rng(3).integers(900, 1100, 500)
        ess = autocorrelation.effective_sample_size(samples, 50)
        expected = intervals.order_statistic_interval(samples, 50, ess=ess)
        assert expected == processes_.between_process_interval([samples])

    def test_agrees_with_students_t(self) -> None:
        """Where processes differ far more than queries, the interval is Student's t of the logarithms of medians."""
        medians = [1000, 1100, 1300, 1250]
        lo, hi = stats.t.interval(0.95, 3, np.log(medians).mean(), stats.sem(np.log(medians)))
        found = processes_.between_process_interval([np.full(50, m) for m in medians])
        assert (math.floor(math.exp(lo)), math.ceil(math.exp(hi))) == found

    @pytest.mark.parametrize("processes", [2, 3, 5, 10])
    def test_covers_what_a_new_process_population_would_give(self, processes: int) -> None:
        """The 95 % interval holds the true centre in at least 93 % of 400 trials of processes that differ by 5 %."""
        rng = np.random.default_rng(20 + processes)
        covered = 0
        for _ in range(400):
            shifts = rng.normal(0, 0.05, processes)
            repeats = [np.round(1e6 * np.exp(s + rng.normal(0, 0.02, 60))).astype(np.int64) for s in shifts]
            lo, hi = processes_.between_process_interval(repeats)
            covered += lo <= 1e6 <= hi
        assert covered >= 0.93 * 400

    @pytest.mark.parametrize("p", [90, 95, 99])
    @pytest.mark.parametrize("dependence", [0.0, 0.9])
    def test_covers_the_tail_of_a_typical_process(self, p: float, dependence: float) -> None:
        """Of five processes that differ by 5 %, whose queries depend on those before: at least 93 % of 300 trials."""
        rng = np.random.default_rng(int(p + 10 * dependence))
        true_ns = 1e6 * math.exp(0.02 * stats.norm.ppf(p / 100))
        covered = 0
        for _ in range(300):
            noise = rng.standard_normal((5, 1_200))
            series = lfilter([1], [1, -dependence], noise)[:, 200:] * math.sqrt(1 - dependence**2)
            shifts = rng.normal(0, 0.05, (5, 1))
            found = processes_.between_process_interval(
                list(np.round(1e6 * np.exp(shifts + 0.02 * series)).astype(np.int64)), p
            )
            covered += found is not None and found[0] <= true_ns <= found[1]
        assert covered >= 0.93 * 300

    def test_pooling_alone_would_not_cover(self) -> None:
        """The same processes pooled as if they were one hold the true centre in fewer than half of the trials."""
        rng = np.random.default_rng(25)
        covered = 0
        for _ in range(200):
            shifts = np.repeat(rng.normal(0, 0.05, 5), 60)
            pooled = np.round(1e6 * np.exp(shifts + rng.normal(0, 0.02, 300))).astype(np.int64)
            lo, hi = intervals.order_statistic_interval(pooled, 50)
            covered += lo <= 1e6 <= hi
        assert covered < 100

    @unhurried
    @given(st.lists(SERIES, min_size=1, max_size=6))
    def test_holds_the_pooled_percentile(self, repeats: list[np.ndarray]) -> None:
        """The figure that is reported lies inside its own interval, and so does that of all queries together."""
        interval = processes_.between_process_interval(repeats)
        if interval is not None:
            typical = processes_.process_percentile(repeats, 50)
            assert typical is None or interval[0] <= typical <= interval[1]
            assert interval[0] <= percentiles.percentile(np.concatenate(repeats), 50) <= interval[1]

    def test_repeats_that_agree_by_luck(self) -> None:
        """Equal medians of noisy processes do not shrink the interval to a point."""
        noisy = np.array([500, 800, 1000, 1000, 1200, 1500] * 10)
        lo, hi = processes_.between_process_interval([noisy, noisy, noisy])
        assert lo < 1000 or hi > 1000

    @pytest.mark.parametrize("repeats", [[], [np.empty(0, np.int64)], [np.arange(1, 4)]])
    def test_too_few_samples(self, repeats: list[np.ndarray]) -> None:
        """Nothing, or three queries, give no interval."""
        assert processes_.between_process_interval(repeats) is None


class TestHodgesLehmann:
    def test_recovers_a_shift(self) -> None:
        """Adding a constant shifts by exactly that."""
        base = np.array([1.0, 2, 4, 8, 16, 32])
        estimate, lo, hi = drift.hodges_lehmann_shift(base, base + 5)
        assert estimate == 5
        assert lo <= 5 <= hi

    def test_covers_the_true_shift(self) -> None:
        """The 95 % interval holds the true shift of two heavy-tailed sets in at least 93 % of 500 trials."""
        rng = np.random.default_rng(8)
        covered = 0
        for _ in range(500):
            _, lo, hi = drift.hodges_lehmann_shift(rng.standard_cauchy(10), 2 + rng.standard_cauchy(10))
            covered += lo <= 2 <= hi
        assert covered >= 465

    def test_too_short(self) -> None:
        """Two sets of three cannot tell anything at 95 %."""
        assert drift.hodges_lehmann_shift(np.arange(3.0), np.arange(3.0)) is None
