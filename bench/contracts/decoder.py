"""What an engine must know of a decoder to drive it: its inputs, its cache, its vocabulary."""

from math import prod

from msgspec import Struct

from bench.words import Sentence


class CacheTensor(Struct, frozen=True):
    """One tensor of a decoder's cache: the input ``past`` takes what the output ``present`` returned the step before.

    ``shape`` is that of an empty cache at batch 1. ``length_axis`` grows by the tokens of each step; ``None``: a state
    of fixed size, as of a convolution, which begins as zeros.
    """

    past: str
    present: str
    dtype: str
    shape: tuple[int, ...]
    length_axis: int | None
    batch_axis: int = 0


class FixedInput(Struct, frozen=True):
    """A control input of a decoder's graph, other than tokens. ``value`` ``None``: whether the cache contains
    anything."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    value: int | None


class PositionInput(Struct, frozen=True):
    """An input of a decoder's graph that says where in the cache the new tokens go, such as ``cache_position``.

    ``shape``: [S] with ``None`` for S takes the position of every new token; [] and [1] take that of the first.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def fed(self, tokens: int) -> tuple[int, ...]:
        """The shape of what is fed with that many new tokens."""
        return tuple(tokens if size is None else size for size in self.shape)

    @property
    def every_token(self) -> bool:
        return None in self.shape


class Stage(Struct, frozen=True):
    """One graph of a decoder that is several, as the configuration of its folder names it.

    ``file``: relative to the folder; ``sha256`` and ``size_bytes`` cover it with its external data. ``on_prompt`` and
    ``on_token``: whether it runs on a prompt, and on each generated token. ``provider``: what the folder asks for it
    (``qnn``), "" of the CPU. ``compiled``: for what it was compiled (``Qnn``), "" of a graph of operators.
    """

    name: str
    file: str
    sha256: str
    size_bytes: int
    on_prompt: bool = True
    on_token: bool = True
    provider: str = ""
    compiled: str = ""


CACHE_WIDTHS = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1}
"""Bytes of an element of a KV cache."""


class DecoderSpec(Struct, frozen=True):
    """The parts of a decoder-only language model with a KV cache that an engine must know to drive it.

    ``stateful``: an OpenVINO IR that keeps the cache in its state and takes ``beam_idx`` [B] (int32). Otherwise the
    graph takes ``input_ids`` [B, S], ``attention_mask`` [B, P+S] and ``position_ids`` [B, S] and, for every
    layer, ``past_key_values.N.key`` and ``.value`` [B, kv_heads, P, head_dim]; it returns ``logits`` [B, S, vocab_size]
    and ``present.N.key`` / ``.value`` [B, kv_heads, P+S, head_dim]. ``cache`` is set where the cache is laid out or
    named otherwise; the sizes of a layer are then those of its first tensor.

    ``ids_dtype``, ``mask_dtype`` and ``position_dtype`` are those of these inputs. ``past_length`` is P where the graph
    fixes it: past and present are then one buffer of that length, as with GroupQueryAttention, and the graph reads from
    the mask how much of it is in use. ``shared_cache``: the same with a buffer that the engine makes as long as it
    needs, at least P+S. ``last_logits``: the graph may return those of the last position only;
    ``flat_logits``: without a dimension for it, [B, vocab_size]. ``fixed_inputs`` and ``cache_position`` are fed
    in addition. ``bos_token_id`` and ``eos_token_ids`` are those of the model, if known.

    ``runtime``: the distribution of the only runtime that can drive the decoder (``onnxruntime-genai``), from a folder
    with its configuration; only targets that require it open it; ``only_there`` says why. ``unknown``: why the layout
    of the cache is not known; ``layers``, ``kv_heads`` and ``head_dim`` are then 0.

    ``stages``: the graphs of a decoder that is several, in their order. ``window``: the tokens that such a graph takes
    of a prompt at a time, to which its runtime pads the last of them with ``pad_token_id``; 0: as many as there are.
    """

    layers: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    context_length: int
    kv_dtype: str = "float32"
    has_position_ids: bool = True
    stateful: bool = False
    mask_dtype: str = "int64"
    past_length: int | None = None
    bos_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = ()
    ids_dtype: str = "int64"
    position_dtype: str = "int64"
    last_logits: bool = False
    flat_logits: bool = False
    fixed_inputs: tuple[FixedInput, ...] = ()
    cache: tuple[CacheTensor, ...] = ()
    cache_position: PositionInput | None = None
    shared_cache: bool = False
    runtime: str = ""
    unknown: Sentence | str = ""
    only_there: Sentence | str = ""
    stages: tuple[Stage, ...] = ()
    window: int = 0
    pad_token_id: int | None = None

    @property
    def padding(self) -> int | None:
        """The token that no prompt may have in it, because the runtime fills its windows with it: 0 where the model
        states none. ``None`` of a decoder without windows."""
        return self.pad_token_id or 0 if self.window else None

    def cache_tensors(self) -> tuple[CacheTensor, ...]:
        """Every tensor of the cache, layer by layer, key before value."""
        if self.cache:
            return self.cache
        shape = (1, self.kv_heads, self.past_length or 0, self.head_dim)
        return tuple(
            CacheTensor(f"past_key_values.{n}.{part}", f"present.{n}.{part}", self.kv_dtype, shape, 2)
            for n in range(self.layers)
            for part in ("key", "value")
        )

    @property
    def kv_cache_precision(self) -> str:
        """The types of the graph's own cache, as ``SessionFacts.kv_cache_precision`` has them."""
        return "+".join(dict.fromkeys(t.dtype for t in self.cache_tensors() if t.length_axis is not None))

    @property
    def kv_cache_elements_per_token(self) -> int:
        """Elements of the keys and values of one token in all layers."""
        return sum(_per_token(tensor) for tensor in self.cache_tensors())

    @property
    def kv_cache_bytes_per_token(self) -> int | None:
        """Keys and values of one token in all layers, in the graph's own type. ``None``: the layout is not known."""
        if self.unknown:
            return None
        return sum(CACHE_WIDTHS[tensor.dtype] * _per_token(tensor) for tensor in self.cache_tensors())


def _per_token(tensor: CacheTensor) -> int:
    """Elements by which ``tensor`` grows with each token; 0 of a state of fixed size."""
    if tensor.length_axis is None:
        return 0
    return prod(size for axis, size in enumerate(tensor.shape) if axis != tensor.length_axis)
