"""NaN and infinity in two outputs, place by place: what agrees, what is wrong, and which values are left to compare."""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.words import Sentence, sentence

Array = NDArray[Any]

FLOAT16_MAX = 65504.0
LARGEST = {65504.0: "float16", 3.3895313892515355e38: "bfloat16", 3.4028234663852886e38: "float32"}
"""Largest finite number -> the type it is of. An engine without infinities writes it in their stead."""
FLOAT16_NORMAL = 2.0**-14
"""The smallest normal number of float16. Below it an engine may write 0."""
MASK = 1e9
"""From here on a number represents infinity, as in masks of −1e9 and of the lowest float32."""
NEAR_LARGEST = 1e-3  # relative: an HTP converts its own −65504 to −65536.01


class Places(Struct, frozen=True):
    """``keep``: where both sides are finite and are compared. ``wrong``: differences that rounding does not explain.
    ``unknown``: positions that cannot be compared because the reference lacks a value. ``note``: values that agree and
    were left out of the figures."""

    keep: NDArray[np.bool_]
    wrong: Sentence | str = ""
    unknown: Sentence | str = ""
    note: Sentence | str = ""


def places(expected: Array, actual: Array, half: bool, bounded: bool = False) -> Places:
    """Compare where ``expected`` and ``actual`` (float64, one shape) are not finite or stand for what is not. ``half``:
    the arithmetic ran in float16, whose range ends at 65504. ``bounded``: the output is
    one of a function bounded by 1, so that numbers below float16's are zero to it."""
    largest = np.abs(expected).max(initial=0.0)
    if half and bounded and not actual.any() and 0 < largest < FLOAT16_NORMAL:
        note = sentence("outputs.below_float16", limit=FLOAT16_NORMAL)
        return Places(np.zeros(expected.shape, np.bool_), note=note)
    finite = np.isfinite(expected) & np.isfinite(actual)
    masked = finite & (np.abs(expected) >= MASK) & (np.sign(expected) == np.sign(actual)) & _clamped(actual) & half
    if finite.all() and not masked.any():
        return Places(finite)
    e_nan, a_nan = np.isnan(expected), np.isnan(actual)
    e_inf, a_inf = np.isinf(expected), np.isinf(actual)
    same_sign = np.sign(expected) == np.sign(actual)
    clamped = e_inf & ~a_inf & same_sign & (_nearest(actual)[1] < NEAR_LARGEST)
    overflown = a_inf & ~e_inf & same_sign & (np.abs(expected) >= FLOAT16_MAX) & half
    both_nan, both_inf = e_nan & a_nan, e_inf & a_inf & same_sign
    wrong = _said(
        (a_nan & ~e_nan, "outputs.nan", {}),
        (a_inf & ~e_nan & ~both_inf & ~overflown, "outputs.infinite", {}),
        (e_inf & ~a_nan & ~a_inf & ~clamped, "outputs.finite", {}),
    )
    notes = _said(
        (both_nan, "outputs.both_nan", {}),
        (both_inf, "outputs.both_infinite", {}),
        (clamped, "outputs.stands_for_infinity", _largest(actual[clamped])),
        (overflown, "outputs.beyond_float16", {}),
        (masked, "outputs.stands_for", {**_largest(actual[masked]), **_masked(expected[masked])}),
    )
    unknown = _said((e_nan & ~a_nan, "outputs.reference_nan", {}))
    return Places(finite & ~masked, wrong, unknown, notes)


def _clamped(values: Array) -> NDArray[np.bool_]:
    """Where ``values`` are the largest number of float16."""
    return np.asarray(np.abs(np.abs(values) / FLOAT16_MAX - 1) < NEAR_LARGEST, np.bool_)


def _said(*found: tuple[NDArray[np.bool_], str, dict[str, str]]) -> Sentence | str:
    """A sentence for each mask that holds of any place."""
    told = [sentence(code, count=mask.sum(), places=mask.size, **more) for mask, code, more in found if mask.any()]
    return sentence("text.listed", parts=told) if len(told) > 1 else told[0] if told else ""


def _largest(values: Array) -> dict[str, str]:
    """The first of ``values``, and the type whose largest number it is about."""
    if not values.size:
        return {}
    return {"value": _signed(values), "dtype": list(LARGEST.values())[int(_nearest(values)[0].flat[0])]}


def _masked(values: Array) -> dict[str, str]:
    return {"expected": _signed(values)} if values.size else {}


def _signed(values: Array) -> str:
    """The first of ``values``."""
    value = float(values.flat[0])
    return f"{'−' if value < 0 else ''}{abs(value):.6g}"


def _nearest(values: Array) -> tuple[Array, Array]:
    """For each value the index of the nearest of ``LARGEST``, and how far it is from that one, relative to it."""
    known = np.array(list(LARGEST))
    with np.errstate(invalid="ignore"):
        apart = np.abs(np.abs(values)[..., np.newaxis] / known - 1)
    return np.argmin(apart, axis=-1), apart.min(axis=-1)
