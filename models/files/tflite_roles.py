"""A TFLite graph as ``bench.models.input_roles`` reads it: its operators by the names of ONNX."""

import math
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.models.role_graph import Body, Constant, Node, RoleGraph

if TYPE_CHECKING:
    import numpy as np

    from bench.models.files.tflite_graph import TfliteGraph, TfliteOperator

LARGEST = 1 << 18  # elements of a constant that is looked at
LOOKED_AT = frozenset({"float16", "float32", "float64", "int32", "int64"})  # of narrower ones the scale is needed
NAMES: Mapping[str, str] = {
    "ARG_MAX": "ArgMax",
    "ARG_MIN": "ArgMin",
    "BATCH_MATMUL": "MatMul",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "LSTMSequence",
    "BIDIRECTIONAL_SEQUENCE_RNN": "GRUSequence",
    "BROADCAST_TO": "Expand",
    "CONCATENATION": "Concat",
    "CONV_2D": "Conv",
    "CONV_3D": "Conv",
    "DEPTHWISE_CONV_2D": "Conv",
    "DEQUANTIZE": "DequantizeLinear",
    "EMBEDDING_LOOKUP": "Gather",
    "EXPAND_DIMS": "Unsqueeze",
    "FILL": "ConstantOfShape",
    "FULLY_CONNECTED": "Gemm",
    "GREATER_EQUAL": "GreaterOrEqual",
    "LESS_EQUAL": "LessOrEqual",
    "LOGICAL_AND": "And",
    "LOGICAL_NOT": "Not",
    "LOGICAL_OR": "Or",
    "LOGISTIC": "Sigmoid",
    "LSTM": "LSTMSequence",
    "NON_MAX_SUPPRESSION_V4": "NonMaxSuppression",
    "NON_MAX_SUPPRESSION_V5": "NonMaxSuppression",
    "NOT_EQUAL": "NotEqual",
    "ONE_HOT": "OneHot",
    "PADV2": "Pad",
    "QUANTIZE": "QuantizeLinear",
    "RANK": "Size",
    "RESIZE_BILINEAR": "Interpolate",
    "RESIZE_NEAREST_NEIGHBOR": "Interpolate",
    "RNN": "GRUSequence",
    "SPLIT_V": "VariadicSplit",
    "STRIDED_SLICE": "StridedSlice",
    "SVDF": "MatMul",
    "TOPK_V2": "TopK",
    "TRANSPOSE_CONV": "ConvTranspose",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "LSTMSequence",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "GRUSequence",
    "WHERE": "NonZero",
}
"""Of other operators ``ADD`` is ``Add``."""
LOOPS = frozenset({"STABLEHLO_WHILE", "WHILE"})
REVERSED = frozenset({"EMBEDDING_LOOKUP", "SPLIT"})  # the table, and the value that is split, come second
DETECTIONS = "TFLite_Detection_PostProcess"
OTHERS: Mapping[str, frozenset[int]] = {DETECTIONS: frozenset({0, 2}), "NON_MAX_SUPPRESSION_V5": frozenset({1})}
"""Of operators that give labels or indices, the outputs that hold boxes and scores."""


def role_graph(graph: "TfliteGraph", path: Path) -> RoleGraph:
    """Values are tensors, by their graph and number. A subgraph is followed where it is called first: a converter
    writes one for each call."""
    bodies = {part.place: part for part in graph.nested}

    @cache
    def data() -> "Mapping[int, np.ndarray[Any, Any]]":
        from bench.models.files.tflite_graph import buffers

        return buffers(path)

    tensors = {_name(part, i): tensor for part in (graph, *graph.nested) for i, tensor in enumerate(part.tensors)}
    constants = {name: tensor for name, tensor in tensors.items() if tensor.constant and tensor.shape is not None}
    deep = {
        _name(part, operator.inputs[1])
        for part in (graph, *graph.nested)
        for operator in part.operators
        if operator.kind == "DEPTHWISE_CONV_2D" and len(operator.inputs) > 1 and operator.inputs[1] is not None
    }

    def values(name: str) -> "np.ndarray[Any, Any] | None":
        tensor = constants[name]
        shape = tensor.shape or ()
        if tensor.dtype not in LOOKED_AT or math.prod(shape) > LARGEST:
            return None
        found = data().get(tensor.buffer)
        try:
            held = None if found is None else found.view(tensor.dtype).reshape(shape)
        except ValueError:  # what is wrong with a weight is told where it matters
            return None
        return held if held is None or name not in deep else held.transpose(3, 0, 1, 2)

    return RoleGraph(
        tuple(_nodes(graph, bodies)),
        {_name(graph, index): graph.tensors[index].spec for index in graph.inputs},
        {_name(graph, index): graph.tensors[index].name for index in graph.outputs},
        {name: Constant(tensor.dtype, tensor.shape or ()) for name, tensor in constants.items()},
        values,
    )


def _name(graph: "TfliteGraph", index: int | None) -> str:
    return "" if index is None else f"{graph.place}/{index}"


def _nodes(graph: "TfliteGraph", bodies: "dict[int, TfliteGraph]") -> Iterator[Node]:
    """``bodies``: the subgraphs that were not called yet."""
    for operator in graph.operators:
        ins = tuple(_name(graph, index) for index in operator.inputs)
        outs = [_name(graph, index) for index in operator.outputs]
        called = [bodies.pop(place, None) for place in operator.calls]
        if operator.kind in LOOPS and len(called) == 2 and called[0] is not None and called[1] is not None:
            yield Node("Loop", ("", "", *ins), ("", *outs), (_step(called[0], called[1], bodies),))
            continue
        inner = tuple(_body(one, bodies) for one in called if one is not None)
        others = OTHERS.get(operator.kind, frozenset())
        labels = tuple(name for index, name in enumerate(outs) if index not in others)
        yield Node(_op(operator), ins[::-1] if operator.kind in REVERSED else ins, labels, inner, axis=operator.axis)
        if others:
            yield Node("Scores", ins, tuple(outs[index] for index in sorted(others) if index < len(outs)))


def _op(operator: "TfliteOperator") -> str:
    if operator.kind == DETECTIONS:
        return "NonMaxSuppression"
    words = operator.kind.split("_")
    return NAMES.get(operator.kind, "".join(word.capitalize() for word in words))


def _body(graph: "TfliteGraph", bodies: "dict[int, TfliteGraph]") -> Body:
    ins, outs = ([_name(graph, index) for index in indices] for indices in (graph.inputs, graph.outputs))
    return Body(tuple(ins), tuple(outs), tuple(_nodes(graph, bodies)))


def _step(condition: "TfliteGraph", body: "TfliteGraph", bodies: "dict[int, TfliteGraph]") -> Body:
    """As the body of an ONNX Loop: the condition first, which is asked of the values that a step begins with."""
    asked, done = _body(condition, bodies), _body(body, bodies)
    same = (Node("Identity", (own,), (its,)) for own, its in zip(done.inputs, asked.inputs, strict=False))
    first = f"{body.place}/goes on"
    return Body((first, *done.inputs), (*asked.outputs[:1], *done.outputs), (*same, *asked.nodes, *done.nodes))
