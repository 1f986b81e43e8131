"""Sums over a graph's operators that are the same for every file format."""

import math
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from bench.models.dtypes import tensor_bytes


class Value(Struct, frozen=True):
    """A tensor of a graph. ``shape`` is ``None`` where it is not known to the last dimension."""

    dtype: str
    shape: tuple[int, ...] | None

    @property
    def size_bytes(self) -> int | None:
        return None if self.shape is None else tensor_bytes(self.dtype, self.shape)


def convolution_macs(output: Sequence[int], kernel: Sequence[int]) -> int:
    """MACs of a convolution: every output element takes one product with each element of its ``kernel`` (input
    channels of its group × height × width). For a transposed one give the input and the kernel of one input element."""
    return math.prod(output) * math.prod(kernel)


def widest_bytes(operators: Iterable[Mapping[str, Value]]) -> int | None:
    """Bytes of the largest operator, each given as its activation inputs and outputs by name.

    As the file is written: what a runtime fuses or works on in place is not known here. ``None`` when any size is
    unknown.
    """
    widest = 0
    for values in operators:
        sizes = [value.size_bytes for value in values.values()]
        if None in sizes:
            return None
        widest = max(widest, sum(size for size in sizes if size is not None))
    return widest
