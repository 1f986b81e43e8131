"""Sums over a graph's operators that are the same for every file format."""

import math
from collections.abc import Iterable, Sequence

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


class Operator(Struct, frozen=True):
    """One operator's activations by tensor name. ``in_place``: each element, or each channel, of the output needs the
    same one of an input only, so that it can be written over it."""

    reads: dict[str, Value]
    makes: dict[str, Value]
    in_place: bool = False

    @property
    def size_bytes(self) -> int | None:
        """Inputs plus outputs; for an operator in place the largest input and the outputs share their memory.

        A depthwise convolution counts as in place, as MCUNet does (Lin et al. 2020, section 3.3): its one channel of
        scratch is left out.
        """
        reads = [value.size_bytes for name, value in self.reads.items() if name not in self.makes]
        makes = [value.size_bytes for value in self.makes.values()]
        known = [size for size in (*reads, *makes) if size is not None]
        if len(known) < len(reads) + len(makes):
            return None
        shared = min(max(known[: len(reads)], default=0), sum(known[len(reads) :])) if self.in_place else 0
        return sum(known) - shared


def widest_bytes(operators: Iterable[Operator]) -> int | None:
    """Bytes of the largest operator's activations, as the file is written: what a runtime fuses is not known here.

    ``None`` when any size is unknown.
    """
    sizes = [operator.size_bytes for operator in operators]
    known = [size for size in sizes if size is not None]
    return max(known, default=0) if len(known) == len(sizes) else None
