"""Percentiles, intervals and drift, held against SciPy, against published figures and against simulation."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from bench import chart_series, statistics

SERIES = st.lists(st.integers(1, 10**9), min_size=1, max_size=200).map(lambda xs: np.array(xs, np.int64))


unhurried = settings(deadline=None)


def autoregressive(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    """Stationary AR(1) noise of unit innovations, its first 300 values dropped."""
    return lfilter([1], [1, -phi], rng.standard_normal(n + 300))[300:]


class TestPercentile:
    def test_rank_is_floor_of_n_p(self) -> None:
        """Of 100 samples the p99 is the largest and the p50 the 51st, as LoadGen indexes them."""
        samples = np.arange(1, 101)[::-1]
        assert [statistics.percentile(samples, p) for p in (50, 90, 95, 99)] == [51, 91, 96, 100]

    def test_share_is_exact(self) -> None:
        """1,000 × 99.9 % is rank 999 although no binary float holds 99.9."""
        assert statistics.percentile(np.arange(1000), 99.9) == 999
        assert statistics.percentile(np.arange(2000), 99.9) == 1998

    @unhurried
    @given(SERIES, st.sampled_from([1, 50, 90, 99, 99.9]))
    def test_is_always_a_sample(self, samples: np.ndarray, p: float) -> None:
        """The result is one of the samples, and the share of samples below it is at most p."""
        found = statistics.percentile(samples, p)
        assert found in samples
        assert (samples < found).mean() <= p / 100

    @unhurried
    @given(SERIES)
    def test_rises_with_p(self, samples: np.ndarray) -> None:
        """A higher percentile is never smaller."""
        found = [statistics.percentile(samples, p) for p in (10, 50, 90, 99)]
        assert sorted(found) == found

    def test_without_samples(self) -> None:
        """There is no percentile of nothing."""
        with pytest.raises(ValueError, match="no samples"):
            statistics.percentile(np.empty(0, np.int64), 50)

    @pytest.mark.parametrize("p", [0, 100, -1, 101])
    def test_outside_its_range(self, p: float) -> None:
        """0 and 100 are not percentiles."""
        with pytest.raises(ValueError, match="between 0 and 100"):
            statistics.percentile(np.arange(5), p)


class TestEarlyStopping:
    def test_table_is_computed(self) -> None:
        """The stated minimum counts are those that the bound yields at 99 % confidence."""
        computed = {p: statistics.early_stopping_min_samples(p) for p in statistics.MIN_SAMPLES}
        assert computed == statistics.MIN_SAMPLES

    @pytest.mark.parametrize("p", [50, 75, 90, 97, 99])
    @pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
    def test_least_count_agrees_with_scipy(self, p: float, confidence: float) -> None:
        """At the least count one sample above is improbable; with one query less it is not."""
        n = statistics.early_stopping_min_samples(p, confidence)
        assert stats.binom.cdf(1, n, 1 - p / 100) < 1 - confidence
        assert stats.binom.cdf(1, n - 1, 1 - p / 100) >= 1 - confidence

    @pytest.mark.parametrize("p", [50, 90, 95, 99])
    def test_estimate_starts_at_least_count(self, p: float) -> None:
        """Below the least count there is no estimate; at it, the estimate is the largest sample."""
        n = statistics.MIN_SAMPLES[p]
        assert statistics.early_stopping_estimate(np.arange(n - 1), p) is None
        assert n - 1 == statistics.early_stopping_estimate(np.arange(n), p)

    @pytest.mark.parametrize(("p", "n"), [(50, 37), (90, 64), (90, 1000), (99, 662), (99, 2000)])
    def test_estimate_follows_loadgen_search(self, p: float, n: int) -> None:
        """The estimate drops as many largest samples as LoadGen's own search over t would."""

        t, least_queries = 0, 0
        while least_queries <= n:
            t += 1
            while stats.binom.cdf(t, least_queries, 1 - p / 100) >= 0.01:
                least_queries += 1
        assert n - (t - 1) == statistics.early_stopping_estimate(np.arange(n), p)

    def test_estimate_is_conservative(self) -> None:
        """In at most 1 % of seeded trials (with room for chance: 2 %) the estimate lies below the true percentile."""
        rng = np.random.default_rng(1)
        below = sum(statistics.early_stopping_estimate(rng.integers(0, 10**6, 200), 90) < 900_000 for _ in range(1000))
        assert below <= 20

    def test_without_samples(self) -> None:
        """No samples, no estimate."""
        assert statistics.early_stopping_estimate(np.empty(0, np.int64), 50) is None


