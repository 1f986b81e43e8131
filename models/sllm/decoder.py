"""Writes a Llama-style decoder with a KV cache as an ONNX graph of standard operators.

Every engine runs this graph: opset 17 has no fused normalisation, rotary embedding or attention, and none is needed.
Shapes stay at rank 4 or less and keys are never repeated, for accelerators as much as for reading.
The cache may be padded on the left: slots whose ``attention_mask`` is 0 have no influence, whatever they hold.
"""

import math
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench.contracts import DecoderSpec, TensorSpec
from bench.models.onnx_graph import GraphWriter

MASKED = -1e4  # far below any score, and still a number in float16
# Random weights tend to repeat one token: the tied embedding favours the token just read, and the mean over the context
# drowns it. Small embeddings, weak attention and strong feed-forward layers make the next token depend on both.
EMBEDDING_SCALE = 0.1
ATTENTION_GAIN = 0.5
FEED_FORWARD_GAIN = 3.0


class DecoderConfig(Struct, frozen=True):
    """Sizes of a Llama-style decoder, named as in Touvron et al. 2023. ``dim`` is a multiple of ``heads``, ``heads`` of
    ``kv_heads``, and a head's width is even."""

    dim: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    vocab: int
    context: int
    tied: bool = True
    rope_theta: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads

    @property
    def parameters(self) -> int:
        """Learnable numbers: the embedding (counted once when tied), projections and normalisation weights."""
        attention = 2 * self.dim * self.dim + 2 * self.dim * self.kv_heads * self.head_dim
        layer = attention + 3 * self.dim * self.hidden + 2 * self.dim
        return (1 if self.tied else 2) * self.vocab * self.dim + self.layers * layer + self.dim

    @property
    def spec(self) -> DecoderSpec:
        return DecoderSpec(
            layers=self.layers,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            vocab_size=self.vocab,
            context_length=self.context,
        )


def write_decoder(config: DecoderConfig, seed: int, path: Path) -> None:
    """Write the graph with weights drawn from ``seed``; see ``DecoderSpec`` for its inputs and outputs."""
    _Decoder(config, seed).write(path)


