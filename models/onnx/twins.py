"""Operators of ``com.microsoft``, as quantisers and fusers write them, in terms of standard ones of the same shape."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

DOMAIN = "com.microsoft"
UNSTANDARDISED = frozenset({"SimplifiedLayerNormalization"})  # ONNX Runtime's own, though written without a domain

# operator -> standard operator, which of its inputs to keep, which of its attributes to keep
TWINS: dict[str, tuple[str, slice, tuple[str, ...]]] = {
    "BiasGelu": ("Identity", slice(0, 1), ()),
    "DequantizeLinear": ("DequantizeLinear", slice(0, 3), ("axis",)),
    "DynamicQuantizeMatMul": ("MatMul", slice(0, 2), ()),
    "FastGelu": ("Identity", slice(0, 1), ()),
    "FusedConv": ("Conv", slice(0, 3), ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")),
    "FusedGemm": ("Gemm", slice(0, 3), ("transA", "transB")),
    "FusedMatMul": ("MatMul", slice(0, 2), ()),
    "Gelu": ("Identity", slice(0, 1), ()),
    "MatMulNBits": ("MatMul", slice(0, 2), ()),
    "QGemm": ("Gemm", slice(0, 4, 3), ("transA", "transB")),
    "QLinearAdd": ("Add", slice(0, 4, 3), ()),
    "QLinearAveragePool": (
        "AveragePool",
        slice(0, 1),
        ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides"),
    ),
    "QLinearConcat": ("Concat", slice(2, None, 3), ("axis",)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", slice(0, 1), ()),
    "QLinearLeakyRelu": ("Identity", slice(0, 1), ()),
    "QLinearMul": ("Mul", slice(0, 4, 3), ()),
    "QLinearSigmoid": ("Identity", slice(0, 1), ()),
    "QLinearSoftmax": ("Identity", slice(0, 1), ()),
    "QuantizeLinear": ("QuantizeLinear", slice(0, 3), ("axis",)),
    "QuickGelu": ("Identity", slice(0, 1), ()),
    "RotaryEmbedding": ("Identity", slice(0, 1), ()),
    "SimplifiedLayerNormalization": ("Identity", slice(0, 1), ()),
    "SkipLayerNormalization": ("Identity", slice(0, 1), ()),
    "SkipSimplifiedLayerNormalization": ("Identity", slice(0, 1), ()),
}
SUM_OUTPUT = 3  # where the skip normalisations return what they normalised
ATTENTION = "GroupQueryAttention"
CHANGES_SHAPE = ("channels_last", "transA", "transB", "transBatchA", "transBatchB")


def attributes_of(node: "onnx.NodeProto") -> dict[str, Any]:
    """The node's attributes by name, as Python values."""
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def has_standard_twin(node: "onnx.NodeProto") -> bool:
    """Whether ``standard_twin`` knows the node's shape."""
    if node.domain != DOMAIN and (node.domain or node.op_type not in UNSTANDARDISED):
        return False
    if node.op_type not in TWINS:
        return node.op_type == ATTENTION
    given = attributes_of(node)
    return not any(given.get(name) for name in CHANGES_SHAPE if name not in TWINS[node.op_type][2])


def standard_twins(node: "onnx.NodeProto") -> "tuple[list[onnx.NodeProto], list[onnx.TensorProto]]":
    """Standard nodes whose outputs have the shapes of ``node``'s, and the constants they need."""
    from onnx import TensorProto, helper

    if node.op_type == ATTENTION:
        return _attention_twins(node)
    op, inputs, kept = TWINS[node.op_type]
    given = attributes_of(node)
    names = list(node.input)[inputs]
    constants: list[TensorProto] = []
    if node.op_type == "MatMulNBits":  # the weights are packed in blocks: their own shape says nothing
        unpacked = TensorProto(name=f"{node.output[0]}.unpacked", data_type=TensorProto.FLOAT)
        unpacked.dims.extend((given["K"], given["N"]))
        names, constants = [names[0], unpacked.name], [unpacked]
    attributes = {name: given[name] for name in kept if name in given}
    twins = [helper.make_node(op, names, [node.output[0]], node.name, **attributes)]
    if node.op_type.startswith("Skip") and len(node.output) > SUM_OUTPUT and node.output[SUM_OUTPUT]:
        twins.append(helper.make_node("Identity", names, [node.output[SUM_OUTPUT]], f"{node.name}.sum"))
    return twins, constants


def _attention_twins(node: "onnx.NodeProto") -> "tuple[list[onnx.NodeProto], list[onnx.TensorProto]]":
    """Grouped-query attention: its output is as the query, and each present its past with the new tokens after it.

    Query, key and value may come in one tensor. A past that is a buffer with room counts as one that is full.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    given, name = attributes_of(node), node.output[0]
    heads, kv_heads = int(given["num_heads"]), int(given["kv_num_heads"])
    constants = {
        "merge": np.array([0, 0, -1]),
        "split": np.array([0, 0, kv_heads, -1]),
        "all": np.array([0, 0, heads + 2 * kv_heads, -1]),
        "parts": np.array([heads, kv_heads, kv_heads]),
    }
    tensors = [numpy_helper.from_array(value, f"{name}.{key}") for key, value in constants.items()]
    query, key, value = node.input[:3]
    twins = []
    if not key:
        parts = [f"{name}.{part}" for part in ("q", "k", "v")]
        twins.append(helper.make_node("Reshape", [query, f"{name}.all"], [f"{name}.qkv"]))
        twins.append(helper.make_node("Split", [f"{name}.qkv", f"{name}.parts"], parts, axis=2))
        query, key, value = parts
    twins.append(helper.make_node("Reshape", [query, f"{name}.merge"], [name], node.name))
    for new, past, present in zip((key, value), node.input[3:5], node.output[1:3], strict=False):
        twins.append(helper.make_node("Reshape", [new, f"{name}.split"], [f"{present}.split"]))
        twins.append(helper.make_node("Transpose", [f"{present}.split"], [f"{present}.new"], perm=[0, 2, 1, 3]))
        inputs = [past, f"{present}.new"] if past else [f"{present}.new"]
        twins.append(helper.make_node("Concat", inputs, [present], axis=2))
    return twins, tensors
