"""A published language model as the graph builder takes it: sizes, and tensors that are read some rows at a time.

Every reader gives the tensors the same names and the same meaning, whatever the file calls them and however it lays
them out. A matrix is [outputs, inputs], as published; ``N`` is the number of a layer.

| name | shape |
|---|---|
| ``embedding.weight``; ``output.weight`` unless ``config.tied`` | [vocab, dim] |
| ``norm.weight``, ``layers.N.attention_norm.weight``, ``layers.N.feed_forward_norm.weight`` | [dim] |
| ``layers.N.attention_output_norm.weight``, with ``config.output_norms`` | [dim] |
| ``layers.N.feed_forward_output_norm.weight``, with ``config.output_norms`` | [dim] |
| ``layers.N.attention.query.weight`` | [heads × head_dim, dim] |
| ``layers.N.attention.key.weight``, ``….value.weight`` | [kv_heads × head_dim, dim] |
| ``layers.N.attention.query.bias``, ``….key.bias``, ``….value.bias``, with ``config.qkv_bias`` | [outputs] |
| ``layers.N.attention.query_norm.weight``, ``….key_norm.weight``, with ``config.query_key_norm`` | [head_dim] |
| ``layers.N.attention.output.weight`` | [dim, heads × head_dim] |
| ``layers.N.feed_forward.gate.weight``, ``….up.weight`` | [hidden, dim] |
| ``layers.N.feed_forward.down.weight`` | [dim, hidden] |

Query and key are for a rotation of the two halves of a head (number i with number i + rotated / 2): a reader of a file
that rotates neighbours reorders their rows. A norm multiplies by its weight: a reader of a file that stores the
difference from 1 adds 1.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from msgspec import Struct

from bench.models.sllm.config import DecoderConfig

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


class Checkpoint(Struct, frozen=True):
    """A published language model, opened.

    ``architecture``: as the file calls it. ``precision``: what a graph of it has unless another is asked for: ``int4``
    or ``int8`` where the file is quantised (its own blocks are kept), else ``float32``. ``stored_as``: the type of most
    of its weights, in the file's own words. ``files``: all that it was read from, the one that the user named first.
    """

    architecture: str
    config: DecoderConfig
    tensors: Mapping[str, Tensor]
    precision: str
    stored_as: str
    files: tuple[Path, ...]
