"""The cells of a detector's feature maps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.quality.heads.head import Network

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

THREE, FOUR, FIVE = (8, 16, 32), (8, 16, 32, 64), (8, 16, 32, 64, 128)


def sizes_of(network: Network, strides: Sequence[int]) -> list[tuple[int, int]]:
    """Height and width of each feature map; the last cell may reach beyond the input."""
    return [(-(-network.height // s), -(-network.width // s)) for s in strides]


def cells_of(network: Network, strides: Sequence[int], each: int = 1) -> int:
    """How many there are in all maps, ``each`` times."""
    return each * sum(h * w for h, w in sizes_of(network, strides))


def strides_for(count: int, network: Network, each: int = 1) -> tuple[int, ...] | None:
    """The usual strides with so many cells, ``each`` of them several times."""
    return next((s for s in (THREE, FOUR, FIVE) if cells_of(network, s, each) == count), None)


def grid(network: Network, strides: Sequence[int], each: int = 1) -> "tuple[Array, Array, Array]":
    """Column, row and stride of every cell, map after map, row after row; ``each`` time one after another."""
    import numpy as np

    parts = []
    for (height, width), stride in zip(sizes_of(network, strides), strides, strict=True):
        rows, columns = np.mgrid[:height, :width].reshape(2, -1)
        parts.append(np.stack([columns, rows, np.full(rows.shape, stride)]).repeat(each, axis=1))
    columns, rows, stride_of = np.concatenate(parts, axis=1).astype(np.float64)
    return columns, rows, stride_of
