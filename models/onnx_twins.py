"""Operators of ``com.microsoft``, as quantisers and fusers write them, in terms of standard ones of the same shape."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

DOMAIN = "com.microsoft"

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
}
CHANGES_SHAPE = ("channels_last", "transA", "transB", "transBatchA", "transBatchB")


def attributes_of(node: "onnx.NodeProto") -> dict[str, Any]:
    """The node's attributes by name, as Python values."""
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def has_standard_twin(node: "onnx.NodeProto") -> bool:
    """Whether ``standard_twin`` knows the node's shape."""
    if node.domain != DOMAIN or node.op_type not in TWINS:
        return False
    given = attributes_of(node)
    return not any(given.get(name) for name in CHANGES_SHAPE if name not in TWINS[node.op_type][2])


def standard_twin(node: "onnx.NodeProto") -> "tuple[onnx.NodeProto, tuple[onnx.TensorProto, ...]]":
    """A standard node with the shape and first output of ``node``, and the data-less constants it needs."""
    from onnx import TensorProto, helper

    op, inputs, kept = TWINS[node.op_type]
    given = attributes_of(node)
    names = list(node.input)[inputs]
    constants: tuple[TensorProto, ...] = ()
    if node.op_type == "MatMulNBits":  # the weights are packed in blocks: their own shape says nothing
        unpacked = TensorProto(name=f"{node.output[0]}.unpacked", data_type=TensorProto.FLOAT)
        unpacked.dims.extend((given["K"], given["N"]))
        names, constants = [names[0], unpacked.name], (unpacked,)
    attributes = {name: given[name] for name in kept if name in given}
    return helper.make_node(op, names, [node.output[0]], node.name, **attributes), constants
