"""Which nodes of a quantised (QDQ) ONNX graph still work in floating point.

A node counts as quantised where its floating-point inputs come from DequantizeLinear and its floating-point outputs go
to QuantizeLinear: compilers fuse the three into one integer operator. Where they do so for a chain, as for Conv and
Relu, the inner tensors count as floating point here, so the answer is meant for nodes that a runtime has left out.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

FLOATS = frozenset((1, 10, 11, 16))  # TensorProto: FLOAT, FLOAT16, DOUBLE, BFLOAT16
QUANTISING = frozenset(("QuantizeLinear", "DequantizeLinear"))


def float_nodes(path: Path, among: Collection[str] | None = None) -> tuple[tuple[str, str], ...]:
    """Operator and name of each float node in the file's main graph, in its order; of those named ``among``, if given.

    Weights are not read.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(str(path), load_external_data=False))
    graph = model.graph
    floats = _float_values(graph)
    constants = {tensor.name for tensor in graph.initializer}
    maker = {name: node.op_type for node in graph.node for name in node.output}
    users: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, set()).add(node.op_type)
    found = []
    for node in graph.node:
        if node.op_type in QUANTISING or (among is not None and node.name not in among):
            continue
        came = [name for name in node.input if name in floats and name not in constants]
        goes = [name for name in node.output if name in floats]
        outside = any(maker.get(name) != "DequantizeLinear" for name in came) or any(
            users.get(name, {""}) != {"QuantizeLinear"} for name in goes
        )
        if (came or goes) and outside:
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
