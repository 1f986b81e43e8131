"""Figures of one output on one input, and of one output over all inputs. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.record.record import OutputFidelity

Array = NDArray[Any]


class Figures(Struct, frozen=True):
    """One output on one input. ``cosine`` is null where one side is zero, ``sqnr_db`` where the error or the reference
    is; ``gain``: the factor by which the output is best explained by the reference. ``largest``: magnitude of the
    reference."""

    identical: bool
    max_abs_error: float
    largest: float
    cosine: float | None = None
    sqnr_db: float | None = None
    gain: float | None = None
    top1: float | None = None
    top5: float | None = None


def figures(expected: Array, actual: Array, shape: Sequence[int]) -> Figures:
    """Of finite values [n], float64. ``shape`` is that of the output where nothing was left out of it, else ()."""
    e, a = expected, actual
    if not e.size:
        return Figures(True, 0.0, 0.0)
    largest = float(np.abs(e).max())
    ranks = {"top1": among_best(e, a, shape, 1), "top5": among_best(e, a, shape, 5)}
    if np.array_equal(e, a):
        same = {"cosine": 1.0, "gain": 1.0} if largest else {}
        return Figures(True, 0.0, largest, **same, **ranks)
    error = np.abs(a - e)
    scale = max(largest, float(np.abs(a).max()))  # squares of float64's largest would overflow
    e, a, noise = e / scale, a / scale, error / scale
    e_norm, a_norm = float(np.linalg.norm(e)), float(np.linalg.norm(a))
    signal, noise_power = float(e @ e), float(noise @ noise)
    return Figures(
        False,
        float(error.max()),
        largest,
        cosine=float(np.clip(e @ a / (e_norm * a_norm), -1, 1)) if e_norm and a_norm else None,
        sqnr_db=10 * (math.log10(signal) - math.log10(noise_power)) if signal and noise_power else None,
        gain=float(e @ a) / signal if signal else None,
        **ranks,
    )


def among_best(expected: Array, actual: Array, shape: Sequence[int], k: int) -> float | None:
    """Fraction of rows whose best class is also among the ``k`` best measured, for scores [N] or [B, N] with more than
    ``k`` classes, trailing ones ([1, 1000, 1, 1]) ignored; ``None`` for any other output.

    The best measured class is the first of tied classes, as in a decoder; if all tie, none is the best. For the five
    best, half of the classes tied with it count as better. A row whose reference has several best classes is left out;
    ``None`` if all are.
    """
    sides = list(shape)
    while sides and sides[-1] == 1:
        sides.pop()
    if len(sides) == 1 and len(shape) == 1:
        sides = [1, *sides]
    if len(sides) != 2 or sides[1] <= k or sides[0] == 0:
        return None
    rows, seen = expected.reshape(sides), actual.reshape(sides)
    single = (rows == rows.max(axis=1, keepdims=True)).sum(axis=1) == 1
    if not single.any():
        return None
    rows, seen = rows[single], seen[single]
    if k == 1:
        return float(((seen.argmax(axis=1) == rows.argmax(axis=1)) & (seen.max(axis=1) > seen.min(axis=1))).mean())
    best = np.take_along_axis(seen, rows.argmax(axis=1)[:, np.newaxis], axis=1)
    above, tied = (seen > best).sum(axis=1), (seen == best).sum(axis=1) - 1
    return float((above + tied / 2 < k).mean())


def over_all_inputs(name: str, found: Sequence[Figures], settled: Sequence[bool]) -> OutputFidelity:
    """One output over all inputs: its worst figures, those that three quarters of the inputs reach, and the means of
    the ranks' agreement. An input that is ``settled`` by the floor alone does not have a cosine or a ratio: they would
    be those of rounding errors."""
    told = [one for one, by_floor in zip(found, settled, strict=True) if not by_floor]
    cosines = sorted(1.0 if s else f.cosine or 0.0 for f, s in zip(found, settled, strict=True) if s or not _void(f))
    ratios = sorted(ratio(f, s) for f, s in zip(found, settled, strict=True))
    return OutputFidelity(
        name=name,
        cosine=least(f.cosine for f in told),
        sqnr_db=least(f.sqnr_db for f in told),
        max_abs_error=max((f.max_abs_error for f in found), default=None),
        top1_agreement=_mean(f.top1 for f in found),
        identical=all(f.identical for f in found),
        cosine_quartile=cosines[len(cosines) // 4] if cosines and any(f.cosine is not None for f in told) else None,
        sqnr_db_quartile=_finite(ratios[len(ratios) // 4]) if ratios else None,
        top5_agreement=_mean(f.top5 for f in found),
    )


def _void(one: Figures) -> bool:
    return one.identical and one.cosine is None


def ratio(one: Figures, settled: bool) -> float:
    """SQNR in dB for a comparison: infinite where nothing differs that counts."""
    if one.identical or settled:
        return math.inf
    if one.sqnr_db is not None:
        return one.sqnr_db
    return -math.inf if not one.largest else math.inf  # an error too small to square counts as zero


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def least(values: Iterable[float | None]) -> float | None:
    """The smallest of those that are known."""
    return min((value for value in values if value is not None), default=None)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def weakest_slice_db(expected: Array, actual: Array, floor: float) -> float | None:
    """The lowest SQNR in dB of any slice along any axis (a class, a channel, a coordinate) with ``SLICE`` values or
    more, whose error is more than ``floor``; ``None`` where there is none.

    Scores in the same tensor as coordinates are thousands of times smaller: figures over the whole tensor would hide
    errors of the scores.
    """
    weakest: float | None = None
    for axis in range(expected.ndim):
        length = expected.shape[axis]
        if length < 2 or expected.size // length < SLICE:
            continue
        others = tuple(i for i in range(expected.ndim) if i != axis)
        wrong = np.abs(actual - expected).max(axis=others) > floor
        if not wrong.any():
            continue
        signal = np.square(expected).sum(axis=others)[wrong]
        noise = np.square(actual - expected).sum(axis=others)[wrong]
        with np.errstate(divide="ignore"):
            here = float((10 * np.log10(signal / noise)).min())
        weakest = here if weakest is None else min(weakest, here)
    return weakest


SLICE = 16
