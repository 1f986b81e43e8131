"""An OpenVINO IR as ``bench.models.input_roles`` reads it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.models.role_graph import Constant, Node, RoleGraph

if TYPE_CHECKING:
    import numpy as np

    from bench.models.files.ir_graph import IrGraph, Layer

LARGEST = 1 << 18  # elements of a constant that is looked at
EDGES = frozenset({"Const", "Parameter", "Result"})


def role_graph(graph: "IrGraph", weights: Path) -> RoleGraph:
    """Values are outputs of layers. Gathers are taken along the first axis, which IRs of embeddings use."""
    constants = {f"{layer.identifier}:0": layer for layer in graph.layers.values() if layer.kind == "Const"}
    parameters = [layer for layer in graph.layers.values() if layer.kind == "Parameter"]
    results = [layer for layer in graph.layers.values() if layer.kind == "Result"]

    def values(name: str) -> "np.ndarray[Any, Any] | None":
        return _values(constants[name], weights)

    def one(layer: "Layer") -> Node:
        made = tuple(f"{layer.identifier}:{index}" for index in range(len(layer.outputs)))
        turned = (layer.data.get(name, "false").lower() in ("true", "1") for name in ("transpose_a", "transpose_b"))
        return Node(
            layer.kind,
            tuple(f"{source}:{index}" for source, index in layer.sources),
            made,
            transposed=frozenset(index for index, is_turned in enumerate(turned) if is_turned),
        )

    return RoleGraph(
        tuple(one(layer) for layer in graph.layers.values() if layer.kind not in EDGES),
        {f"{p.identifier}:0": spec for p, spec in zip(parameters, graph.specs("Parameter"), strict=True)},
        {_source(r): spec.name for r, spec in zip(results, graph.specs("Result"), strict=True)},
        {name: Constant(c.outputs[0].dtype, c.outputs[0].shape or ()) for name, c in constants.items()},
        values,
    )


def _source(result: "Layer") -> str:
    identifier, index = result.sources[0]
    return f"{identifier}:{index}"


def _values(layer: "Layer", weights: Path) -> "np.ndarray[Any, Any] | None":
    import numpy as np

    port, (offset, size) = layer.outputs[0], layer.constant_extent
    if (
        port.shape is None
        or math.prod(port.shape) > LARGEST
        or port.dtype not in (*("float16", "float32", "float64", "int8", "uint8", "int32", "int64"),)
    ):
        return None
    try:
        with weights.open("rb") as file:
            file.seek(offset)
            return np.frombuffer(file.read(size), port.dtype).reshape(port.shape)
    except (OSError, ValueError):  # what is wrong with the weights is told where it matters
        return None
