"""The tail of what single tokens give, where tokens come in samples: windows of a text, or blocks of them. Pure.

Results are [tokens, 2]: the sample that a token belongs to, and its value. The 99th percentile is the least value that
at least 99 % of the tokens do not exceed; its interval is a percentile bootstrap over samples, whose tokens are drawn
together, since the tokens of a text depend on each other. A maximum has no interval: a bootstrap of it never exceeds
what was seen.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.stats.samples.resampling import LEAST_SAMPLES

Array = NDArray[Any]

TAILS = {"token_p99": 0.99, "token_max": 1.0}
"""Statistic -> the fraction of tokens that do not exceed it."""
RESAMPLES = 2_000
KEPT = 0.05  # of the tokens, the largest: enough for the 99th percentile of a resample
_CHUNK = 1 << 22


def samples_in(results: Array) -> int:
    """How many samples the tokens come from."""
    return len(np.unique(results[:, 0]))


def value(statistic: str, results: Array) -> float:
    """The tail of all tokens. Raises ``ValueError`` without tokens."""
    if not len(results):
        raise ValueError("no tokens")
    ordered = np.sort(np.asarray(results[:, 1], np.float64))
    return float(ordered[math.ceil(TAILS[statistic] * len(ordered)) - 1])


def interval(statistic: str, results: Array, confidence: float = 0.95) -> tuple[float, float] | None:
    """Bootstrap bounds of ``value`` over samples; ``None`` below ten samples, and for a maximum."""
    count = samples_in(results)
    if count < LEAST_SAMPLES or TAILS[statistic] == 1:
        return None
    sample = np.unique(results[:, 0], return_inverse=True)[1].reshape(-1)
    tokens = np.bincount(sample, minlength=count).astype(np.float64)
    order = np.argsort(-np.asarray(results[:, 1], np.float64), kind="stable")
    top = order[: max(math.ceil(KEPT * len(order)), LEAST_SAMPLES)]
    found = np.concatenate(list(_tails(statistic, results[:, 1], sample, tokens, (top, order))))
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _tails(statistic: str, values: Array, sample: Array, tokens: Array, orders: tuple[Array, Array]) -> Iterator[Array]:
    """The tail of each resample, in chunks. ``orders``: the largest tokens, and all of them, largest first."""
    random, n, (top, every) = np.random.default_rng(0), len(tokens), orders
    step = max(1, _CHUNK // max(len(top), n))
    for begin in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - begin)
        drawn = random.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        total = counts @ tokens
        above = total - np.ceil(TAILS[statistic] * total)  # how many tokens exceed the one that is looked for
        reached = np.cumsum(counts[:, sample[top]], axis=1)
        first = np.count_nonzero(reached <= above[:, None], axis=1)  # as in each row, reached only grows
        for row in np.flatnonzero(first == len(top)):  # the largest of all tokens do not suffice
            first[row] = np.searchsorted(np.cumsum(counts[row][sample[every]]), above[row], side="right")
        yield values[every[first]]