class _Decoder(GraphWriter):
    def __init__(self, config: DecoderConfig, seed: int) -> None:
        import numpy as np

        super().__init__()
        self.config = config
        self._random = np.random.default_rng(seed)

    def write(self, path: Path) -> None:
        config = self.config
        embedding = self._weight("embedding.weight", (config.vocab, config.dim), EMBEDDING_SCALE)
        mask, rotation = self._mask(), self._rotation()
        value = self.node("Gather", (embedding, "input_ids"), "embedding")
        for index in range(config.layers):
            name = f"layers.{index}"
            attention = self._attention(self._norm(value, f"{name}.attention_norm"), index, mask, rotation)
            value = self.node("Add", (value, attention), f"{name}.attention_residual")
            feed_forward = self._feed_forward(self._norm(value, f"{name}.feed_forward_norm"), f"{name}.feed_forward")
            value = self.node("Add", (value, feed_forward), f"{name}.feed_forward_residual")
        self._logits(self._norm(value, "norm"), embedding)
        self.save(path, "decoder", _inputs(config), _outputs(config))

    def _norm(self, value: str, name: str) -> str:
        """RMSNorm: x / sqrt(mean(x²) + epsilon) × weight."""
        square = self.node("Mul", (value, value), f"{name}.square")
        mean = self.node("ReduceMean", (square,), f"{name}.mean", axes=[-1], keepdims=1)
        stable = self.node("Add", (mean, self._scalar("epsilon", self.config.epsilon)), f"{name}.epsilon")
        root = self.node("Sqrt", (stable,), f"{name}.root")
        unit = self.node("Div", (value, root), f"{name}.unit")
        return self.node("Mul", (unit, self._norm_weight(f"{name}.weight")), name)

    def _attention(self, value: str, index: int, mask: str, rotation: tuple[str, str]) -> str:
        """Grouped-query attention: the queries of one KV head lie below each other in one matrix product."""
        config, name = self.config, f"layers.{index}.attention"
        heads, kv_heads, width = config.heads, config.kv_heads, config.head_dim
        query = self._rotate(self._heads(value, f"{name}.query", heads), rotation, f"{name}.query_rope")
        key = self._rotate(self._heads(value, f"{name}.key", kv_heads), rotation, f"{name}.key_rope")
        keys = self._cached(key, index, "key")
        values = self._cached(self._heads(value, f"{name}.value", kv_heads), index, "value")

        keys = self.node("Transpose", (keys,), f"{name}.keys_transposed", perm=[0, 1, 3, 2])
        query = self._regroup(query, f"{name}.query_groups", kv_heads)
        scores = self._regroup(self.node("MatMul", (query, keys), f"{name}.scores"), f"{name}.scores_by_head", heads)
        scale = self._scalar("attention_scale", 1 / math.sqrt(width))
        scores = self.node("Mul", (scores, scale), f"{name}.scores_scaled")
        scores = self.node("Add", (scores, mask), f"{name}.scores_masked")
        shares = self._regroup(self.node("Softmax", (scores,), f"{name}.softmax", axis=-1), f"{name}.groups", kv_heads)
        mixed = self._regroup(self.node("MatMul", (shares, values), f"{name}.mix"), f"{name}.mix_by_head", heads)

        mixed = self.node("Transpose", (mixed,), f"{name}.mix_transposed", perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", (mixed, self._shape("merge_heads", 0, 0, config.dim)), f"{name}.merged")
        return self._linear(mixed, f"{name}.output", config.dim, config.dim, ATTENTION_GAIN)

    def _heads(self, value: str, name: str, heads: int) -> str:
        """Project, then [B, S, heads × head_dim] → [B, heads, S, head_dim]."""
        width = self.config.head_dim
        value = self._linear(value, name, self.config.dim, heads * width)
        value = self.node("Reshape", (value, self._shape(f"split_{heads}", 0, 0, heads, width)), f"{name}.split")
        return self.node("Transpose", (value,), f"{name}.by_head", perm=[0, 2, 1, 3])

    def _regroup(self, value: str, name: str, heads: int) -> str:
        """[B, n, S, width] → [B, heads, n × S / heads, width]; nothing to do without grouping."""
        if self.config.heads == self.config.kv_heads:
            return value
        return self.node("Reshape", (value, self._shape(f"group_{heads}", 0, heads, -1, 0)), name)

    def _cached(self, value: str, index: int, part: str) -> str:
        inputs = (f"past_key_values.{index}.{part}", value)
        output = f"present.{index}.{part}"
        return self.split_node("Concat", inputs, f"layers.{index}.attention.{part}_cache", (output,), axis=2)[0]

    def _rotate(self, value: str, rotation: tuple[str, str], name: str) -> str:
        """Rotary position embedding (Su et al. 2021) on the two halves of each head, as most ports of Llama have it."""
        cosine, sine = rotation
        left, right = self.split_node("Split", (value,), f"{name}.halves", (f"{name}.left", f"{name}.right"), axis=-1)
        left_cosine = self.node("Mul", (left, cosine), f"{name}.left_cos")
        right_sine = self.node("Mul", (right, sine), f"{name}.right_sin")
        right_cosine = self.node("Mul", (right, cosine), f"{name}.right_cos")
        left_sine = self.node("Mul", (left, sine), f"{name}.left_sin")
        turned = (
            self.node("Sub", (left_cosine, right_sine), f"{name}.turned_left"),
            self.node("Add", (right_cosine, left_sine), f"{name}.turned_right"),
        )
        return self.node("Concat", turned, name, axis=-1)

    def _rotation(self) -> tuple[str, str]:
        """Cosine and sine of each position's angles, [B, 1, S, head_dim / 2]."""
        import numpy as np

        width = self.config.head_dim
        frequencies = self.config.rope_theta ** (-np.arange(0, width, 2) / width)
        positions = self.node("Cast", ("position_ids",), "rope.positions", to=1)
        column = self.node("Unsqueeze", (positions, self._shape("axes_1_3", 1, 3)), "rope.column")
        inverse = self.constant("rope.frequencies", frequencies.astype(np.float32))
        angles = self.node("Mul", (column, inverse), "rope.angles")
        return self.node("Cos", (angles,), "rope.cos"), self.node("Sin", (angles,), "rope.sin")

    def _mask(self) -> str:
        """[B, 1, S, P+S]: 0 where query i may see slot j (j ≤ P + i, and not padded), else ``MASKED``."""
        import numpy as np

        zero, one = self._index(0), self._index(1)
        total = self.node("Gather", (self.node("Shape", ("attention_mask",), "mask.shape"), one), "mask.total")
        sequence = self.node("Gather", (self.node("Shape", ("input_ids",), "mask.ids_shape"), one), "mask.sequence")
        past = self.node("Sub", (total, sequence), "mask.past")
        slots = self.node("Range", (zero, total, one), "mask.slots")
        queries = self.node("Range", (past, total, one), "mask.queries")
        column = self.node("Unsqueeze", (queries, self._shape("axes_1", 1)), "mask.column")
        causal = self.node("LessOrEqual", (slots, column), "mask.causal")
        present = self.node("Cast", ("attention_mask",), "mask.present", to=9)
        present = self.node("Unsqueeze", (present, self._shape("axes_1_2", 1, 2)), "mask.present_by_head")
        visible = self.node("And", (present, causal), "mask.visible")
        masked = self.constant("masked", np.array(MASKED, np.float32))
        return self.node("Where", (visible, self._scalar("visible", 0.0), masked), "mask")

    def _feed_forward(self, value: str, name: str) -> str:
        """SwiGLU: down(silu(gate(x)) × up(x))."""
        config = self.config
        gate = self._linear(value, f"{name}.gate", config.dim, config.hidden)
        gate = self.node("Mul", (gate, self.node("Sigmoid", (gate,), f"{name}.sigmoid")), f"{name}.silu")
        up = self._linear(value, f"{name}.up", config.dim, config.hidden)
        gated = self.node("Mul", (gate, up), f"{name}.gated")
        return self._linear(gated, f"{name}.down", config.hidden, config.dim, FEED_FORWARD_GAIN)

    def _logits(self, value: str, embedding: str) -> None:
        """Gemm takes the embedding as it is stored, so that the tied matrix exists once."""
        config = self.config
        weight = embedding
        if not config.tied:
            weight = self._weight("output.weight", (config.vocab, config.dim), EMBEDDING_SCALE)
        rows = self.node("Reshape", (value, self._shape("rows", -1, config.dim)), "output.rows")
        product = self.node("Gemm", (rows, weight), "output", transB=1)
        shape = (self.node("Shape", ("input_ids",), "output.ids_shape"), self._shape("vocab", config.vocab))
        shape_name = self.node("Concat", shape, "output.shape", axis=0)
        self.split_node("Reshape", (product, shape_name), "output.by_token", ("logits",))

    def _linear(self, value: str, name: str, inside: int, outside: int, gain: float = 1.0) -> str:
        weight = self._weight(f"{name}.weight", (inside, outside), gain / math.sqrt(inside))
        return self.node("MatMul", (value, weight), name)

    def _weight(self, name: str, shape: tuple[int, ...], deviation: float) -> str:
        import numpy as np

        return self.constant(name, self._random.standard_normal(shape, np.float32) * np.float32(deviation))

    def _norm_weight(self, name: str) -> str:
        import numpy as np

        noise = self._random.standard_normal(self.config.dim, np.float32)
        return self.constant(name, 1 + np.float32(0.1) * noise)

    def _scalar(self, name: str, value: float) -> str:
        import numpy as np

        return self.constant(name, np.array(value, np.float32))

    def _index(self, value: int) -> str:
        import numpy as np

        return self.constant(f"index_{value}", np.array(value, np.int64))

    def _shape(self, name: str, *values: int) -> str:
        import numpy as np

        return self.constant(name, np.array(values, np.int64))


def _inputs(config: DecoderConfig) -> tuple[TensorSpec, ...]:
    tokens = (
        TensorSpec("input_ids", "int64", ("batch", "sequence")),
        TensorSpec("attention_mask", "int64", ("batch", "total")),
        TensorSpec("position_ids", "int64", ("batch", "sequence")),
    )
    return tokens + _cache(config, "past_key_values", "past")


def _outputs(config: DecoderConfig) -> tuple[TensorSpec, ...]:
    logits = TensorSpec("logits", "float32", ("batch", "sequence", config.vocab))
    return (logits, *_cache(config, "present", "total"))


def _cache(config: DecoderConfig, prefix: str, length: str) -> tuple[TensorSpec, ...]:
    shape: tuple[Any, ...] = ("batch", config.kv_heads, length, config.head_dim)
    names = (f"{prefix}.{index}.{part}" for index in range(config.layers) for part in ("key", "value"))
    return tuple(TensorSpec(name, "float32", shape) for name in names)