class TestEffectiveSampleSize:
    @pytest.mark.parametrize("phi", [0.0, 0.3, 0.5, 0.8, 0.9, 0.97])
    def test_first_order_autoregression(self, phi: float) -> None:
        """Of AR(1) noise the effective size is within 20 % of n (1 − φ)/(1 + φ)."""
        noise = autoregressive(np.random.default_rng(5), 100_000, phi)
        expected = 100_000 * (1 - phi) / (1 + phi)
        assert statistics.effective_sample_size(noise) == pytest.approx(expected, rel=0.2)

    def test_is_at_most_the_number_of_samples(self) -> None:
        """Alternating samples claim no more than there are."""
        assert statistics.effective_sample_size(np.tile([1, 2], 500)) == 1000

    def test_constant_samples_are_all_counted(self) -> None:
        """Samples that never differ are not correlated."""
        assert statistics.effective_sample_size(np.full(50, 7)) == 50

    def test_two_plateaus_are_few_samples(self) -> None:
        """A series that steps once halfway is worth a handful of samples, not a thousand."""
        assert statistics.effective_sample_size(np.repeat([1, 2], 500)) < 10

    def test_outliers_do_not_hide_correlation(self) -> None:
        """One sample in a hundred a thousand times as large leaves the effective size within a third."""
        rng = np.random.default_rng(6)
        calm = np.exp(0.1 * autoregressive(rng, 20_000, 0.9))
        wild = np.where(rng.random(20_000) < 0.01, 1000 * calm, calm)
        expected = statistics.effective_sample_size(calm)
        assert statistics.effective_sample_size(wild) == pytest.approx(expected, rel=0.33)

    @unhurried
    @given(SERIES, st.sampled_from([None, 50, 99]))
    def test_is_between_one_and_n(self, samples: np.ndarray, p: float | None) -> None:
        """Whatever the series, the effective size is from 1 to n."""
        assert 1 <= statistics.effective_sample_size(samples, p) <= len(samples)


