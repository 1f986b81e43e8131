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


def quantised_columns(weight: "Array", bits: int, block: int = 0) -> "tuple[Array, Array]":
    """``weight`` [K, N] as int8 [K, N], and its scales.

    With ``block`` every run of so many elements of a column has its own scale, [K / block, N]; K is a multiple of it.
    Without, the column has one, [N].
    """
    import numpy as np

    inside, outside = weight.shape
    blocks = weight.reshape(-1, block or inside, outside).swapaxes(1, 2)
    stored, scale = quantised(blocks, bits)
    stored = np.ascontiguousarray(stored.swapaxes(1, 2)).reshape(inside, outside)
    return stored, scale if block else scale[0]
