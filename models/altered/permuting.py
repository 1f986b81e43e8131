"""What the formats share: which constants are permuted, and how.

The values of a constant are put into another order within it: their distribution stays, and so do zeros, denormals and
the range of a quantised type, on which a kernel's time may depend. Only weights of at least two dimensions are touched:
scales, zero points, biases, shapes and indices keep their values, so that the graph stays valid.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int8": 1,
    "uint8": 1,
    "int4": 1,
    "uint4": 1,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
}
"""Type -> bytes that stay together; two values of four bits do."""
FEWEST_ELEMENTS = 16
MOST_SIBLING_BYTES = 1 << 24


def is_altered(dtype: str, shape: Sequence[int]) -> bool:
    """Whether a constant is permuted."""
    return dtype in BYTES and len(shape) >= 2 and math.prod(shape) >= FEWEST_ELEMENTS


def permuted(data: bytes, dtype: str, generator: "np.random.Generator") -> bytes:
    """The elements of ``data`` in another order."""
    import numpy as np

    return generator.permutation(np.frombuffer(data, f"V{BYTES[dtype]}")).tobytes()


def refuse_unaltered(path: Path, tensors: int) -> None:
    """Raise ``InputError`` for a model in which nothing was permuted."""
    if not tensors:
        raise InputError(sentence("model.nothing_to_alter", file=path.name), sentence("model.nothing_to_alter.remedy"))


def copy_siblings(path: Path, folder: Path) -> None:
    """Copy the configurations beside a model file, which a language model's limits are read from."""
    for file in sorted(path.parent.glob("*.json")):
        if file.is_file() and not file.is_symlink() and file.stat().st_size <= MOST_SIBLING_BYTES:
            (folder / file.name).write_bytes(file.read_bytes())
