"""An OpenVINO IR as ``bench.models.input_roles`` reads it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.models.role_graph import Body, Constant, Node, RoleGraph

if TYPE_CHECKING:
    import numpy as np

    from bench.models.files.ir_graph import IrGraph, Layer, PortMap

LARGEST = 1 << 18  # elements of a constant that is looked at
EDGES = frozenset({"Const", "Parameter", "Result"})


def role_graph(graph: "IrGraph", weights: Path) -> RoleGraph:
    """Values are outputs of layers. Gathers are taken along the first axis, which IRs of embeddings use."""
    constants = {f"{layer.identifier}:0": layer for layer in graph.layers.values() if layer.kind == "Const"}
    parameters = [layer for layer in graph.layers.values() if layer.kind == "Parameter"]
    results = [layer for layer in graph.layers.values() if layer.kind == "Result"]

    def values(name: str) -> "np.ndarray[Any, Any] | None":
        return _values(constants[name], weights)

    return RoleGraph(
        _nodes(graph, ""),
        {f"{p.identifier}:0": spec for p, spec in zip(parameters, graph.specs("Parameter"), strict=True)},
        {_source(r): spec.name for r, spec in zip(results, graph.specs("Result"), strict=True)},
        {name: Constant(c.outputs[0].dtype, c.outputs[0].shape or ()) for name, c in constants.items()},
        values,
    )


def _nodes(graph: "IrGraph", place: str) -> tuple[Node, ...]:
    """``place``: of the body that ``graph`` is, before the names of its values."""
    return tuple(_node(layer, place) for layer in graph.layers.values() if layer.kind not in EDGES)


def _node(layer: "Layer", place: str) -> Node:
    turned = (layer.data.get(name, "false").lower() in ("true", "1") for name in ("transpose_a", "transpose_b"))
    return Node(
        layer.kind,
        tuple(f"{place}{source}:{index}" for source, index in layer.sources),
        tuple(f"{place}{layer.identifier}:{index}" for index in range(len(layer.outputs))),
        tuple(
            _body(body, ports, len(layer.sources), f"{place}{layer.identifier}/{number}/")
            for number, (body, ports) in enumerate(zip(layer.bodies, layer.maps, strict=True))
        ),
        transposed=frozenset(index for index, is_turned in enumerate(turned) if is_turned),
    )


def _body(body: "IrGraph", ports: "PortMap", fed: int, place: str) -> Body:
    """As the body of an ONNX Loop: inputs and what comes back for them in the same places, the condition first. Its
    layer has ``fed`` inputs; those that the body does not take have names that nothing reads."""
    takes = {index: parameter for parameter, index in ports.inputs.items()}
    results = {layer.identifier: f"{place}{_source(layer)}" for layer in body.layers.values() if layer.kind == "Result"}
    back = [results.get(ports.returned.get(takes.get(index, ""), ""), "") for index in range(fed)]
    back[:1] = [results.get(ports.condition, "")]
    rest = [name for name in results.values() if name not in back]
    return Body(
        tuple(f"{place}{takes[index]}:0" if index in takes else f"{place}not taken {index}" for index in range(fed)),
        (*back, *rest),
        _nodes(body, place),
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
