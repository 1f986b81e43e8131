"""Element types by numpy's name: their width, and the precision a file's weights amount to."""

import math
from collections.abc import Mapping, Sequence

BITS = {
    "bool": 8,
    "nf4": 4,
    "int2": 2,
    "uint2": 2,
    "int4": 4,
    "uint4": 4,
    "int8": 8,
    "uint8": 8,
    "int16": 16,
    "uint16": 16,
    "int32": 32,
    "uint32": 32,
    "int64": 64,
    "uint64": 64,
    "float4_e2m1fn": 4,
    "float8_e4m3fn": 8,
    "float8_e4m3fnuz": 8,
    "float8_e5m2": 8,
    "float8_e5m2fnuz": 8,
    "float8_e8m0fnu": 8,
    "float16": 16,
    "bfloat16": 16,
    "float32": 32,
    "float64": 64,
    "complex64": 64,
    "complex128": 128,
}

INDEX_DTYPES = frozenset({"bool", "int32", "uint32", "int64", "uint64"})  # shapes, axes, indices: no weights


def tensor_bytes(dtype: str, shape: Sequence[int]) -> int | None:
    """Bytes of a dense tensor, sub-byte types packed; ``None`` for a type without a fixed width."""
    bits = BITS.get(dtype)
    return None if bits is None else (math.prod(shape) * bits + 7) // 8


def weight_precision(bytes_by_dtype: Mapping[str, int]) -> str | None:
    """The type that most weight bytes are stored in; unsigned quantised types go by their signed name.

    ``None`` without weights. On a tie the first in alphabetical order.
    """
    totals: dict[str, int] = {}
    for dtype, size in bytes_by_dtype.items():
        name = dtype.removeprefix("u")
        if dtype not in INDEX_DTYPES and size:
            totals[name] = totals.get(name, 0) + size
    return max(sorted(totals), key=totals.__getitem__) if totals else None
