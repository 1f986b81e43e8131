"""Changes of level in a series: E-divisive with a permutation test (Matteson & James 2014, J. American Statistical
Association 109), in windows as Apache Otava has them (Fleming et al. 2023, Hunter, ICPE).

A series is split where the energy distance of its two parts is largest, and the split is kept if few permutations of
the series reach that distance; the parts are split in turn. Nothing is assumed of the distribution, so that a machine
with two speeds causes no false change, while a t-test takes its values for normal ones. In contrast to Otava the test
of each window already has the level that is asked for, instead of ten times that, because a gate looks at every series
every night. After all windows, changes that are no longer significant between their neighbours, or are smaller than
``min_magnitude``, are dropped, the weakest first.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct

PERMUTATIONS = 999
CHUNK_BYTES = 8_000_000
FIRST_CHUNK = 8
"""Permutations looked at first: where nothing changed, one of these reaches the largest distance and ends the test."""


class ChangePoint(Struct, frozen=True):
    """``index``: of the first value at the new level. ``p_value``: of no change here, by permutation. ``before``,
    ``after``: means of the values since the last change, and until the next."""

    index: int
    p_value: float
    before: float
    after: float

    @property
    def change(self) -> float:
        return self.after - self.before


def change_points(
    values: Sequence[float],
    *,
    window: int = 50,
    max_p: float = 0.001,
    min_magnitude: float = 0.0,
    permutations: int = PERMUTATIONS,
    min_t: float = 0.0,
    seed: int = 0,
) -> tuple[ChangePoint, ...]:
    """Where the level of ``values`` changes, oldest first. ``window``: values that are looked at together, at least 4;
    windows overlap by half. ``min_magnitude``: of the difference of the means, in the values' unit. ``min_t``: windows
    of which no split has such a t are passed over, which saves most of the time; a change of level that is significant
    at 0.001 has about 4. The same ``seed`` gives the same answer. Raises ``ValueError`` for a window or level that
    cannot be, and values that are not finite."""
    series = np.asarray(values, np.float64)
    if window < 4 or not 0 < max_p < 1 or permutations < 1:
        raise ValueError(f"a window of {window}, a level of {max_p} or {permutations} permutations cannot be used")
    if not np.isfinite(series).all():
        raise ValueError("values must be finite")
    rng, found, start = np.random.default_rng(seed), set[int](), 0
    while start < len(series):
        part = series[start : start + window]
        inside = _divided(part, max_p, permutations, rng) if _largest_t(part) >= min_t else []
        found |= {start + index for index in inside}
        if start + window >= len(series):
            break
        start = max(start + window // 2, start + max(inside, default=0))
    return _merged(series, sorted(found), max_p, min_magnitude, permutations, rng)


def best_split(values: Sequence[float]) -> tuple[int, float]:
    """The split with the largest energy distance Q: the index of the first value behind it, and Q. Of the values after
    the split those up to any end are considered. Raises ``ValueError`` below two values."""
    series = np.asarray(values, np.float64)
    if len(series) < 2:
        raise ValueError("two values are the least that can be split")
    distances = _energy(series[None])[0]
    before, end = np.unravel_index(int(np.argmax(distances)), distances.shape)
    return int(before), float(distances[before, end])


def _largest_t(series: Any) -> float:
    """Student's t of the split of ``series`` that has the largest, at least two values on each side."""
    size = len(series)
    if size < 4:
        return math.inf
    n = np.arange(2, size - 1)
    total, squares = np.cumsum(series), float(series @ series)
    before, after = total[1:-2] / n, (total[-1] - total[1:-2]) / (size - n)
    within = np.maximum(squares - n * before**2 - (size - n) * after**2, 1e-18)
    error = np.sqrt(within / (size - 2) * (1 / n + 1 / (size - n)))
    return float((np.abs(after - before) / error).max())


def _divided(series: Any, max_p: float, permutations: int, rng: np.random.Generator) -> list[int]:
    """E-divisive: the indices of all splits of ``series`` that are significant."""
    splits: list[int] = []
    while True:
        edges = [0, *splits, len(series)]
        parts = [series[a:b] for a, b in pairwise(edges)]
        candidates = [best_split(part) if len(part) > 1 else (0, -np.inf) for part in parts]
        chosen = max(range(len(parts)), key=lambda i: candidates[i][1])
        index, largest = candidates[chosen]
        if not largest > 0 or _p_value(parts, largest, max_p, permutations, rng) > max_p:
            return splits
        splits = sorted((*splits, edges[chosen] + index))


