"""Variance between and within processes, held against simulation and against NumPy and SciPy."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from bench.stats.processes import between_process_interval, ordered
from bench.stats.variance import repeats_for_precision, variance


def processes(rng: np.random.Generator, n: int, between: float, within: float, queries: int = 200) -> list[np.ndarray]:
    """``n`` processes whose true medians spread by ``between``, each with queries that spread by ``within``."""
    shifts = rng.normal(0, between, n)
    return [np.round(1e6 * np.exp(s + rng.normal(0, within, queries))).astype(np.int64) for s in shifts]


@pytest.mark.parametrize(("between", "within"), [(0.05, 0.05), (0.04, 0.2), (0.1, 0.01)])
def test_both_parts_are_found(between: float, within: float) -> None:
    """Of 200 processes the parts are within a fifth of the true ones; a median's own error is 1.2533 σ/√n."""
    found = variance(ordered(processes(np.random.default_rng(1), 200, between, within)), 50, 0.03)
    assert found is not None
    assert found.between_process_cv == pytest.approx(between, rel=0.2)
    assert found.within_process_cv == pytest.approx(within * math.sqrt(math.pi / 2 / 200), rel=0.2)


def test_processes_that_do_not_differ() -> None:
    """Where only queries vary, the part between processes is a small share of what one process is uncertain by."""
    found = [variance(ordered(processes(np.random.default_rng(i), 10, 0.0, 0.1)), 50, 0.03) for i in range(40)]
    assert all(part is not None for part in found)
    between = np.mean([part.between_process_cv**2 for part in found if part is not None])
    within = np.mean([part.within_process_cv**2 for part in found if part is not None])
    assert between < 0.35 * within


def test_autocorrelated_queries_count_for_fewer() -> None:
    """A slow wave within processes is not taken for a difference between them."""
    rng = np.random.default_rng(3)
    parts = []
    for _ in range(60):
        noise = lfilter([1], [1, -0.9], rng.normal(0, 0.02, 900))[300:]
        parts.append(np.round(1e6 * np.exp(noise)).astype(np.int64))
    found = variance(ordered(parts), 50, 0.03)
    assert found is not None
    assert found.between_process_cv < found.within_process_cv


@pytest.mark.parametrize(("spread", "precision"), [(0.05, 0.03), (0.2, 0.05), (0.01, 0.03), (0.3, 0.1)])
def test_how_many_repeats(spread: float, precision: float) -> None:
    """The count is the first at which SciPy's interval is narrow enough, and one less is not."""
    n = repeats_for_precision(spread, precision)
    assert n is not None

    def reach(count: int) -> float:
        return float(stats.t.interval(0.95, count - 1, 0, spread / math.sqrt(count))[1])

    assert reach(n) <= math.log1p(precision)
    assert n == 2 or reach(n - 1) > math.log1p(precision)


def test_the_planned_repeats_give_the_precision() -> None:
    """With as many processes as planned, half of 200 intervals or more reach no further than asked, by 10 % at most."""
    rng = np.random.default_rng(5)
    n = repeats_for_precision(0.06, 0.03)
    assert n is not None
    reaches = []
    for _ in range(200):
        interval = between_process_interval(processes(rng, n, 0.06, 0.005, 50))
        assert interval is not None
        reaches.append(math.sqrt(interval[1] / interval[0]) - 1)
    assert np.median(reaches) <= 1.1 * 0.03


def test_hopeless_precision() -> None:
    """A thousand processes would not do: no count is made up."""
    assert repeats_for_precision(0.5, 0.01) is None


@pytest.mark.parametrize("parts", [[], [np.arange(1, 100)], [np.arange(1, 100), np.arange(1, 4)]])
def test_too_little_to_tell(parts: list[np.ndarray]) -> None:
    """One process, or one with three queries, has no spread to take apart."""
    assert variance(ordered(parts), 50, 0.03) is None
