"""Series that the tests of statistics draw: any short one, and noise in which each sample depends on the one before."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from scipy.signal import lfilter

SERIES = st.lists(st.integers(1, 10**9), min_size=1, max_size=200).map(lambda xs: np.array(xs, np.int64))

unhurried = settings(deadline=None)


def autoregressive(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    """Stationary AR(1) noise of unit innovations, its first 300 values dropped."""
    return lfilter([1], [1, -phi], rng.standard_normal(n + 300))[300:]
