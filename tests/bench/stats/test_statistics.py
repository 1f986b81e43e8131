"""Percentiles, least counts and intervals of one process, compared with SciPy, published figures and simulation."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from series import SERIES, autoregressive, unhurried

from bench.stats import autocorrelation, intervals, percentiles, processes


class TestPercentile:
    def test_rank_is_floor_of_n_p(self) -> None:
        """Of 100 samples the p99 is the largest and the p50 the 51st, as LoadGen indexes them."""
        samples = np.arange(1, 101)[::-1]
        assert [percentiles.percentile(samples, p) for p in (50, 90, 95, 99)] == [51, 91, 96, 100]

    def test_share_is_exact(self) -> None:
        """1,000 × 99.9 % is rank 999 although no binary float holds 99.9."""
        assert percentiles.percentile(np.arange(1000), 99.9) == 999
        assert percentiles.percentile(np.arange(2000), 99.9) == 1998

    @unhurried
    @given(SERIES, st.sampled_from([1, 50, 90, 99, 99.9]))
    def test_is_always_a_sample(self, samples: np.ndarray, p: float) -> None:
        """The result is one of the samples, and the share of samples below it is at most p."""
        found = percentiles.percentile(samples, p)
        assert found in samples
        assert (samples < found).mean() <= p / 100

    @unhurried
    @given(SERIES)
    def test_rises_with_p(self, samples: np.ndarray) -> None:
        """A higher percentile is never smaller."""
        found = [percentiles.percentile(samples, p) for p in (10, 50, 90, 99)]
        assert sorted(found) == found

    def test_without_samples(self) -> None:
        """There is no percentile of nothing."""
        with pytest.raises(ValueError, match="no samples"):
            percentiles.percentile(np.empty(0, np.int64), 50)

    @pytest.mark.parametrize("p", [0, 100, -1, 101])
    def test_outside_its_range(self, p: float) -> None:
        """0 and 100 are not percentiles."""
        with pytest.raises(ValueError, match="between 0 and 100"):
            percentiles.percentile(np.arange(5), p)


class TestEarlyStopping:
    def test_table_is_computed(self) -> None:
        """The stated minimum counts are those that the bound yields at 99 % confidence."""
        computed = {p: percentiles.early_stopping_min_samples(p) for p in processes.MIN_SAMPLES}
        assert computed == processes.MIN_SAMPLES

    @pytest.mark.parametrize("p", [50, 75, 90, 97, 99])
    @pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
    def test_least_count_agrees_with_scipy(self, p: float, confidence: float) -> None:
        """At the least count one sample above is improbable; with one query less it is not."""
        n = percentiles.early_stopping_min_samples(p, confidence)
        assert stats.binom.cdf(1, n, 1 - p / 100) < 1 - confidence
        assert stats.binom.cdf(1, n - 1, 1 - p / 100) >= 1 - confidence

    @pytest.mark.parametrize("p", [50, 90, 95, 99])
    def test_estimate_starts_at_least_count(self, p: float) -> None:
        """Below the least count there is no estimate; at it, the estimate is the largest sample."""
        n = processes.MIN_SAMPLES[p]
        assert percentiles.early_stopping_estimate(np.arange(n - 1), p) is None
        assert n - 1 == percentiles.early_stopping_estimate(np.arange(n), p)

    @pytest.mark.parametrize(("p", "n"), [(50, 37), (90, 64), (90, 1000), (99, 662), (99, 2000)])
    def test_estimate_follows_loadgen_search(self, p: float, n: int) -> None:
        """The estimate drops as many largest samples as LoadGen's own search over t would."""

        t, least_queries = 0, 0
        while least_queries <= n:
            t += 1
            while stats.binom.cdf(t, least_queries, 1 - p / 100) >= 0.01:
                least_queries += 1
        assert n - (t - 1) == percentiles.early_stopping_estimate(np.arange(n), p)

    def test_estimate_is_conservative(self) -> None:
        """In at most 1 % of seeded trials (with room for chance: 2 %) the estimate lies below the true percentile."""
        rng = np.random.default_rng(1)
        below = sum(percentiles.early_stopping_estimate(rng.integers(0, 10**6, 200), 90) < 900_000 for _ in range(1000))
        assert below <= 20

    def test_without_samples(self) -> None:
        """No samples, no estimate."""
        assert percentiles.early_stopping_estimate(np.empty(0, np.int64), 50) is None


class TestEffectiveSampleSize:
    @pytest.mark.parametrize("phi", [0.0, 0.3, 0.5, 0.8, 0.9, 0.97])
    def test_first_order_autoregression(self, phi: float) -> None:
        """Of AR(1) noise the effective size is within 20 % of n (1 − φ)/(1 + φ)."""
        noise = autoregressive(np.random.default_rng(5), 100_000, phi)
        expected = 100_000 * (1 - phi) / (1 + phi)
        assert autocorrelation.effective_sample_size(noise) == pytest.approx(expected, rel=0.2)

    def test_is_at_most_the_number_of_samples(self) -> None:
        """Alternating samples claim no more than there are."""
        assert autocorrelation.effective_sample_size(np.tile([1, 2], 500)) == 1000

    def test_constant_samples_are_all_counted(self) -> None:
        """Samples that never differ are not correlated."""
        assert autocorrelation.effective_sample_size(np.full(50, 7)) == 50

    def test_two_plateaus_are_few_samples(self) -> None:
        """A series that steps once halfway is worth a handful of samples, not a thousand."""
        assert autocorrelation.effective_sample_size(np.repeat([1, 2], 500)) < 10

    def test_outliers_do_not_hide_correlation(self) -> None:
        """One sample in a hundred a thousand times as large leaves the effective size within a third."""
        rng = np.random.default_rng(6)
        calm = np.exp(0.1 * autoregressive(rng, 20_000, 0.9))
        wild = np.where(rng.random(20_000) < 0.01, 1000 * calm, calm)
        expected = autocorrelation.effective_sample_size(calm)
        assert autocorrelation.effective_sample_size(wild) == pytest.approx(expected, rel=0.33)

    @unhurried
    @given(SERIES, st.sampled_from([None, 50, 99]))
    def test_is_between_one_and_n(self, samples: np.ndarray, p: float | None) -> None:
        """Whatever the series, the effective size is from 1 to n."""
        assert 1 <= autocorrelation.effective_sample_size(samples, p) <= len(samples)


