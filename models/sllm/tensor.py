"""A tensor as the graph builder takes it: read some rows at a time, in blocks where it is quantised."""

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Blocks(NamedTuple):
    """Rows of a matrix exactly as they are stored, in blocks along their inputs: the weight is
    ``scale`` × ``codes`` + ``offset``, with one scale and one offset for each block.

    ``codes``: int8 [n, inputs]; of 4 bits -8 to 7, or fewer. ``scale``: float32 [n, inputs / block]. ``offset``: the
    same, or ``None`` where all are zero.
    """

    codes: "Array"
    scale: "Array"
    offset: "Array | None"


class Tensor(Protocol):
    """One tensor of a checkpoint. Nothing of it is held in memory between calls."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[outputs, inputs], or [n]."""

    @property
    def stored_as(self) -> str:
        """The type in the file, in its own words: ``Q4_1``, ``BF16``, ``F32``."""

    @property
    def bits(self) -> int | None:
        """4 or 8 where ``blocks`` gives the weights, ``None`` where they are stored as floating-point numbers or cannot
        be given as blocks."""

    @property
    def block(self) -> int:
        """Inputs that share a scale; 0 where ``bits`` is ``None``."""

    def rows(self, start: int, stop: int) -> "Array":
        """Float32 [stop - start, inputs], or [stop - start] of a vector: what is stored, exactly."""

    def blocks(self, start: int, stop: int) -> Blocks:
        """The same rows as blocks. Only where ``bits`` is not ``None``."""
