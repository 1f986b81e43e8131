"""Drift within a steady state: found where there is one, and seldom where there is none."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from series import autoregressive

from bench.stats.over_time import drift


def drifts(make: Callable[[], np.ndarray], trials: int = 100) -> int:
    """In how many seeded trials a drift of over 5 % is found."""
    found = 0
    for _ in range(trials):
        latency = make()
        change = drift.drift(np.cumsum(latency), latency)
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
        found = drift.drift(np.cumsum(latency), latency)
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
        found = drift.drift(np.cumsum(latency), latency)
        assert found.lo < 0.15 < found.hi
        assert found.change == pytest.approx(0.15, abs=0.01)

    def test_speeding_up_is_negative(self) -> None:
        """A series that becomes faster has a negative change."""
        latency = np.repeat([1_200_000, 1_000_000], 100)
        assert drift.drift(np.cumsum(latency), latency).change == pytest.approx(-1 / 6)

    def test_order_is_that_of_the_starts(self) -> None:
        """Queries given in another order than they began are put in order first."""
        latency = np.repeat([1_000_000, 1_200_000], 100)
        start = np.cumsum(latency)
        shuffle = np.random.default_rng(0).permutation(200)
        assert drift.drift(start, latency) == drift.drift(start[shuffle], latency[shuffle])

    @pytest.mark.parametrize("n", [0, 1, 17])
    def test_too_few_queries(self, n: int) -> None:
        """With fewer than 18 queries nothing is said."""
        assert drift.drift(np.arange(n), np.arange(1, n + 1)) is None

    def test_small_changes_are_not_drift(self) -> None:
        """A change that is told apart but under the tolerance does not exceed it."""
        found = drift.Drift(change=0.03, lo=0.02, hi=0.04, blocks=12)
        assert not found.exceeds(0.05)
        assert found.exceeds(0.01)


SHAPES = {
    "still": lambda rng, n: np.zeros(n),
    "ramp": lambda rng, n: np.linspace(0, rng.normal(0, 0.1), n),
    "step": lambda rng, n: rng.normal(0, 0.1) * (np.arange(n) > rng.uniform(0, n)),
    "heavy tail": lambda rng, n: 0.05 * rng.pareto(1.5, n).clip(0, 100),
    "two speeds": lambda rng, n: 0.3 * (rng.random(n) < 0.3),
    "correlated": lambda rng, n: 0.05 * autoregressive(rng, n, 0.9),
}


class TestAtLeast:
    """The bound that spares most series the autocorrelation and the blocks."""

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("n", [18, 71, 72, 100, 997, 2000])
    def test_takes_nothing_away_that_exceeds_it(self, shape: str, n: int) -> None:
        """A drift that is not named is one that does not exceed the tolerance; one that is named is the same."""
        rng = np.random.default_rng(n)
        spread = 10 ** rng.uniform(-3, -1, 60)
        for noise, tolerance in zip(spread, rng.choice([0.01, 0.05, 0.2], 60), strict=True):
            logs = SHAPES[shape](rng, n) + noise * rng.standard_normal(n)
            latency = np.rint(10 ** rng.uniform(1, 7) * np.exp(logs)).astype(np.int64)
            whole = drift.drift(np.cumsum(latency), latency)
            found = drift.drift(np.cumsum(latency), latency, at_least=float(tolerance))
            assert found == whole if found is not None else whole is None or abs(whole.change) <= tolerance

    @pytest.mark.parametrize("change", [0.05, -0.05])
    def test_at_its_edge(self, change: float) -> None:
        """A step without noise of just more than the tolerance is found, and of just less is not."""
        first = np.full(100, 10**9)
        for beyond, named in ((1e-6, True), (-1e-6, False)):
            last = np.full(100, round(10**9 * (1 + change * (1 + beyond))))
            latency = np.concatenate((first, first, last))
            found = drift.drift(np.cumsum(latency), latency, at_least=0.05)
            assert (found is not None and found.exceeds(0.05)) is named

    def test_spares_a_steady_series_the_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stationary noise of 3 % needs no autocorrelation to show that it did not drift by 5 %."""
        monkeypatch.delattr(drift, "_local_autocorrelation_time")
        latency = (4e6 * np.random.default_rng(1).lognormal(0, 0.03, 2000)).astype(np.int64)
        assert drift.drift(np.cumsum(latency), latency, at_least=0.05) is None
