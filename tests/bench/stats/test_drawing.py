"""What a chart draws of a series of samples."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from series import SERIES, unhurried

from bench.stats import drawing


class TestCharts:
    @unhurried
    @given(SERIES, st.integers(2, 50))
    def test_ecdf(self, samples: np.ndarray, points: int) -> None:
        """From the minimum to the maximum at 1, rising, no more points than asked, each on the true curve."""
        x, y = drawing.ecdf(samples, points)
        assert len(x) == len(y) <= points
        assert (samples.min(), samples.max(), 1.0) == (x[0], x[-1], y[-1])
        assert (np.diff(x) >= 0).all()
        ordered = np.sort(samples)
        assert [ordered[round(share * len(samples)) - 1] for share in y] == list(x)

    @unhurried
    @given(SERIES, st.integers(1, 50))
    def test_trace_keeps_every_extreme(self, samples: np.ndarray, points: int) -> None:
        """Bins run in time, hold the medians between their extremes, and lose no outlier."""
        t, lo, median, hi = drawing.trace(np.arange(len(samples)), samples, points)
        assert len(t) == min(points, len(samples))
        assert (np.diff(t) > 0).all()
        assert ((lo <= median) & (median <= hi)).all()
        assert (samples.min(), samples.max()) == (lo.min(), hi.max())

    def test_trace_of_few_queries_is_the_queries(self) -> None:
        """With a bin for each query, every line is the series itself."""
        t, lo, median, hi = drawing.trace(np.array([0, 10, 30]), np.array([5, 9, 7]))
        assert (list(t), list(lo), list(median), list(hi)) == ([0, 10, 30], [5, 9, 7], [5, 9, 7], [5, 9, 7])

    def test_trace_of_nothing(self) -> None:
        """Nothing measured, nothing drawn."""
        assert [len(part) for part in drawing.trace(np.empty(0), np.empty(0))] == [0, 0, 0, 0]

    @unhurried
    @given(SERIES, st.integers(1, 40))
    def test_histogram_counts_every_sample(self, samples: np.ndarray, bins: int) -> None:
        """The counts add up to n, between rising edges."""
        edges, counts = drawing.histogram(samples, bins)
        assert (bins + 1, len(samples)) == (len(edges), counts.sum())
        assert (np.diff(edges) > 0).all()