class TestOrderStatisticInterval:
    @pytest.mark.parametrize("p", [50, 90, 99])
    @pytest.mark.parametrize("n", [400, 1000, 2001])
    def test_ranks_agree_with_scipy(self, p: float, n: int) -> None:
        """The bounds are the samples at SciPy's binomial quantiles."""
        lower, upper = stats.binom.ppf([0.025, 0.975], n, p / 100).astype(int)
        assert (lower - 1, upper) == statistics.order_statistic_interval(np.arange(n), p)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(1, 5000), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
    def test_binomial_quantile_agrees_with_scipy(self, n: int, p: float, q: float) -> None:
        """The quantile written out is SciPy's, but for a probability within rounding of the boundary."""
        found = statistics._binomial_quantile(q, n, p)
        expected = int(stats.binom.ppf(q, n, p))
        assert expected == found or math.isclose(stats.binom.cdf(min(found, expected), n, p), q, rel_tol=1e-9)

    @pytest.mark.parametrize("p", [50, 90])
    def test_covers_the_true_percentile(self, p: float) -> None:
        """A 95 % interval of 100 independent samples holds the true percentile in 93 % to 98 % of 1,000 trials."""
        rng = np.random.default_rng(11)
        true = 1e6 * math.exp(0.5 * stats.norm.ppf(p / 100))
        covered = 0
        for _ in range(1000):
            lo, hi = statistics.order_statistic_interval((1e6 * rng.lognormal(0, 0.5, 100)).astype(np.int64), p)
            covered += lo <= true <= hi
        assert 930 <= covered <= 980

    def test_covers_the_median_of_correlated_samples(self) -> None:
        """With the effective size the interval of AR(1) noise covers in at least 90 %; without it in far fewer."""
        rng = np.random.default_rng(12)
        corrected = plain = 0
        for _ in range(500):
            noise = autoregressive(rng, 500, 0.8)
            samples = np.round(1e6 * np.exp(0.1 * noise)).astype(np.int64)
            ess = statistics.effective_sample_size(samples, 50)
            lo, hi = statistics.order_statistic_interval(samples, 50, ess=ess)
            corrected += lo <= 1e6 <= hi
            lo, hi = statistics.order_statistic_interval(samples, 50)
            plain += lo <= 1e6 <= hi
        assert corrected >= 450
        assert plain < 350

    @pytest.mark.parametrize(("p", "least"), [(50, 6), (90, 36), (99, 368)])
    def test_too_few_samples(self, p: float, least: int) -> None:
        """Below the least count no two samples bound the percentile, and none are offered."""
        assert statistics.order_statistic_interval(np.arange(least - 1), p) is None
        assert statistics.order_statistic_interval(np.arange(least), p) is not None

    def test_without_samples(self) -> None:
        """No samples, no interval."""
        assert statistics.order_statistic_interval(np.empty(0, np.int64), 50) is None

    @unhurried
    @given(SERIES, st.sampled_from([50, 90]), st.floats(1, 300))
    def test_holds_the_percentile(self, samples: np.ndarray, p: float, ess: float) -> None:
        """The interval holds the percentile it is of, at any effective size."""
        interval = statistics.order_statistic_interval(samples, p, ess=ess)
        if interval is not None:
            assert interval[0] <= statistics.percentile(samples, p) <= interval[1]

    def test_fewer_effective_samples_widen(self) -> None:
        """A tenth of the information gives a wider interval."""
        narrow = statistics.order_statistic_interval(np.arange(1000), 50)
        wide = statistics.order_statistic_interval(np.arange(1000), 50, ess=100)
        assert wide[0] < narrow[0] < narrow[1] < wide[1]


