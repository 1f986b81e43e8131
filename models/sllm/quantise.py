"""Symmetric weight quantisation: ``round(weight / scale)`` is stored, without zero points."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def quantised(weight: "Array", bits: int) -> "tuple[Array, Array]":
    """``weight`` [..., n] as int8 [..., n] and one float32 scale for each [...], common to the last axis.

    The largest magnitude becomes ±(2^(bits - 1) - 1). A slice of zeros has the scale 1.
    """
    import numpy as np

    top = np.float32(2 ** (bits - 1) - 1)
    scale = np.maximum(weight.max(-1), -weight.min(-1)) / top
    scale[scale == 0] = 1
    steps = weight / scale[..., None]
    return np.rint(steps, out=steps).astype(np.int8), scale


def quantised_blocks(weight: "Array", bits: int, block: int) -> "tuple[Array, Array]":
    """``weight`` [n, K] as int8 [n, K], and one float32 scale for each ``block`` of a row, [n, K / block].

    K is a multiple of ``block``.
    """
    rows, inside = weight.shape
    stored, scale = quantised(weight.reshape(rows, inside // block, block), bits)
    return stored.reshape(rows, inside), scale
