"""Which nodes of a quantised (QDQ) ONNX graph still work in floating point.

A node counts as quantised where its floating-point inputs come from DequantizeLinear and its floating-point outputs go
to QuantizeLinear, and where no operand of it is a float constant: compilers fuse the three into one integer operator.
Where they do so for a chain, as for Conv and Relu, the inner tensors count as floating point here, so the answer is
meant for nodes that a runtime has left out.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from bench.targets.onnx_precision import node_key

FLOATS = frozenset((1, 10, 11, 16))  # TensorProto: FLOAT, FLOAT16, DOUBLE, BFLOAT16
QUANTISING = frozenset(("QuantizeLinear", "DequantizeLinear"))
OPERANDS = frozenset(("Add", "Concat", "Div", "Max", "Min", "Mul", "PRelu", "Pow", "Sub", "Where"))
"""Operators all of whose inputs are computed with: a float constant among them keeps the node float. Those of others,
as the scales of a Resize or the limits of a Clip, are attributes in all but name."""


def float_nodes(path: Path, among: Collection[tuple[str, str]] | None = None) -> tuple[tuple[str, str], ...]:
    """Operator and name of each float node in the file's main graph, in its order; of those whose ``node_key``
    is ``among`` them, if given.

    Weights are not read.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(str(path), load_external_data=False))
    graph = model.graph
    floats = _float_values(graph)
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    float_constants = constants & floats | {t.name for t in graph.initializer if t.data_type in FLOATS}
    maker = {name: node.op_type for node in graph.node for name in node.output}
    users: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, set()).add(node.op_type)
    found = []
    for node in graph.node:
        key = node_key(node.name, node.op_type)
        if node.op_type in {*QUANTISING, "Constant"} or (among is not None and key not in among):
            continue
        came = [name for name in node.input if name in floats and name not in constants]
        bare = node.op_type in OPERANDS and any(name in float_constants for name in node.input)
        goes = [name for name in node.output if name in floats]
        outside = any(maker.get(name) != "DequantizeLinear" for name in came) or any(
            users.get(name, {""}) != {"QuantizeLinear"} for name in goes
        )
        if (came or goes) and (outside or bare):
            found.append((node.op_type, node.name))
    return tuple(found)


def _float_values(graph: Any) -> set[str]:
    """Names of the values whose inferred element type is a floating-point one."""
    return {
        value.name
        for values in (graph.input, graph.output, graph.value_info)
        for value in values
        if value.type.tensor_type.elem_type in FLOATS
    }
