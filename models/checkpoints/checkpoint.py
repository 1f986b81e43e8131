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
| ``layers.N.attention.output.bias``, with ``config.output_bias`` | [dim] |
| ``layers.N.feed_forward.gate.bias``, ``….up.bias``, ``….down.bias``, with ``config.feed_forward_bias`` | [outputs] |

Query and key are for a rotation of the two halves of a head (number i with number i + rotated / 2): a reader of a file
that rotates neighbours reorders their rows. A norm multiplies by its weight: a reader of a file that stores the
difference from 1 adds 1.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from bench.models.sllm.config import DecoderConfig
from bench.models.sllm.tensor import Blocks, Tensor

__all__ = ["Blocks", "Checkpoint", "Tensor"]


class Checkpoint(Struct, frozen=True):
    """A published language model, opened.

    ``architecture``: as the file calls it. ``precision``: what a graph of it has unless another is asked for: ``int4``
    or ``int8`` where the file is quantised (its own blocks are kept), else ``float32``. ``stored_as``: the type of most
    weights in its layers' matrices, in the file's own words; ``precision`` follows from it. ``files``: all that it was
    read from, the one that the user named first.
    ``companions``: by file name, the contents of what lies beside the graph made of it (``tokenizer.json``,
    ``config.json`` …).
    """

    architecture: str
    config: DecoderConfig
    tensors: Mapping[str, Tensor]
    precision: str
    stored_as: str
    files: tuple[Path, ...]
    companions: Mapping[str, Callable[[], bytes]] = {}
