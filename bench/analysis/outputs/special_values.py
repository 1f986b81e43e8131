"""NaN and infinity in two outputs, place by place: what agrees, what is wrong, and which values are left to compare."""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bench.printable import counted

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
    wrong: str = ""
    unknown: str = ""
    note: str = ""


def places(expected: Array, actual: Array, half: bool, bounded: bool = False) -> Places:
    """Compare where ``expected`` and ``actual`` (float64, one shape) are not finite or stand for what is not. ``half``:
    the arithmetic ran in float16, whose range ends at 65504. ``bounded``: the output is
    one of a function bounded by 1, so that numbers below float16's are zero to it."""
    largest = np.abs(expected).max(initial=0.0)
    if half and bounded and not actual.any() and 0 < largest < FLOAT16_NORMAL:
        note = f"0 everywhere, and the reference is below {FLOAT16_NORMAL:.1e}, where float16 may round to 0"
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
        (a_nan & ~e_nan, "NaN at {} where the reference has a number"),
        (a_inf & ~e_nan & ~both_inf & ~overflown, "infinity at {} where the reference has another value"),
        (e_inf & ~a_nan & ~a_inf & ~clamped, "a finite value at {} where the reference is infinite"),
    )
    notes = _said(
        (both_nan, "NaN at {}, as in the reference"),
        (both_inf, "infinity at {}, as in the reference"),
        (clamped, f"{_largest(actual[clamped])} stands for infinity at {{}}"),
        (overflown, "infinity at {} where the reference is beyond float16's range"),
        (masked, f"{_largest(actual[masked])} stands for {_signed(expected[masked])} at {{}}" if masked.any() else ""),
    )
    unknown = _said((e_nan & ~a_nan, "the reference is NaN at {} where the output is not"))
    return Places(finite & ~masked, wrong, unknown, notes)


def _clamped(values: Array) -> NDArray[np.bool_]:
    """Where ``values`` are the largest number of float16."""
    return np.asarray(np.abs(np.abs(values) / FLOAT16_MAX - 1) < NEAR_LARGEST, np.bool_)


def _said(*found: tuple[NDArray[np.bool_], str]) -> str:
    said = [form.format(f"{int(mask.sum())} of {counted(mask.size, 'place')}") for mask, form in found if mask.any()]
    return ", ".join(said)


def _largest(values: Array) -> str:
    """``−65504, about the largest number of float16,`` and the like."""
    if not values.size:
        return ""
    name = list(LARGEST.values())[int(_nearest(values)[0].flat[0])]
    return f"{_signed(values)}, about the largest number of {name},"


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
