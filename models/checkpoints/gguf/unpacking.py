"""Blocks of GGUF's affine types as codes, scales and offsets.

Each function takes blocks of bytes [n, bytes of a block] and gives ``Blocks`` of n rows; ``scale`` × ``codes`` +
``offset`` are the numbers of ggml's own unpacking. Source: ggml-org/ggml, src/ggml-quants.c (``dequantize_row_…``). A
block of the K types has 256 numbers in parts of 16 or 32, each with its own scale. Codes of 4 bits are moved from 0…15
to -8…7, their offset by 8 scales.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bench.models.checkpoints.checkpoint import Blocks

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

IQ4_VALUES = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)


def q4_0(data: "Array") -> Blocks:
    return Blocks(_halves(data[:, 2:]) - 8, _half(data, 0), None)


def q4_1(data: "Array") -> Blocks:
    return _centred(_halves(data[:, 4:]), _half(data, 0), _half(data, 2))


def q5_0(data: "Array") -> Blocks:
    return Blocks(_fives(data[:, 2:6], data[:, 6:]) - 16, _half(data, 0), None)


def q5_1(data: "Array") -> Blocks:
    return Blocks(_fives(data[:, 4:8], data[:, 8:]), _half(data, 0), _half(data, 2))


def q8_0(data: "Array") -> Blocks:
    return Blocks(data[:, 2:].view("i1"), _half(data, 0), None)


def q2_k(data: "Array") -> Blocks:
    scales = data[:, :16]
    codes = _planes(data[:, 16:80], (0, 2, 4, 6), 3)
    return Blocks(codes, _half(data, 80) * (scales & 15), -(_half(data, 82) * (scales >> 4)))


def q3_k(data: "Array") -> Blocks:
    """The highest bit of a code lies apart, inverted."""
    import numpy as np

    packed = data[:, 96:108]
    low = np.concatenate((packed[:, :8] & 15, packed[:, :8] >> 4), 1)
    high = np.concatenate([packed[:, 8:] >> shift & 3 for shift in (0, 2, 4, 6)], 1)
    scales = (low | high << 4).astype("i1") - np.int8(32)
    codes = _planes(data[:, 32:96], (0, 2, 4, 6), 3) + 4 * _planes(data[:, :32], range(8), 1) - 4
    return Blocks(codes, _half(data, 108) * scales, None)


def q4_k(data: "Array") -> Blocks:
    scale, least = _k_scales(data)
    return _centred(_planes(data[:, 16:], (0, 4), 15), scale, -least)


def q5_k(data: "Array") -> Blocks:
    scale, least = _k_scales(data)
    codes = _planes(data[:, 48:], (0, 4), 15) + 16 * _planes(data[:, 16:48], range(8), 1)
    return Blocks(codes, scale, -least)


def q6_k(data: "Array") -> Blocks:
    low = _planes(data[:, :128], (0, 4), 15, 64)
    high = _planes(data[:, 128:192], (0, 2, 4, 6), 3)
    return Blocks((low | high << 4) - 32, _half(data, 208) * data[:, 192:208].view("i1"), None)


def iq4_nl(data: "Array") -> Blocks:
    return Blocks(_iq4(_halves(data[:, 2:])), _half(data, 0), None)


def iq4_xs(data: "Array") -> Blocks:
    import numpy as np

    n = len(data)
    low = np.stack((data[:, 4:8] & 15, data[:, 4:8] >> 4), 2).reshape(n, 8)
    high = data[:, 2:4].copy().view("<u2") >> np.arange(0, 16, 2, dtype=np.uint16) & 3
    scales = (low | high << 4).astype("i1") - np.int8(32)
    codes = _iq4(_planes(data[:, 8:], (0, 4), 15, 16))
    return Blocks(codes, _half(data, 0) * scales, None)


def _half(data: "Array", place: int) -> "Array":
    """The float16 at this byte of each block, as float32 [n, 1]."""
    found: Array = data[:, place : place + 2].copy().view("<f2").astype("f4")
    return found


def _centred(codes: "Array", scale: "Array", offset: "Array") -> Blocks:
    return Blocks(codes - 8, scale, offset + 8 * scale)


def _halves(data: "Array") -> "Array":
    """Codes 0…15: all lower halves of the bytes, then all upper ones."""
    import numpy as np

    return np.concatenate((data & 15, data >> 4), 1).view(np.int8)


def _fives(high: "Array", low: "Array") -> "Array":
    """Codes 0…31, the fifth bits of a block in 4 bytes."""
    import numpy as np

    found: Array = _halves(low) | np.unpackbits(high, axis=1, bitorder="little").view(np.int8) << 4
    return found


def _planes(data: "Array", shifts: Iterable[int], mask: int, width: int = 32) -> "Array":
    """Codes of the bytes, ``width`` of them at a time: their bits from the first of ``shifts``, then the second …"""
    import numpy as np

    parts = data.reshape(len(data), -1, 1, width) >> np.array(tuple(shifts), np.uint8)[:, None]
    found: Array = (parts & np.uint8(mask)).reshape(len(data), -1).view(np.int8)
    return found


def _k_scales(data: "Array") -> "tuple[Array, Array]":
    """Scales and minima of Q4_K and Q5_K, 8 each of 6 bits, times those of the whole block."""
    import numpy as np

    first, second, mixed = data[:, 4:8], data[:, 8:12], data[:, 12:16]
    scales = np.concatenate((first & 63, mixed & 15 | first >> 6 << 4), 1)
    least = np.concatenate((second & 63, mixed >> 4 | second >> 6 << 4), 1)
    return _half(data, 0) * scales, _half(data, 2) * least


def _iq4(indices: "Array") -> "Array":
    import numpy as np

    return np.array(IQ4_VALUES, np.int8)[indices]
