"""Our plain decoder with ONNX Runtime's fused operators: ``GroupQueryAttention``, which also rotates query and key,
and its RMSNorm with the addition in front of it.

Past and present of each cache are one buffer, which the engine makes as long as it needs; the operator reads from the
sum of ``attention_mask`` how much of it is in use. The graph takes no padding on the left. Weights stay in the file
that the plain graph names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec
from bench.targets.decoding import decoder_of
from bench.targets.onnx_graphs import ANEW, written_anew
from bench.targets.plain_decoder import Attention, Norm, PlainDecoder, Rotation, plain_decoder

if TYPE_CHECKING:
    import numpy as np
    import onnx

OPERATOR = "GroupQueryAttention"
FUSED = "com.microsoft"
HEADS_IN_STEPS_OF = 8
"""Numbers of a head that the operator takes: a multiple of so many."""
ROTATED_IN_STEPS_OF = 8
"""Pairs of a head that ONNX Runtime's kernel rotates: a multiple of so many."""


def grouped_artifact(artifact: Artifact, folder: Path) -> Artifact | None:
    """Our plain decoder with a graph in ``folder`` that has fused operators and names its weights where they lie;
    ``None`` for any other artifact."""
    plain = taken(artifact)
    if plain is None:
        return None
    model = grouped(plain, decoder_of(artifact))
    made = with_grouped_facts(written_anew(artifact, model, folder / ANEW), plain)
    return replace(made, decoder=grouped_decoder(decoder_of(artifact), model))


def taken(artifact: Artifact) -> PlainDecoder | None:
    """Our plain decoder, if the operator takes heads of its width."""
    plain = plain_decoder(artifact)
    if plain is None or any(attention.head_dim % HEADS_IN_STEPS_OF for attention in plain.attentions):
        return None
    return plain


def grouped(plain: PlainDecoder, decoder: DecoderSpec) -> "onnx.ModelProto":
    """The graph with fused operators. ``plain`` stays as it is."""
    return _Grouped(plain, decoder).model()


def grouped_decoder(decoder: DecoderSpec, model: "onnx.ModelProto") -> DecoderSpec:
    """How that graph is driven."""
    positions = any(value.name == "position_ids" for value in model.graph.input)
    return replace(decoder, has_position_ids=positions, shared_cache=True)


def with_grouped_facts(artifact: Artifact, plain: PlainDecoder) -> Artifact:
    """``artifact`` with the work of the products at the operators that now do it."""
    facts = artifact.facts
    macs, operators = dict(facts.node_macs), dict(facts.operators)
    for layer, attention in enumerate(plain.attentions):
        moved = [macs.pop(name) for name in attention.products if name in macs]
        if moved:
            macs[_name(layer)] = sum(moved)
    operators[OPERATOR] = len(plain.attentions)
    return replace(artifact, facts=replace(facts, node_macs=macs, operators=operators))


def _name(layer: int) -> str:
    return f"layers.{layer}.attention.grouped"


