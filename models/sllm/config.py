"""Sizes of a Llama-style decoder, and the parameters that follow from them."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import DecoderSpec

if TYPE_CHECKING:
    import numpy as np


class RopeScaling(Struct, frozen=True):
    """Llama 3.1's stretch of slow rotations (``rope_type`` "llama3"), named as in its ``config.json``."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_context: int


class DecoderConfig(Struct, frozen=True):
    """Sizes named as in Touvron et al. 2023. ``dim`` is a multiple of ``heads``, ``heads`` of ``kv_heads``, and a
    head's width is even. ``qkv_bias``: Qwen's, on query, key and value."""

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

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads

    @property
    def parameters(self) -> int:
        """Learnable numbers: the embedding (counted once when tied), projections, biases and normalisation weights."""
        kv_width = self.kv_heads * self.head_dim
        attention = 2 * self.dim * self.dim + 2 * self.dim * kv_width
        biases = self.dim + 2 * kv_width if self.qkv_bias else 0
        layer = attention + biases + 3 * self.dim * self.hidden + 2 * self.dim
        return (1 if self.tied else 2) * self.vocab * self.dim + self.layers * layer + self.dim

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

    def frequencies(self) -> "np.ndarray[Any, Any]":
        """Radians a position for each pair of a head's numbers, float64 [head_dim / 2]."""
        import numpy as np

        plain = self.rope_theta ** (-np.arange(0, self.head_dim, 2) / self.head_dim)
        scaling = self.rope_scaling
        if scaling is None:
            return plain
        turns = scaling.original_context * plain / (2 * np.pi)  # within the context first trained on
        share = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
        share = np.clip(share, 0, 1)  # 0: slow, stretched in full; 1: fast, left alone
        mixed: np.ndarray[Any, Any] = (1 - share) * plain / scaling.factor + share * plain
        return mixed
