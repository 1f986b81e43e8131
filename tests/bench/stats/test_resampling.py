"""Bootstrap and randomisation over samples: against scipy, by brute force, and by simulation."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from bench.stats.samples import resampling

SMALL = hnp.arrays(np.float64, st.integers(1, 9), elements=st.integers(-4, 4).map(float))
RANDOM = np.random.default_rng(0)


def test_values_by_hand() -> None:
    """Mean, root of the mean square, mean IoU over classes that occur, perplexity over tokens."""
    assert resampling.value("mean", np.array([1, 0, 1, 1], np.int8)) == 0.75
    assert resampling.value("root_mean", np.array([9.0, 16.0])) == pytest.approx(12.5**0.5)
    # two samples of [intersections of 3 classes, unions of 3 classes]; class 2 occurs nowhere
    assert resampling.value("mean_iou", np.array([[2, 1, 0, 4, 2, 0], [2, 0, 0, 4, 2, 0]])) == pytest.approx(
        (0.5 + 0.25) / 2
    )
    assert resampling.value("perplexity", np.array([[2.0, 4], [4.0, 2]])) == pytest.approx(np.e)
    assert resampling.value("perplexity", np.array([[9e5, 4], [4.0, 2]])) == np.exp(700)  # what a float still holds
    with pytest.raises(ValueError, match="no samples"):
        resampling.value("mean", np.array([]))


def test_the_interval_is_scipys() -> None:
    """The percentile bootstrap of a mean and of a root mean square, as scipy makes it, but for its draws."""
    sample = RANDOM.gamma(2, 1, 60)
    for name, statistic in (("mean", np.mean), ("root_mean", lambda x, axis: np.sqrt(np.mean(x, axis)))):
        theirs = stats.bootstrap(
            (sample,), statistic, n_resamples=20_000, method="percentile", random_state=np.random.default_rng(1)
        ).confidence_interval
        assert resampling.interval(name, sample) == pytest.approx((theirs.low, theirs.high), rel=0.02)


def test_pairs_are_drawn_together() -> None:
    """Two runs that differ by a constant differ surely by it, however far the samples are apart."""
    base = RANDOM.normal(0, 100, 40)
    assert resampling.difference_intervals("mean", base, base + 0.5) == (pytest.approx((0.5, 0.5)),)
    assert resampling.p_different("mean", base, base + 0.5) < 0.001


def test_few_samples_have_no_bootstrap() -> None:
    """Nine samples are too few to resample; ten are not."""
    nine, ten = np.arange(9.0), np.arange(10.0)
    assert (resampling.interval("mean", nine), resampling.difference_intervals("mean", nine, nine)) == (None, None)
    assert resampling.interval("mean", ten) is not None


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(*[hnp.arrays(np.float64, n, elements=st.integers(-4, 4).map(float))] * 2)
    )
)
def test_the_test_by_brute_force(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """The share of all assignments of results to runs whose means differ at least as much."""
    base, new = pair
    seen = abs(new.mean() - base.mean())
    reached = []
    for coins in product((False, True), repeat=len(base)):
        a, b = np.where(coins, new, base), np.where(coins, base, new)
        reached.append(abs(b.mean() - a.mean()) >= seen - 1e-12)
    assert resampling.p_different("mean", base, new) == pytest.approx(np.mean(reached))


def test_the_test_is_scipys() -> None:
    """scipy's permutation test of pairs gives the same p-value, exactly for few and nearly for many."""
    for n, tolerance in ((10, 1e-9), (60, 0.02)):
        base = RANDOM.normal(0, 1, n)
        new = base + RANDOM.normal(0.25, 1, n)
        theirs = stats.permutation_test(
            (new, base),
            lambda x, y, axis: np.mean(x, axis) - np.mean(y, axis),
            permutation_type="samples",
            n_resamples=20_000 if n > 12 else np.inf,
            random_state=np.random.default_rng(2),
        ).pvalue
        assert resampling.p_different("mean", base, new) == pytest.approx(theirs, abs=tolerance)


@settings(deadline=None, max_examples=50)
@given(SMALL, st.sampled_from(["mean", "root_mean"]))
def test_a_run_does_not_differ_from_itself(results: np.ndarray, statistic: str) -> None:
    """Equal results give p = 1, and a difference of exactly nothing."""
    squares = results**2
    assert resampling.p_different(statistic, squares, squares) == 1.0
    many = np.tile(squares, 10)
    assert resampling.difference_intervals(statistic, many, many, (0.95, 0.5)) == ((0.0, 0.0), (0.0, 0.0))


def test_other_samples_are_refused() -> None:
    """Results of another number of samples, or features, are no pairs."""
    with pytest.raises(ValueError, match="not the same samples"):
        resampling.p_different("mean", np.zeros(3), np.zeros(4))


@pytest.mark.parametrize("n", [16, 18])
def test_what_no_draw_reaches_is_bounded(n: int) -> None:
    """Differences of one sign and nearly one size, of which two assignments in 2**n reach so much: the p-value lies
    between that and what 5,000 draws can say."""
    rng = np.random.default_rng(n)
    base = rng.uniform(0, 1, n)
    found = resampling.p_different("mean", base, base + 0.5 + rng.uniform(0, 0.01, n))
    assert 2 / 2**n <= found <= 1 / 5001


def test_a_sure_loss_is_told_in_any_company() -> None:
    """Half as wrong again on 2,000 samples: its p-value is far below what a hundred tests beside it leave."""
    rng = np.random.default_rng(1)
    base = np.abs(rng.normal(0, 1, 2000))
    assert resampling.p_different("mean", base, 1.5 * base) < 1e-9


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held in memory at once changes no bound."""
    base, new = RANDOM.normal(0, 1, 50), RANDOM.normal(0.1, 1, 50)
    before = resampling.difference_intervals("mean", base, new)
    monkeypatch.setattr(resampling, "_CHUNK", 1000)
    assert resampling.difference_intervals("mean", base, new) == (pytest.approx(before[0]),)  # type: ignore[index]


@pytest.mark.parametrize("statistic", ["mean", "root_mean", "mean_iou"])
def test_noise_alone_is_seldom_called_a_difference(statistic: str) -> None:
    """Of 300 pairs of runs without a difference about 5 % have p below 0.05."""
    random, seldom = np.random.default_rng(3), 0
    for _ in range(300):
        if statistic == "mean_iou":
            union = random.integers(5, 20, (2, 25, 3))
            results = np.concatenate([random.binomial(union, 0.6), union], axis=2)
        else:
            results = random.gamma(1, 1, (2, 25)) + random.gamma(1, 1, 25)
        seldom += resampling.p_different(statistic, *results) < 0.05
    assert seldom / 300 <= 0.08
