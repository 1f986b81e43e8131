"""An ONNX graph as ``bench.models.input_roles`` reads it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import TensorSpec
from bench.models.role_graph import Body, Constant, Node, RoleGraph

if TYPE_CHECKING:
    import numpy as np
    import onnx

LARGEST = 1 << 18  # elements of a constant that is looked at
FIRST_IS_THE_STEP = frozenset({"Loop"})  # bodies whose own inputs begin with the number of the step


def role_graph(model: "onnx.ModelProto", inputs: Iterable[TensorSpec], folder: Path | None = None) -> RoleGraph:
    """``inputs``: those that are fed. ``folder``: where the files of external weights are."""
    from bench.models.onnx.constants import constant_tensors
    from bench.models.onnx.values import dtype_name

    tensors = dict(constant_tensors(model.graph))

    def values(name: str) -> "np.ndarray[Any, Any] | None":
        return _values(tensors[name], folder)

    return RoleGraph(
        tuple(_node(node) for node in model.graph.node if node.op_type != "Constant"),
        {spec.name: spec for spec in inputs},
        {value.name: value.name for value in model.graph.output},
        {n: Constant(dtype_name(t.data_type), tuple(t.dims)) for n, t in tensors.items()},
        values,
    )


def _node(node: "onnx.NodeProto") -> Node:
    held = {a.name: a for a in node.attribute}
    axis = held["axis"].i if "axis" in held else 0
    bodies = [a.g for a in node.attribute if a.HasField("g")] + [g for a in node.attribute for g in a.graphs]
    return Node(
        node.op_type,
        tuple(node.input),
        tuple(node.output),
        tuple(_body(node.op_type, g) for g in bodies),
        max(axis, 0),
        order=tuple(held["perm"].ints) if "perm" in held else (),
        groups=held["group"].i if "group" in held else 1,
        transposed=frozenset(i for i, name in enumerate(("transA", "transB")) if name in held and held[name].i),
    )


def _body(op: str, graph: "onnx.GraphProto") -> Body:
    own = [value.name for value in graph.input][1 if op in FIRST_IS_THE_STEP else 0 :]
    return Body(tuple(own), tuple(value.name for value in graph.output), tuple(_node(node) for node in graph.node))


def _values(tensor: "onnx.TensorProto", folder: Path | None) -> "np.ndarray[Any, Any] | None":
    import math

    from onnx import TensorProto, numpy_helper

    external = tensor.data_location == TensorProto.EXTERNAL
    if math.prod(tensor.dims) > LARGEST or (external and folder is None):
        return None
    try:
        return numpy_helper.to_array(tensor, str(folder or ""))
    except (OSError, ValueError, TypeError, RuntimeError):  # what is wrong with a weight is told where it matters
        return None
