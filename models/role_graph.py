"""A graph as the search for its inputs' roles reads it, of whichever format."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import TensorSpec

if TYPE_CHECKING:
    import numpy as np


class Node(Struct, frozen=True):
    """One node; values by name, ``""`` for an input left out. ``bodies``: its subgraphs. ``axis``: of a gather.
    ``order``: of a transposition, where an attribute holds it. ``groups``: of a convolution. ``transposed``: which
    operands of a product are read transposed."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    bodies: "tuple[Body, ...]" = ()
    axis: int = 0
    order: tuple[int, ...] = ()
    groups: int = 1
    transposed: frozenset[int] = frozenset()


class Body(Struct, frozen=True):
    """A subgraph: values of the graph around it are read by their names. ``inputs``: its own, fed from the node's."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]


class Constant(Struct, frozen=True):
    """A constant's type and shape."""

    dtype: str
    shape: tuple[int, ...]


class RoleGraph(Struct, frozen=True):
    """A graph in execution order. ``values``: what a constant holds, ``None`` where it is too large to look at."""

    nodes: tuple[Node, ...]
    inputs: dict[str, TensorSpec]  # by the value's name
    outputs: dict[str, str]  # the output's name by the value's
    constants: dict[str, Constant]
    values: "Callable[[str], np.ndarray[Any, Any] | None]"