class _Grouped:
    def __init__(self, plain: PlainDecoder, decoder: DecoderSpec) -> None:
        self._plain, self._decoder = plain, decoder
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._rotations: dict[bytes, tuple[str, str]] = {}

    def model(self) -> "onnx.ModelProto":
        import onnx
        from onnx import helper

        made = onnx.ModelProto()
        made.CopyFrom(self._plain.model)
        graph = made.graph
        fused = dict(self._fused())
        nodes: list[onnx.NodeProto] = list(self._nodes)
        for node in graph.node:
            replaced = [fused[name] for name in node.output if name in fused]
            nodes.extend(replaced[0] if replaced else [node])
        kept = needed(nodes, [value.name for value in graph.output])
        del graph.node[:]
        graph.node.extend(kept)
        read = {name for node in kept for name in node.input}
        constants = [t for t in (*graph.initializer, *self._constants.values()) if t.name in read]
        del graph.initializer[:]
        graph.initializer.extend(constants)
        inputs = [value for value in graph.input if value.name in read]
        del graph.input[:]
        graph.input.extend(inputs)
        present = {name for attention in self._plain.attentions for name in attention.present}
        for value in graph.output:
            if value.name in present:
                value.type.tensor_type.shape.dim[2].dim_param = "buffer"
        for value in graph.input:
            if value.name.startswith("past_key_values."):
                value.type.tensor_type.shape.dim[2].dim_param = "buffer"
        made.opset_import.append(helper.make_opsetid(FUSED, 1))
        return made

    def _fused(self) -> "Iterator[tuple[str, list[onnx.NodeProto]]]":
        """By the value that the nodes make, what is computed there instead of the plain nodes."""
        lengths = self._lengths()
        for layer, attention in enumerate(self._plain.attentions):
            yield attention.mixed, self._attention(layer, attention, lengths)
            yield from ((present, []) for present in attention.present)
        yield from self._norms()

    def _attention(self, layer: int, attention: Attention, lengths: tuple[str, str]) -> "list[onnx.NodeProto]":
        from onnx import helper

        name = _name(layer)
        nodes: list[onnx.NodeProto] = []
        rotation = attention.query_rotation if attention.rotated_alike else None
        if rotation is not None and not self._followed(rotation, attention):
            rotation = None
        given = {"query": attention.query, "key": attention.key, "value": attention.value}
        if rotation is not None and attention.query_rotation and attention.key_rotation:
            given |= {"query": attention.query_rotation.unrotated, "key": attention.key_rotation.unrotated}
        taken = []
        for part, value in given.items():
            heads = attention.heads if part == "query" else attention.kv_heads
            taken.append(self._by_token(value, heads * attention.head_dim, f"{name}.{part}", nodes))
        attributes: dict[str, Any] = {
            "num_heads": attention.heads,
            "kv_num_heads": attention.kv_heads,
            "scale": attention.scale,
        }
        if attention.window is not None:
            attributes["local_window_size"] = attention.window
        inputs = [*taken, *attention.past, *lengths]
        if rotation is not None:
            attributes["do_rotary"] = 1
            inputs += self._caches(rotation)
        outputs = [attention.mixed, *attention.present]
        nodes.append(helper.make_node(OPERATOR, inputs, outputs, name, domain=FUSED, **attributes))
        return nodes

    def _followed(self, rotation: Rotation, attention: Attention) -> bool:
        return rotation.width <= attention.head_dim and rotation.width // 2 % ROTATED_IN_STEPS_OF == 0

    def _by_token(self, value: str, width: int, name: str, nodes: "list[onnx.NodeProto]") -> str:
        """[B, heads, S, head_dim] → [B, S, width]; the value that the heads were split from, where there is one."""
        import numpy as np
        from onnx import helper

        values = self._plain.values
        try:
            (by_head,) = values.inputs_of(value, "Transpose", perm=[0, 2, 1, 3])
        except ValueError:
            by_head = f"{name}.by_token"
            nodes.append(helper.make_node("Transpose", [value], [by_head], by_head, perm=[0, 2, 1, 3]))
        try:
            source, shape = values.inputs_of(by_head, "Reshape")
            sizes = values.array(shape)
            if sizes.shape == (4,) and list(sizes[:2]) == [0, 0] and int(sizes[2] * sizes[3]) == width:
                return source
        except ValueError:
            pass
        merged = f"{name}.merged"
        shape = self._constant(f"grouped.width_{width}", np.array([0, 0, width], np.int64))
        nodes.append(helper.make_node("Reshape", [by_head, shape], [merged], merged))
        return merged

    def _caches(self, rotation: Rotation) -> tuple[str, str]:
        """Cosine and sine at each position of the context, in the type of the cache."""
        import numpy as np

        key = rotation.frequencies.tobytes() + str(rotation.magnitude).encode()
        if key not in self._rotations:
            place = len(self._rotations)
            angles = np.arange(self._decoder.context_length, dtype=np.float32)[:, None] * rotation.frequencies
            kind, factor = np.dtype(self._decoder.kv_dtype), np.float32(rotation.magnitude)
            self._rotations[key] = (
                self._constant(f"grouped.cos_{place}", (np.cos(angles) * factor).astype(kind)),
                self._constant(f"grouped.sin_{place}", (np.sin(angles) * factor).astype(kind)),
            )
        return self._rotations[key]

    def _lengths(self) -> tuple[str, str]:
        """Tokens in the cache after this step less one, int32 [B]; and the longest of them, int32 []."""
        import numpy as np
        from onnx import TensorProto, helper

        one = self._constant("grouped.one", np.array([1], np.int64))
        axis = self._constant("grouped.axis_1", np.array(1, np.int64))
        kind = TensorProto.INT32
        mask = "attention_mask"
        self._nodes += [
            helper.make_node("ReduceSum", [mask, one], ["grouped.sum"], "grouped.sum", keepdims=0),
            helper.make_node("Sub", ["grouped.sum", one], ["grouped.last"], "grouped.last"),
            helper.make_node("Cast", ["grouped.last"], ["grouped.seqlens_k"], "grouped.seqlens_k", to=kind),
            helper.make_node("Shape", [mask], ["grouped.mask_shape"], "grouped.mask_shape"),
            helper.make_node("Gather", ["grouped.mask_shape", axis], ["grouped.total"], "grouped.total"),
            helper.make_node("Cast", ["grouped.total"], ["grouped.length"], "grouped.length", to=kind),
        ]
        return "grouped.seqlens_k", "grouped.length"

    def _norms(self) -> "Iterator[tuple[str, list[onnx.NodeProto]]]":
        from onnx import helper

        values, summed = self._plain.values, set()
        for norm in self._plain.norms:
            added = values.made_by.get(norm.value)
            alone = added is not None and added.op_type == "Add" and norm.value not in summed
            if alone and added is not None and not any(name in values.constants for name in added.input):
                summed.add(norm.value)
                node = helper.make_node(
                    "SkipSimplifiedLayerNormalization",
                    [*added.input, norm.weight],
                    [norm.output, "", "", norm.value],
                    f"{norm.output}.fused",
                    domain=FUSED,
                    epsilon=norm.epsilon,
                )
                yield norm.value, [node]
                yield norm.output, []
                continue
            yield norm.output, [fused_norm(norm)]

    def _constant(self, name: str, value: "np.ndarray[Any, Any]") -> str:
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(value, name)
        return name


def fused_norm(norm: Norm) -> "onnx.NodeProto":
    """RMSNorm as the one operator that ONNX Runtime has for it."""
    from onnx import helper

    return helper.make_node(
        "SimplifiedLayerNormalization",
        [norm.value, norm.weight],
        [norm.output],
        f"{norm.output}.fused",
        axis=-1,
        epsilon=norm.epsilon,
        stash_type=1,
    )


def needed(nodes: "list[onnx.NodeProto]", outputs: list[str]) -> "list[onnx.NodeProto]":
    """Those of ``nodes``, in their order, that ``outputs`` depend on."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]
