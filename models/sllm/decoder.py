"""Writes a Llama-style decoder with a KV cache as an ONNX graph of standard operators.

Every engine runs this graph: opset 17 does not have fused normalisation, rotary embedding or attention, and the graph
does not need them; int4 weights need opset 21. Shapes have rank 4 or less and keys are never repeated, for accelerators
and for readability. The cache may be padded on the left: slots whose ``attention_mask`` is 0 do not affect the result,
whatever they contain.

In a float16 graph the cache is float16 as well. Normalisation, angles and logits are float32: as the published models
compute them, and because greedy choice over half-precision logits is slow and full of ties.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import TensorSpec
from bench.models.sllm.config import DecoderConfig, LayerKind
from bench.models.sllm.seeded import SeededTensors
from bench.models.sllm.tables import TabledGraph
from bench.models.sllm.tensor import Tensor
from bench.models.sllm.watched import WatchedTensors

if TYPE_CHECKING:
    import numpy as np

    from bench.models.onnx.weights import WeightFile

Rotation = tuple[str, str] | None
"""Names of cosine and sine, or of neither in layers without rotation."""
MASKED = -1e4  # far below any score, and still a number in float16


def write_decoder(config: DecoderConfig, seed: int, path: Path, precision: str = "float32") -> None:
    """Write the graph with weights drawn from ``seed``; see ``DecoderSpec`` for its inputs and outputs.

    Large weights go to the file that ``bench.models.onnx.weights.data_file`` names, one after the other.
    """
    write_checkpoint(config, SeededTensors(config, seed), path, precision)


def write_checkpoint(
    config: DecoderConfig, tensors: Mapping[str, Tensor], path: Path, precision: str, as_stored: bool = False
) -> None:
    """As ``write_decoder``, with these tensors; with ``as_stored`` each keeps its own type (``WeightedGraph``)."""
    from bench.models.onnx.weights import WeightFile

    with WeightFile(path) as weights:
        _Decoder(config, WatchedTensors(tensors, config), precision, weights, as_stored).write(path)


class _Decoder(TabledGraph):
    def __init__(
        self,
        config: DecoderConfig,
        tensors: Mapping[str, Tensor],
        precision: str,
        weights: "WeightFile",
        as_stored: bool,
    ) -> None:
        super().__init__(tensors, precision, weights, as_stored)
        self.config = config

    def write(self, path: Path) -> None:
        config = self.config
        self.embedding(config.tied)
        masks, rotations = self._masks(), self._rotations()
        value = self._embedded()
        for index in range(config.layers):
            name, kind = f"layers.{index}", config.kind(index)
            normed = self._norm(value, f"{name}.attention_norm")
            attention = self._attention(normed, index, masks[kind], rotations[kind])
            value = self._joined(value, attention, f"{name}.attention")
            feed_forward = self._feed_forward(self._norm(value, f"{name}.feed_forward_norm"), f"{name}.feed_forward")
            value = self._joined(value, feed_forward, f"{name}.feed_forward")
        self.output(self._norm(value, "norm"), config.tied, "logits")
        self.save(path, "decoder", _inputs(config, self.float_dtype), _outputs(config, self.float_dtype))

    def _embedded(self) -> str:
        if self.config.embedding_scale == 1:
            return self.rows_of("input_ids", "embedding")
        rows = self.rows_of("input_ids", "embedding.rows")
        return self.node("Mul", (rows, self._scalar("embedding_scale", self.config.embedding_scale)), "embedding")

    def _joined(self, value: str, part: str, name: str) -> str:
        """``value`` plus what attention or feed-forward made of it."""
        if self.config.output_norms:
            part = self._norm(part, f"{name}_output_norm")
        return self.node("Add", (value, part), f"{name}_residual")

    def _norm(self, value: str, name: str) -> str:
        """RMSNorm in float32: x / sqrt(mean(x²) + epsilon) × weight."""
        value = self.cast(value, "float32", f"{name}.input")
        square = self.node("Mul", (value, value), f"{name}.square")
        if self.opset < 18:
            mean = self.node("ReduceMean", (square,), f"{name}.mean", axes=[-1], keepdims=1)
        else:
            mean = self.node("ReduceMean", (square, self.shape("last_axis", -1)), f"{name}.mean", keepdims=1)
        epsilon = self._scalar("epsilon", self.config.epsilon, "float32")
        stable = self.node("Add", (mean, epsilon), f"{name}.epsilon")
        root = self.node("Sqrt", (stable,), f"{name}.root")
        unit = self.node("Div", (value, root), f"{name}.unit")
        weight = self.vector(f"{name}.weight", "float32")
        return self.cast(self.node("Mul", (unit, weight), name), self.float_dtype, f"{name}.output")

    def _attention(self, value: str, index: int, mask: str, rotation: Rotation) -> str:
        """Grouped-query attention: the queries of one KV head lie below each other in one matrix product."""
        config, name = self.config, f"layers.{index}.attention"
        heads, kv_heads, width = config.heads, config.kv_heads, config.head_dim
        normed = config.query_key_norm
        query = self._rotate(self._heads(value, f"{name}.query", heads, normed), rotation, f"{name}.query_rope")
        key = self._rotate(self._heads(value, f"{name}.key", kv_heads, normed), rotation, f"{name}.key_rope")
        keys = self._cached(key, index, "key")
        values = self._cached(self._heads(value, f"{name}.value", kv_heads), index, "value")

        keys = self.node("Transpose", (keys,), f"{name}.keys_transposed", perm=[0, 1, 3, 2])
        query = self._regroup(query, f"{name}.query_groups", kv_heads)
        scores = self._regroup(self.node("MatMul", (query, keys), f"{name}.scores"), f"{name}.scores_by_head", heads)
        scale = self._scalar("attention_scale", config.attention_scale or 1 / math.sqrt(width))
        scores = self.node("Mul", (scores, scale), f"{name}.scores_scaled")
        scores = self.node("Add", (scores, mask), f"{name}.scores_masked")
        shares = self._regroup(self.node("Softmax", (scores,), f"{name}.softmax", axis=-1), f"{name}.groups", kv_heads)
        mixed = self._regroup(self.node("MatMul", (shares, values), f"{name}.mix"), f"{name}.mix_by_head", heads)

        mixed = self.node("Transpose", (mixed,), f"{name}.mix_transposed", perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", (mixed, self.shape("merge_heads", 0, 0, heads * width)), f"{name}.merged")
        return self._biased(self.linear(mixed, f"{name}.output"), f"{name}.output", self.config.output_bias)

    def _heads(self, value: str, name: str, heads: int, normed: bool = False) -> str:
        """Project, norm each head if asked, then [B, S, heads × head_dim] → [B, heads, S, head_dim]."""
        width = self.config.head_dim
        value = self._biased(self.linear(value, name), name, self.config.qkv_bias)
        value = self.node("Reshape", (value, self.shape(f"split_{heads}", 0, 0, heads, width)), f"{name}.split")
        if normed:
            value = self._norm(value, f"{name}_norm")
        return self.node("Transpose", (value,), f"{name}.by_head", perm=[0, 2, 1, 3])

    def _biased(self, value: str, name: str, biased: bool) -> str:
        """``value`` plus the bias ``name.bias``, if there is one."""
        return self.node("Add", (value, self.vector(f"{name}.bias")), f"{name}.biased") if biased else value

    def _regroup(self, value: str, name: str, heads: int) -> str:
        """[B, n, S, width] → [B, heads, n × S / heads, width]; nothing to do without grouping."""
        if self.config.heads == self.config.kv_heads:
            return value
        return self.node("Reshape", (value, self.shape(f"group_{heads}", 0, heads, -1, 0)), name)

    def _cached(self, value: str, index: int, part: str) -> str:
        inputs = (f"past_key_values.{index}.{part}", value)
        output = f"present.{index}.{part}"
        return self.split_node("Concat", inputs, f"layers.{index}.attention.{part}_cache", (output,), axis=2)[0]

    def _rotate(self, value: str, rotation: Rotation, name: str) -> str:
        """Rotary position embedding (Su et al. 2021) on the two halves of each head, as most ports of Llama have it; of
        the first ``config.rotated`` numbers only, where that is set."""
        if rotation is None:
            return value
        width, rotated = self.config.head_dim, self.config.rotated or self.config.head_dim
        if rotated == width:
            return self._turn(value, rotation, name)
        parts = (value, self.shape("rotated_part", rotated, width - rotated))
        turning, still = self.split_node("Split", parts, f"{name}.parts", (f"{name}.part", f"{name}.still"), axis=-1)
        return self.node("Concat", (self._turn(turning, rotation, f"{name}.turn"), still), name, axis=-1)

    def _turn(self, value: str, rotation: tuple[str, str], name: str) -> str:
        cosine, sine = rotation
        halves = (value, self.shape("half_heads", *((self.config.rotated or self.config.head_dim) // 2,) * 2))
        left, right = self.split_node("Split", halves, f"{name}.halves", (f"{name}.left", f"{name}.right"), axis=-1)
        turned = self.node("Concat", (self.node("Neg", (right,), f"{name}.negative"), left), f"{name}.turned", axis=-1)
        along = self.node("Mul", (value, cosine), f"{name}.along")
        return self.node("Add", (along, self.node("Mul", (turned, sine), f"{name}.across")), name)

    def _rotations(self) -> dict[LayerKind, Rotation]:
        """Cosine and sine for each kind of layer that the model has. Sliding layers have their own where
        ``local_rope_theta`` says so."""
        config = self.config
        rotations: dict[LayerKind, Rotation] = {"unrotated": None}
        kinds = {config.kind(index) for index in range(config.layers)}
        local = config.local_rope_theta is not None
        if "full" in kinds or ("sliding" in kinds and not local):
            rotations["full"] = self._rotation("rope", config.frequencies(), config.rope_magnitude)
        if "sliding" in kinds:
            frequencies = config.frequencies("sliding")
            rotations["sliding"] = self._rotation("local_rope", frequencies, 1.0) if local else rotations["full"]
        return rotations

    def _rotation(self, name: str, frequencies: "np.ndarray[Any, Any]", magnitude: float) -> tuple[str, str]:
        """Cosine and sine of each position's angles, twice over, times ``magnitude``: [B, 1, S, rotated]."""
        import numpy as np

        positions = self.node("Cast", ("position_ids",), f"{name}.positions", to=1)
        column = self.node("Unsqueeze", (positions, self.shape("axes_1_3", 1, 3)), f"{name}.column")
        inverse = self.constant(f"{name}.frequencies", frequencies.astype(np.float32))
        angles = self.node("Mul", (column, inverse), f"{name}.angles")
        angles = self.node("Concat", (angles, angles), f"{name}.both_halves", axis=-1)
        turns = [self.node("Cos", (angles,), f"{name}.cos"), self.node("Sin", (angles,), f"{name}.sin")]
        if magnitude != 1:
            factor = self._scalar(f"{name}.magnitude", magnitude, "float32")
            turns = [self.node("Mul", (turn, factor), f"{turn}_scaled") for turn in turns]
        kind = self.float_dtype
        return self.cast(turns[0], kind, f"{name}.cos_narrow"), self.cast(turns[1], kind, f"{name}.sin_narrow")

    def _masks(self) -> dict[LayerKind, str]:
        """[B, 1, S, P+S] for each kind of layer that the model has: 0 where query i may see slot j (j ≤ P + i, not
        padded, and in sliding layers j > P + i - ``sliding_window``), else ``MASKED``."""
        zero, one = self._index(0), self._index(1)
        total = self.node("Gather", (self.node("Shape", ("attention_mask",), "mask.shape"), one), "mask.total")
        sequence = self.node("Gather", (self.node("Shape", ("input_ids",), "mask.ids_shape"), one), "mask.sequence")
        past = self.node("Sub", (total, sequence), "mask.past")
        slots = self.node("Range", (zero, total, one), "mask.slots")
        queries = self.node("Range", (past, total, one), "mask.queries")
        column = self.node("Unsqueeze", (queries, self.shape("axes_1", 1)), "mask.column")
        causal = self.node("LessOrEqual", (slots, column), "mask.causal")
        present = self.node("Cast", ("attention_mask",), "mask.present", to=9)
        present = self.node("Unsqueeze", (present, self.shape("axes_1_2", 1, 2)), "mask.present_by_head")
        visible = self.node("And", (present, causal), "mask.visible")
        mask = self._mask(visible, "mask")
        masks: dict[LayerKind, str] = {"full": mask, "unrotated": mask}
        if "sliding" in self.config.layer_kinds:
            oldest = self.node("Sub", (column, self._index(self.config.sliding_window or 0)), "mask.before_window")
            near = self.node("Greater", (slots, oldest), "mask.near")
            masks["sliding"] = self._mask(self.node("And", (visible, near), "mask.visible_near"), "mask.sliding")
        return masks

    def _mask(self, visible: str, name: str) -> str:
        return self.node("Where", (visible, self._scalar("visible", 0.0), self._scalar("masked", MASKED)), name)

    def _feed_forward(self, value: str, name: str) -> str:
        """SwiGLU or GeGLU: down(activation(gate(x)) × up(x))."""

        def product(of: str, part: str) -> str:
            return self._biased(self.linear(of, f"{name}.{part}"), f"{name}.{part}", self.config.feed_forward_bias)

        gate = self._activated(product(value, "gate"), name)
        return product(self.node("Mul", (gate, product(value, "up")), f"{name}.gated"), "down")

    def _activated(self, gate: str, name: str) -> str:
        """silu: x × sigmoid(x). gelu_tanh: x / 2 × (1 + tanh(√(2 / π) × (x + 0.044715 x³)))."""
        if self.config.activation == "silu":
            return self.node("Mul", (gate, self.node("Sigmoid", (gate,), f"{name}.sigmoid")), f"{name}.silu")
        cube = self.node("Pow", (gate, self._scalar("three", 3.0)), f"{name}.cube")
        bent = self.node("Mul", (cube, self._scalar("gelu_cubic", 0.044715)), f"{name}.cubic")
        inner = self.node("Add", (gate, bent), f"{name}.inner")
        inner = self.node("Mul", (inner, self._scalar("gelu_scale", math.sqrt(2 / math.pi))), f"{name}.inner_scaled")
        share = self.node(
            "Add", (self.node("Tanh", (inner,), f"{name}.tanh"), self._scalar("one", 1.0)), f"{name}.open"
        )
        half = self.node("Mul", (gate, self._scalar("half", 0.5)), f"{name}.half")
        return self.node("Mul", (half, share), f"{name}.gelu")

    def _scalar(self, name: str, value: float, dtype: str = "") -> str:
        import numpy as np

        return self.constant(name, np.array(value, dtype or self.float_dtype))

    def _index(self, value: int) -> str:
        import numpy as np

        return self.constant(f"index_{value}", np.array(value, np.int64))


def _inputs(config: DecoderConfig, kv_dtype: str) -> tuple[TensorSpec, ...]:
    tokens = (
        TensorSpec("input_ids", "int64", ("batch", "sequence")),
        TensorSpec("attention_mask", "int64", ("batch", "total")),
        TensorSpec("position_ids", "int64", ("batch", "sequence")),
    )
    return tokens + _cache(config, "past_key_values", "past", kv_dtype)


def _outputs(config: DecoderConfig, kv_dtype: str) -> tuple[TensorSpec, ...]:
    logits = TensorSpec("logits", "float32", ("batch", "sequence", config.vocab))
    return (logits, *_cache(config, "present", "total", kv_dtype))


def _cache(config: DecoderConfig, prefix: str, length: str, kv_dtype: str) -> tuple[TensorSpec, ...]:
    shape: tuple[Any, ...] = ("batch", config.kv_heads, length, config.head_dim)
    names = (f"{prefix}.{index}.{part}" for index in range(config.layers) for part in ("key", "value"))
    return tuple(TensorSpec(name, kv_dtype, shape) for name in names)
