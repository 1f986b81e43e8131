"""Bytes per token of a growing KV cache, from readings of memory, with their interval; or why they are unknown.

Memory is read after every token. An engine may allocate token by token, or ahead in steps (by doubling, or in blocks of
tokens). The height of a step is not informative, because the number of tokens that it is for is unknown. Just before
the next step all of the memory is in use: the difference of two such readings is the memory of the tokens between them.
So the slope is computed over these full readings; if memory grows with every token, all readings are full.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from bench.record.text import KvCache, ReadFrom
from bench.words import sentence

FEWEST_FULL = 3
"""Two give a line through anything."""
PRECISION = 0.05
"""Half the interval, as a fraction of the slope, up to which it is reported."""
MOST_REACH = 9.99
"""Up to which a sentence states it."""
CONFIDENCE = 0.95


class Reading(Struct, frozen=True):
    """Memory in use, in bytes, while the cache held (or had room for) ``tokens``."""

    tokens: int
    used_bytes: int


class Slope(Struct, frozen=True):
    """Bytes a token, and the 95 % interval."""

    bytes_per_token: float
    low: float
    high: float

    @property
    def reach(self) -> float:
        """Half the interval as a fraction of the slope."""
        return math.inf if self.bytes_per_token <= 0 else (self.high - self.low) / 2 / self.bytes_per_token


def full(readings: Sequence[Reading], least: float) -> list[Reading]:
    """The readings after which memory grew by at least half of ``least`` bytes per token, which only the cache does."""
    pairs = pairwise(readings)
    return [a for a, b in pairs if b.used_bytes - a.used_bytes >= least * (b.tokens - a.tokens) / 2]


def slope(readings: Sequence[Reading]) -> Slope | None:
    """Least squares, with Student's interval; residuals that follow one another count as fewer
    (``effective_sample_size``). ``None`` below three readings."""
    import numpy as np
    from scipy.special import stdtrit

    from bench.stats.autocorrelation import effective_sample_size

    count = len(readings)
    if count < FEWEST_FULL:
        return None
    tokens = np.array([r.tokens for r in readings], np.float64)
    used = np.array([r.used_bytes for r in readings], np.float64)
    tokens -= tokens.mean()
    per_token = float(tokens @ (used - used.mean()) / (tokens @ tokens))
    residuals = used - used.mean() - per_token * tokens
    spread = math.sqrt(float(residuals @ residuals) / (count - 2) / float(tokens @ tokens))
    apart = effective_sample_size(residuals) if residuals.any() else float(count)
    half = float(stdtrit(count - 2, (1 + CONFIDENCE) / 2)) * spread * math.sqrt(count / apart)
    return Slope(per_token, per_token - half, per_token + half)


def judged(
    readings: Sequence[Reading], computed: int | None, least: int, read_from: ReadFrom, at_once: bool
) -> KvCache:
    """The part of the record. ``computed``: bytes per token by the layout; ``least``: lower bound for any cache.
    ``at_once``: the readings are of caches that were allocated for a given number of tokens, so all are full."""
    tokens = readings[-1].tokens - readings[0].tokens
    grown = max(0, readings[-1].used_bytes - readings[0].used_bytes)
    points = list(readings) if at_once else full(readings, least)
    found = slope(points)
    whole = {"grown_bytes": grown, "tokens": tokens}
    if grown < least * tokens / 2 or (found is not None and found.high < least):
        reason = sentence("analysis.cache_lies_elsewhere", least_bytes=least * tokens, **whole)
    elif found is None:
        reason = sentence("analysis.cache_grew_in_few_steps", steps=len(points) + 1, fewest=FEWEST_FULL + 1, **whole)
    elif found.reach > PRECISION:
        reach = min(found.reach, MOST_REACH)
        reason = sentence("analysis.cache_growth_imprecise", known_to=reach, precision=PRECISION, **whole)
    else:
        return KvCache(
            bytes_per_token=computed,
            observed_bytes_per_token=round(found.bytes_per_token),
            observed_tokens=points[-1].tokens - points[0].tokens,
            observed_ci95=(round(found.low), round(found.high)),
            read_from=read_from,
            at_once=at_once,
        )
    return KvCache(computed, reason=reason)
