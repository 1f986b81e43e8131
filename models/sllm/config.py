"""Sizes and constants of a decoder, and the parameters that follow from them."""

import math
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from bench.contracts import DecoderSpec

if TYPE_CHECKING:
    import numpy as np

Shape = tuple[int, ...]
LayerKind = Literal["full", "sliding", "unrotated"]
"""What a layer attends to: everything before; the last ``sliding_window`` tokens; everything, without rotation."""


class RopeScaling(Struct, frozen=True):
    """Llama 3.1's stretch of slow rotations (``rope_type`` "llama3"), named as in its ``config.json``."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_context: int


class DecoderConfig(Struct, frozen=True):
    """Sizes named as in Touvron et al. 2023. ``heads`` is a multiple of ``kv_heads``, and a head's width is even.

    ``head_width``: of one head, where it is not ``dim / heads``. ``qkv_bias``: on query, key and value (Qwen 2).
    ``query_key_norm``: RMSNorm over each head of query and key, before the rotation (Qwen 3, Gemma 3).
    ``output_norms``: also behind attention and feed-forward, before the residual (Gemma 3). ``embedding_scale``:
    multiplies the embedded tokens. ``attention_scale``: multiplies the scores instead of 1 / sqrt(head_dim).
    ``layer_kinds``: one for each layer; empty: all full. ``local_rope_theta``: of the sliding layers, where it is
    another (Gemma 3); they are not scaled. ``rotated``: numbers of each head that are rotated, the first ones (partial
    rotation); ``None``: all. ``rope_divisors``: of each frequency (``rotated / 2`` numbers; longrope and ``rope_freqs``
    of GGUF); empty: none. ``rope_magnitude`` multiplies cosine and sine (longrope). ``output_bias``: on the output of
    attention; ``feed_forward_bias``: on all three matrices of the feed-forward part.
    """

    dim: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    vocab: int
    context: int
    tied: bool = True
    qkv_bias: bool = False
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    epsilon: float = 1e-5
    bos: int | None = None
    eos: tuple[int, ...] = ()
    head_width: int | None = None
    query_key_norm: bool = False
    output_norms: bool = False
    activation: Literal["silu", "gelu_tanh"] = "silu"
    embedding_scale: float = 1.0
    attention_scale: float | None = None
    layer_kinds: tuple[LayerKind, ...] = ()
    sliding_window: int | None = None
    local_rope_theta: float | None = None
    rotated: int | None = None
    rope_divisors: tuple[float, ...] = ()
    rope_magnitude: float = 1.0
    output_bias: bool = False
    feed_forward_bias: bool = False

    @property
    def head_dim(self) -> int:
        return self.head_width or self.dim // self.heads

    @property
    def parameters(self) -> int:
        """Learnable numbers: the embedding (counted once when tied), projections, biases and normalisation weights."""
        return sum(math.prod(shape) for shape in self.tensors.values())

    @property
    def tensors(self) -> dict[str, Shape]:
        """The shapes of all tensors by the names of ``bench.models.checkpoints.checkpoint``, in the order of use."""
        ends: dict[str, Shape] = {"embedding.weight": (self.vocab, self.dim), "norm.weight": (self.dim,)}
        if not self.tied:
            ends["output.weight"] = (self.vocab, self.dim)
        layer = self.layer_tensors
        return ends | {f"layers.{n}.{name}": shape for n in range(self.layers) for name, shape in layer.items()}

    @property
    def layer_tensors(self) -> dict[str, Shape]:
        """The shapes of one layer's tensors by their names behind ``layers.N.``."""
        dim, hidden = self.dim, self.hidden
        width, kv_width = self.heads * self.head_dim, self.kv_heads * self.head_dim
        norms: dict[str, Shape] = {"attention_norm.weight": (dim,), "feed_forward_norm.weight": (dim,)}
        if self.output_norms:
            norms |= {"attention_output_norm.weight": (dim,), "feed_forward_output_norm.weight": (dim,)}
        if self.query_key_norm:
            norms |= {f"attention.{part}_norm.weight": (self.head_dim,) for part in ("query", "key")}
        widths = {"query": width, "key": kv_width, "value": kv_width}
        biases: dict[str, Shape] = {f"attention.{part}.bias": (n,) for part, n in widths.items()}
        inner: dict[str, Shape] = {"gate": (hidden,), "up": (hidden,), "down": (dim,)}
        return {
            **norms,
            **{f"attention.{part}.weight": (n, dim) for part, n in widths.items()},
            **(biases if self.qkv_bias else {}),
            "attention.output.weight": (dim, width),
            **({"attention.output.bias": (dim,)} if self.output_bias else {}),
            "feed_forward.gate.weight": (hidden, dim),
            "feed_forward.up.weight": (hidden, dim),
            "feed_forward.down.weight": (dim, hidden),
            **({f"feed_forward.{part}.bias": n for part, n in inner.items()} if self.feed_forward_bias else {}),
        }

    @property
    def spec(self) -> DecoderSpec:
        return DecoderSpec(
            layers=self.layers,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            vocab_size=self.vocab,
            context_length=self.context,
            bos_token_id=self.bos,
            eos_token_ids=self.eos,
        )

    def kind(self, layer: int) -> LayerKind:
        return self.layer_kinds[layer] if self.layer_kinds else "full"

    def frequencies(self, kind: LayerKind = "full") -> "np.ndarray[Any, Any]":
        """Radians a position for each pair of a head's rotated numbers in layers of ``kind``, float64 [rotated / 2]."""
        import numpy as np

        local = self.local_rope_theta if kind == "sliding" else None
        width = self.rotated or self.head_dim
        plain = (local or self.rope_theta) ** (-np.arange(0, width, 2) / width)
        if local is None and self.rope_divisors:
            plain = plain / np.array(self.rope_divisors, np.float64)
        scaling = self.rope_scaling
        if scaling is None or local is not None:
            return plain
        turns = scaling.original_context * plain / (2 * np.pi)  # within the context first trained on
        share = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
        share = np.clip(share, 0, 1)  # 0: slow, stretched in full; 1: fast, left alone
        mixed: np.ndarray[Any, Any] = (1 - share) * plain / scaling.factor + share * plain
        return mixed