def _p_value(parts: Sequence[Any], largest: float, max_p: float, permutations: int, rng: np.random.Generator) -> float:
    """The fraction of permutations within ``parts`` whose best split reaches ``largest``. Ends early where it will be
    above ``max_p`` anyway (Besag & Clifford 1991, Biometrika 78)."""
    long = max(len(part) for part in parts)
    most, chunk = int(max(1, min(permutations, CHUNK_BYTES // (8 * (long + 1) ** 2)))), FIRST_CHUNK
    reached = done = 0
    while done < permutations:
        count, chunk = min(chunk, most, permutations - done), 4 * chunk
        best = np.full(count, -np.inf)
        for part in parts:
            if len(part) > 1:
                shuffled = rng.permuted(np.broadcast_to(part, (count, len(part))), axis=1)
                best = np.maximum(best, _energy(shuffled).max(axis=(1, 2)))
        reached += int((best >= largest * (1 - 1e-12)).sum())
        done += count
        if (reached + 1) / (permutations + 1) > max_p:
            break
    return (reached + 1) / (done + 1)


def _energy(series: Any) -> Any:
    """Q of every split of every row of ``series`` [rows, n]: [rows, first value behind it, end], -inf where none is.

    With n values before and m behind the split: 2 / (m + n) times the sum of all distances between them, less 2 m /
    (m + n) times the mean distance within the one, less the same of the other.
    """
    rows, n = series.shape
    sums = np.zeros((rows, n + 1, n + 1))
    np.cumsum(np.abs(series[:, :, None] - series[:, None, :]), axis=1, out=sums[:, 1:, 1:])
    np.cumsum(sums[:, 1:, 1:], axis=2, out=sums[:, 1:, 1:])
    own = np.diagonal(sums, axis1=1, axis2=2)  # twice the sum of the distances within the first k
    before, end = np.arange(n + 1)[:, None], np.arange(n + 1)[None, :]
    behind = end - before
    total = np.maximum(end, 1)
    left = own[:, :, None]
    right = own[:, None, :] - 2 * sums + left
    found = (
        2 / total * (sums - left)
        - behind / (total * np.maximum(before - 1, 1)) * left
        - before / (total * np.maximum(behind - 1, 1)) * right
    )
    found[:, (before < 1) | (behind < 1)] = -np.inf
    return found


def _merged(
    series: Any, splits: list[int], max_p: float, least: float, permutations: int, rng: np.random.Generator
) -> tuple[ChangePoint, ...]:
    """The splits that are significant between their neighbours and large enough, after the weakest were dropped."""
    found = [_between(series, splits, place, max_p, permutations, rng) for place in range(len(splits))]
    while found:
        place = max(range(len(found)), key=lambda i: (found[i].p_value, -abs(found[i].change)))
        if found[place].p_value <= max_p:
            place = min(range(len(found)), key=lambda i: abs(found[i].change))
            if abs(found[place].change) >= least:
                break
        del found[place], splits[place]
        for near in (place - 1, place):
            if 0 <= near < len(found):
                found[near] = _between(series, splits, near, max_p, permutations, rng)
    return tuple(found)


def _between(
    series: Any, splits: Sequence[int], place: int, max_p: float, permutations: int, rng: np.random.Generator
) -> ChangePoint:
    """The change at a split, between the one before and the one after it; its test is of this split alone."""
    start = splits[place - 1] if place else 0
    end = splits[place + 1] if place + 1 < len(splits) else len(series)
    index, part = splits[place], series[start:end]
    n = index - start
    seen = _distance(part[None], n)[0]
    reached = done = 0
    while done < permutations:
        count = min(100, permutations - done)
        shuffled = rng.permuted(np.broadcast_to(part, (count, len(part))), axis=1)
        reached += int((_distance(shuffled, n) >= seen * (1 - 1e-12)).sum())
        done += count
        if (reached + 1) / (permutations + 1) > max_p:
            break
    p_value = (reached + 1) / (done + 1)
    return ChangePoint(index, p_value, float(series[start:index].mean()), float(series[index:end].mean()))


def _distance(series: Any, n: int) -> Any:
    """Q of the split after the first ``n`` of every row, up to the end: [rows]."""
    size = series.shape[1]
    m = size - n
    left, right = (_within(part) for part in (series[:, :n], series[:, n:]))
    between = _within(series) - left - right
    return 2 / size * (between - m / max(n - 1, 1) * left - n / max(m - 1, 1) * right)


def _within(series: Any) -> Any:
    """Sum of the distances of all pairs in every row: [rows]."""
    count = series.shape[1]
    return np.sort(series, axis=1) @ (2 * np.arange(count) - count + 1)
