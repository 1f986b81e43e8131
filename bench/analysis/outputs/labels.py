"""Outputs that are equal or not: labels, indices, counts, flags and texts."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ALPHA = 0.01
"""Probability below which that many differences are no longer explained by near ties."""


def discrete(array: Array) -> bool:
    """Indices, counts, flags and texts by their type alone; 8-bit integers are taken for quantised values, which are
    compared as numbers."""
    kind = array.dtype.kind
    return kind in "bUSO" or (kind in "iu" and array.dtype.itemsize > 1)


def texts(array: Array) -> bool:
    """Whether the elements are strings."""
    return array.dtype.kind in "USO"


def differing(expected: Sequence[Array], actual: Sequence[Array]) -> tuple[int, int]:
    """How many elements differ, of how many, over all inputs."""
    pairs = list(zip(expected, actual, strict=True))
    return sum(int((e != a).sum()) for e, a in pairs), sum(e.size for e, _ in pairs)


def chance(wrong: int, total: int, flips: float) -> float:
    """Chance of ``wrong`` or more differences among ``total`` elements where near ties change a fraction ``flips``:
    the upper tail of the binomial distribution."""
    if wrong == 0:
        return 1.0
    from scipy.special import bdtrc

    tail = float(bdtrc(wrong - 1, total, flips))
    return tail if math.isfinite(tail) else 1.0


def follow_scores(labels: Sequence[Array], scores: Sequence[Array], slack: float) -> bool:
    """Whether ``labels`` are the positions of the maximum of ``scores`` along one axis, except for ties within
    ``slack`` of the largest magnitude. Labels that follow from scores that agree are not a separate error: nearly equal
    scores may change places."""
    return any(
        all(_follows(label, score, axis, slack) for label, score in zip(labels, scores, strict=True))
        for axis in range(scores[0].ndim)
    )


def _follows(label: Array, score: Array, axis: int, slack: float) -> bool:
    if axis >= score.ndim or score.shape[axis] < 2 or label.dtype.kind not in "iuf":
        return False
    rows = np.moveaxis(score.astype(np.float64), axis, -1)
    rows = rows.reshape(-1, rows.shape[-1])
    flat = label.ravel().astype(np.int64)
    if len(rows) != len(flat) or not len(flat) or flat.min() < 0 or flat.max() >= rows.shape[1]:
        return False
    if not np.isfinite(rows).all():
        return False
    short = rows.max(axis=1) - rows[np.arange(len(flat)), flat]
    return bool((short <= slack * np.abs(rows).max()).all())