class TestOrderStatisticInterval:
    @pytest.mark.parametrize("p", [50, 90, 99])
    @pytest.mark.parametrize("n", [400, 1000, 2001])
    def test_ranks_agree_with_scipy(self, p: float, n: int) -> None:
        """The bounds are the samples at SciPy's binomial quantiles."""
        lower, upper = stats.binom.ppf([0.025, 0.975], n, p / 100).astype(int)
        assert (lower - 1, upper) == intervals.order_statistic_interval(np.arange(n), p)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(1, 5000), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
    def test_binomial_quantile_agrees_with_scipy(self, n: int, p: float, q: float) -> None:
        """The quantile written out is SciPy's, but for a probability within rounding of the boundary."""
        found = percentiles.binomial_quantile(q, n, p)
        expected = int(stats.binom.ppf(q, n, p))
        assert expected == found or math.isclose(stats.binom.cdf(min(found, expected), n, p), q, rel_tol=1e-9)

    @pytest.mark.parametrize("p", [50, 90])
    def test_covers_the_true_percentile(self, p: float) -> None:
        """A 95 % interval of 100 independent samples holds the true percentile in 93 % to 98 % of 1,000 trials."""
        rng = np.random.default_rng(11)
        true = 1e6 * math.exp(0.5 * stats.norm.ppf(p / 100))
        covered = 0
        for _ in range(1000):
            lo, hi = intervals.order_statistic_interval((1e6 * rng.lognormal(0, 0.5, 100)).astype(np.int64), p)
            covered += lo <= true <= hi
        assert 930 <= covered <= 980

    def test_covers_the_median_of_correlated_samples(self) -> None:
        """With the effective size the interval of AR(1) noise covers in at least 90 %; without it in far fewer."""
        rng = np.random.default_rng(12)
        corrected = plain = 0
        for _ in range(500):
            noise = autoregressive(rng, 500, 0.8)
            samples = np.round(1e6 * np.exp(0.1 * noise)).astype(np.int64)
            ess = autocorrelation.effective_sample_size(samples, 50)
            lo, hi = intervals.order_statistic_interval(samples, 50, ess=ess)
            corrected += lo <= 1e6 <= hi
            lo, hi = intervals.order_statistic_interval(samples, 50)
            plain += lo <= 1e6 <= hi
        assert corrected >= 450
        assert plain < 350

    @pytest.mark.parametrize(("p", "least"), [(50, 6), (90, 36), (99, 368)])
    def test_too_few_samples(self, p: float, least: int) -> None:
        """Below the least count no two samples bound the percentile, and none are offered."""
        assert intervals.order_statistic_interval(np.arange(least - 1), p) is None
        assert intervals.order_statistic_interval(np.arange(least), p) is not None

    def test_without_samples(self) -> None:
        """No samples, no interval."""
        assert intervals.order_statistic_interval(np.empty(0, np.int64), 50) is None

    @unhurried
    @given(SERIES, st.sampled_from([50, 90]), st.floats(1, 300))
    def test_holds_the_percentile(self, samples: np.ndarray, p: float, ess: float) -> None:
        """The interval holds the percentile it is of, at any effective size."""
        interval = intervals.order_statistic_interval(samples, p, ess=ess)
        if interval is not None:
            assert interval[0] <= percentiles.percentile(samples, p) <= interval[1]

    def test_fewer_effective_samples_widen(self) -> None:
        """A tenth of the information gives a wider interval."""
        narrow = intervals.order_statistic_interval(np.arange(1000), 50)
        wide = intervals.order_statistic_interval(np.arange(1000), 50, ess=100)
        assert wide[0] < narrow[0] < narrow[1] < wide[1]


class TestMedianError:
    def test_by_hand(self) -> None:
        """Of 12 values the 3rd and the 10th: both lie on one side of the median in 79 + 79 of 4,096 cases."""
        values = np.array([12, 1, 11, 2, 10, 3, 9, 4, 8, 5, 7, 6.0])
        z = -NormalDist().inv_cdf((1 + 12 + 66) / 4096)
        assert pytest.approx((10 - 3) / (2 * z)) == intervals.median_error(values)

    def test_too_few_values(self) -> None:
        assert intervals.median_error(np.arange(5.0)) is None
        assert intervals.median_error(np.arange(6.0)) is not None

    @pytest.mark.parametrize("n", [6, 8, 12, 20, 100])
    @pytest.mark.parametrize("heavy", [False, True])
    def test_is_the_spread_of_medians(self, n: int, heavy: bool) -> None:
        """Of 4,000 medians of normal values, and of values of which a seventh is eight times as far: at most a tenth
        too small and, from 12 values, at most half too large."""
        rng = np.random.default_rng(5)
        values = rng.normal(size=(4000, n))
        values[rng.random(values.shape) < (1 / 7 if heavy else 0)] *= 8
        stated = np.sqrt(np.mean([intervals.median_error(one) ** 2 for one in values]))
        true = np.median(values, axis=1).std()
        assert 0.9 * true < stated
        assert stated < (1.5 if n >= 12 else 4) * true