class TestBetweenProcessInterval:
    def test_one_repeat_is_the_within_process_interval(self) -> None:
        """With one process nothing is known of others: its own interval, by its effective size."""
        samples = np.random.default_rng(3).integers(900, 1100, 500)
        ess = statistics.effective_sample_size(samples, 50)
        expected = statistics.order_statistic_interval(samples, 50, ess=ess)
        assert expected == statistics.between_process_interval([samples])

    def test_agrees_with_students_t(self) -> None:
        """Where processes differ far more than queries, the interval is Student's t of the logarithms of medians."""
        medians = [1000, 1100, 1300, 1250]
        lo, hi = stats.t.interval(0.95, 3, np.log(medians).mean(), stats.sem(np.log(medians)))
        found = statistics.between_process_interval([np.full(50, m) for m in medians])
        assert (math.floor(math.exp(lo)), math.ceil(math.exp(hi))) == found

    @pytest.mark.parametrize("processes", [2, 3, 5, 10])
    def test_covers_what_a_new_process_population_would_give(self, processes: int) -> None:
        """The 95 % interval holds the true centre in at least 93 % of 400 trials of processes that differ by 5 %."""
        rng = np.random.default_rng(20 + processes)
        covered = 0
        for _ in range(400):
            shifts = rng.normal(0, 0.05, processes)
            repeats = [np.round(1e6 * np.exp(s + rng.normal(0, 0.02, 60))).astype(np.int64) for s in shifts]
            lo, hi = statistics.between_process_interval(repeats)
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
            found = statistics.between_process_interval(
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
            lo, hi = statistics.order_statistic_interval(pooled, 50)
            covered += lo <= 1e6 <= hi
        assert covered < 100

    @unhurried
    @given(st.lists(SERIES, min_size=1, max_size=6))
    def test_holds_the_pooled_percentile(self, repeats: list[np.ndarray]) -> None:
        """The figure that is reported lies inside its own interval, and so does that of all queries together."""
        interval = statistics.between_process_interval(repeats)
        if interval is not None:
            typical = statistics.process_percentile(repeats, 50)
            assert typical is None or interval[0] <= typical <= interval[1]
            assert interval[0] <= statistics.percentile(np.concatenate(repeats), 50) <= interval[1]

    def test_repeats_that_agree_by_luck(self) -> None:
        """Equal medians of noisy processes do not shrink the interval to a point."""
        noisy = np.array([500, 800, 1000, 1000, 1200, 1500] * 10)
        lo, hi = statistics.between_process_interval([noisy, noisy, noisy])
        assert lo < 1000 or hi > 1000

    @pytest.mark.parametrize("repeats", [[], [np.empty(0, np.int64)], [np.arange(1, 4)]])
    def test_too_few_samples(self, repeats: list[np.ndarray]) -> None:
        """Nothing, or three queries, give no interval."""
        assert statistics.between_process_interval(repeats) is None


class TestHodgesLehmann:
    def test_recovers_a_shift(self) -> None:
        """Adding a constant shifts by exactly that."""
        base = np.array([1.0, 2, 4, 8, 16, 32])
        estimate, lo, hi = statistics.hodges_lehmann_shift(base, base + 5)
        assert estimate == 5
        assert lo <= 5 <= hi

    def test_covers_the_true_shift(self) -> None:
        """The 95 % interval holds the true shift of two heavy-tailed sets in at least 93 % of 500 trials."""
        rng = np.random.default_rng(8)
        covered = 0
        for _ in range(500):
            _, lo, hi = statistics.hodges_lehmann_shift(rng.standard_cauchy(10), 2 + rng.standard_cauchy(10))
            covered += lo <= 2 <= hi
        assert covered >= 465

    def test_too_short(self) -> None:
        """Two sets of three cannot tell anything at 95 %."""
        assert statistics.hodges_lehmann_shift(np.arange(3.0), np.arange(3.0)) is None


def drifts(make: Callable[[], np.ndarray], trials: int = 100) -> int:
    """In how many seeded trials a drift of over 5 % is found."""
    found = 0
    for _ in range(trials):
        latency = make()
        change = statistics.drift(np.cumsum(latency), latency)
        found += change is not None and change.exceeds(0.05)
    return found


class TestDrift:
    @pytest.mark.parametrize("n", [30, 300, 3000])
    def test_calm_on_heavy_tails(self, n: int) -> None:
        """Stationary noise with an infinite variance is called drifting in at most 2 of 100 trials."""
        rng = np.random.default_rng(n)
        assert drifts(lambda: (1e6 * (1 + rng.pareto(1.5, n))).astype(np.int64)) <= 2

    @pytest.mark.parametrize("phi", [0.5, 0.9, 0.95])
    def test_calm_on_autocorrelation(self, phi: float) -> None:
        """Stationary correlated noise of 10 % spread is called drifting in at most 2 of 100 trials."""
        rng = np.random.default_rng(40)
        scale = 0.1 * math.sqrt(1 - phi**2)
        assert drifts(lambda: (1e6 * np.exp(scale * autoregressive(rng, 3000, phi))).astype(np.int64)) <= 2

    @pytest.mark.parametrize("n", [30, 300, 3000])
    def test_fires_on_a_step(self, n: int) -> None:
        """15 % slower from halfway on is found in every one of 50 trials of 3 % noise."""
        rng = np.random.default_rng(n)
        step = np.where(np.arange(n) < n // 2, 1.0, 1.15)
        assert drifts(lambda: (1e6 * step * rng.lognormal(0, 0.03, n)).astype(np.int64), 50) == 50

    def test_fires_on_a_step_in_heavy_tails(self) -> None:
        """The step is found behind heavy tails too."""
        rng = np.random.default_rng(7)
        step = np.repeat([1.0, 1.15], 1500)
        assert drifts(lambda: (1e6 * step * (1 + 0.1 * rng.pareto(1.5, 3000))).astype(np.int64), 50) == 50

    def test_fires_on_a_ramp_almost_without_noise(self) -> None:
        """A smooth slow-down is drift, although every sample is correlated with its neighbour."""
        latency = np.linspace(1e6, 1.3e6, 600).astype(np.int64)
        found = statistics.drift(np.cumsum(latency), latency)
        assert found.exceeds(0.05)
        assert found.change == pytest.approx(1.25 / 1.05 - 1, abs=0.01)

    @pytest.mark.parametrize("where", [0.2, 0.8])
    def test_fires_on_an_early_or_late_step(self, where: float) -> None:
        """A step inside the first or the last third is found."""
        rng = np.random.default_rng(9)
        step = np.where(np.arange(2000) < where * 2000, 1.0, 1.15)
        assert drifts(lambda: (1e6 * step * rng.lognormal(0, 0.03, 2000)).astype(np.int64), 20) == 20

    def test_states_the_size_of_the_step(self) -> None:
        """The change found is the step's, within its own interval."""
        rng = np.random.default_rng(10)
        latency = (1e6 * np.repeat([1.0, 1.15], 2000) * rng.lognormal(0, 0.05, 4000)).astype(np.int64)
        found = statistics.drift(np.cumsum(latency), latency)
        assert found.lo < 0.15 < found.hi
        assert found.change == pytest.approx(0.15, abs=0.01)

    def test_speeding_up_is_negative(self) -> None:
        """A series that becomes faster has a negative change."""
        latency = np.repeat([1_200_000, 1_000_000], 100)
        assert statistics.drift(np.cumsum(latency), latency).change == pytest.approx(-1 / 6)

    def test_order_is_that_of_the_starts(self) -> None:
        """Queries given in another order than they began are put in order first."""
        latency = np.repeat([1_000_000, 1_200_000], 100)
        start = np.cumsum(latency)
        shuffle = np.random.default_rng(0).permutation(200)
        assert statistics.drift(start, latency) == statistics.drift(start[shuffle], latency[shuffle])

    @pytest.mark.parametrize("n", [0, 1, 17])
    def test_too_few_queries(self, n: int) -> None:
        """With fewer than 18 queries nothing is said."""
        assert statistics.drift(np.arange(n), np.arange(1, n + 1)) is None

    def test_small_changes_are_not_drift(self) -> None:
        """A change that is told apart but under the tolerance does not exceed it."""
        found = statistics.Drift(change=0.03, lo=0.02, hi=0.04, blocks=12)
        assert not found.exceeds(0.05)
        assert found.exceeds(0.01)


class TestCharts:
    @unhurried
    @given(SERIES, st.integers(2, 50))
    def test_ecdf(self, samples: np.ndarray, points: int) -> None:
        """From the minimum to the maximum at 1, rising, no more points than asked, each on the true curve."""
        x, y = chart_series.ecdf(samples, points)
        assert len(x) == len(y) <= points
        assert (samples.min(), samples.max(), 1.0) == (x[0], x[-1], y[-1])
        assert (np.diff(x) >= 0).all()
        ordered = np.sort(samples)
        assert [ordered[round(share * len(samples)) - 1] for share in y] == list(x)

    @unhurried
    @given(SERIES, st.integers(1, 50))
    def test_trace_keeps_every_extreme(self, samples: np.ndarray, points: int) -> None:
        """Bins run in time, hold the medians between their extremes, and lose no outlier."""
        t, lo, median, hi = chart_series.trace(np.arange(len(samples)), samples, points)
        assert len(t) == min(points, len(samples))
        assert (np.diff(t) > 0).all()
        assert ((lo <= median) & (median <= hi)).all()
        assert (samples.min(), samples.max()) == (lo.min(), hi.max())

    def test_trace_of_few_queries_is_the_queries(self) -> None:
        """With a bin for each query, every line is the series itself."""
        t, lo, median, hi = chart_series.trace(np.array([0, 10, 30]), np.array([5, 9, 7]))
        assert (list(t), list(lo), list(median), list(hi)) == ([0, 10, 30], [5, 9, 7], [5, 9, 7], [5, 9, 7])

    def test_trace_of_nothing(self) -> None:
        """Nothing measured, nothing drawn."""
        assert [len(part) for part in chart_series.trace(np.empty(0), np.empty(0))] == [0, 0, 0, 0]

    @unhurried
    @given(SERIES, st.integers(1, 40))
    def test_histogram_counts_every_sample(self, samples: np.ndarray, bins: int) -> None:
        """The counts add up to n, between rising edges."""
        edges, counts = chart_series.histogram(samples, bins)
        assert (bins + 1, len(samples)) == (len(edges), counts.sum())
        assert (np.diff(edges) > 0).all()
