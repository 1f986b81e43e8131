"""The user's own TFLite file."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contracts import Artifact, Format, GraphFacts, ModelRequest, Task
from bench.words import sentence

if TYPE_CHECKING:
    from bench.models.files.tflite_graph import TfliteGraph, TfliteOperator, TfliteTensor
    from bench.models.traffic import Execution, Role

BIAS_INPUT = {"CONV_2D": 2, "CONV_3D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
COUNTED = frozenset({*BIAS_INPUT, "BATCH_MATMUL", "CONV_3D_TRANSPOSE"})
UNCOUNTED = frozenset(
    {
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_RNN",
        "CALL",
        "CALL_ONCE",
        "DELEGATE",
        "IF",
        "LSTM",
        "RNN",
        "SVDF",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        "WHILE",
    }
)
IN_PLACE = frozenset(
    "ABS ADD DIV ELU EXP EXPAND_DIMS GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC MAXIMUM MINIMUM MUL NEG PRELU RELU RELU6 "
    "RESHAPE RSQRT SQRT SQUEEZE SUB TANH".split()
)
EDGE_TPU = "edgetpu-custom-op"  # what edgetpu_compiler made: its weights and operators are its own
ROLES: "Mapping[str, Role]" = {
    **dict.fromkeys(("EXPAND_DIMS", "RESHAPE", "SQUEEZE"), "view"),
    **dict.fromkeys(("GATHER", "GATHER_ND"), "gather"),
    "DEQUANTIZE": "dequantise",
    "QUANTIZE": "quantise",
}
CALLING = frozenset({"CALL", "CALL_ONCE", "IF", "STABLEHLO_WHILE", "WHILE"})
NO_WEIGHTS: "Mapping[str, frozenset[int]]" = {
    "NON_MAX_SUPPRESSION_V4": frozenset({2, 3, 4}),
    "NON_MAX_SUPPRESSION_V5": frozenset({2, 3, 4, 5}),
    "ONE_HOT": frozenset({1, 2, 3}),
    "PADV2": frozenset({1, 2}),
}
HARMLESS_CUSTOM = frozenset({"TFLite_Detection_PostProcess"})


class TfliteFile:
    """A ``.tflite`` file. At other shapes than it was converted with, its MACs and activations are unknown.

    Parameters are the elements of quantised and floating-point constants of at least one dimension, and of biases. MACs
    are ``None`` where an operator might multiply matrices and is not counted: recurrent and custom ones, control flow.
    Operators do not have names: the keys of ``node_macs`` are the names of their first outputs.
    """

    summary = sentence("model.summary.tflite")
    task: Task = "tensor"
    formats: Sequence[Format] = ("tflite",)
    precisions: Sequence[str] = ()

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        from bench.models.files.opening import checked_file, reading

        path = checked_file(request, "tflite")
        with reading(path, "TFLite"):
            return _described(path, request)

    def altered(self, request: ModelRequest, folder: Path, seed: int) -> Path:
        from bench.models.altered.tflite_weights import altered_tflite
        from bench.models.files.opening import checked_file, reading
        from bench.models.files.tflite_graph import read_tflite

        path = checked_file(request, "tflite")
        with reading(path, "TFLite"):
            graph = read_tflite(path)
            tensors = [t for part in (graph, *graph.nested) for t in part.tensors if t.constant]
            return altered_tflite(path, {t.buffer: (t.dtype, t.shape or ()) for t in tensors}, folder, seed)


def _described(path: Path, request: ModelRequest) -> Artifact:
    from bench.models.dtypes import weight_precision
    from bench.models.files.opening import file_artifact, stored_precision
    from bench.models.files.tflite_graph import read_tflite
    from bench.models.files.tflite_roles import role_graph
    from bench.models.input_roles import roles
    from bench.models.random_numbers import drawing
    from bench.models.shapes import resolve_shapes
    from bench.models.traffic import bytes_moved, live_bytes

    graph = read_tflite(path)
    inputs = tuple(graph.tensors[index].spec for index in graph.inputs)
    shapes = resolve_shapes(path.name, inputs, request.shapes, side=request.side)
    as_stored = all(graph.tensors[index].shape == shapes[graph.tensors[index].name] for index in graph.inputs)
    node_macs = _node_macs(graph) if as_stored else None
    compiled = any(operator.kind == EDGE_TPU for operator in graph.operators)
    execution = _execution(graph) if as_stored and not compiled else None
    facts = GraphFacts(
        inputs=inputs,
        outputs=tuple(graph.tensors[index].spec for index in graph.outputs),
        operators=dict(sorted(Counter(operator.kind for operator in graph.operators).items())),
        parameters=None if compiled else _parameters(graph),
        macs=None if node_macs is None else sum(node_macs.values()),
        weight_bytes=None if compiled else graph.weight_bytes,
        peak_activation_bytes=_peak(graph) if as_stored and not compiled else None,
        node_macs=node_macs or {},
        live_activation_bytes=None if execution is None else live_bytes(execution),
        bytes_moved=None if execution is None else bytes_moved(execution),
        draws=drawing(operator.kind for part in (graph, *graph.nested) for operator in part.operators),
        roles=roles(role_graph(graph, path), shapes),
    )
    by_dtype: Counter[str] = Counter()
    for tensor in _constants(graph).values():
        by_dtype[tensor.dtype] += tensor.buffer_bytes
    precision = "" if compiled else stored_precision(weight_precision(by_dtype), facts)
    return file_artifact(request, "tflite", (path,), precision, facts, shapes)


def _constants(graph: "TfliteGraph") -> "dict[int, TfliteTensor]":
    """Constant tensors by buffer: a buffer of several tensors appears once."""
    return {t.buffer: t for part in (graph, *graph.nested) for t in part.tensors if t.constant}


def _parameters(graph: "TfliteGraph") -> int:
    from bench.models.dtypes import INDEX_DTYPES

    biases, bounds = set(), set()
    for part in (graph, *graph.nested):
        for operator in part.operators:
            for index, source in enumerate(operator.inputs):
                if source is None:
                    continue
                if index == BIAS_INPUT.get(operator.kind):
                    biases.add(part.tensors[source].buffer)
                if index in NO_WEIGHTS.get(operator.kind, ()):
                    bounds.add(part.tensors[source].buffer)
    return sum(
        math.prod(tensor.shape)
        for buffer, tensor in _constants(graph).items()
        if tensor.shape and buffer not in bounds and (tensor.dtype not in INDEX_DTYPES or buffer in biases)
    )


def _node_macs(graph: "TfliteGraph") -> dict[str, int] | None:
    import tflite

    builtin = set(vars(tflite.BuiltinOperator))
    counted: Counter[str] = Counter()
    for operator in graph.operators:
        unknown = operator.kind not in builtin and operator.kind not in HARMLESS_CUSTOM
        if unknown or operator.kind in UNCOUNTED or operator.kind.startswith("STABLEHLO"):
            return None
        if operator.kind in COUNTED:
            macs = _macs(graph, operator)
            if macs is None:
                return None
            counted[graph.tensors[operator.outputs[0]].name] += macs
    return dict(counted)


def _macs(graph: "TfliteGraph", operator: "TfliteOperator") -> int | None:
    from bench.models.counting import convolution_macs

    shapes = [None if index is None else graph.tensors[index].shape for index in operator.inputs]
    output = graph.tensors[operator.outputs[0]].shape
    data, weight = (shapes[2], shapes[1]) if "TRANSPOSE" in operator.kind else (shapes[0], shapes[1])
    if not data or not weight or not output:
        return None
    match operator.kind:
        case "CONV_2D" | "FULLY_CONNECTED":  # output channels first
            return convolution_macs(output, weight[1:])
        case "DEPTHWISE_CONV_2D":  # 1 × height × width × channels
            return convolution_macs(output, weight[1:3])
        case "CONV_3D":  # depth × height × width × input × output channels
            return convolution_macs(output, weight[:4])
        case "TRANSPOSE_CONV":  # output channels × height × width × input channels
            return convolution_macs(data, weight[:3])
        case "CONV_3D_TRANSPOSE":  # depth × height × width × output × input channels
            return convolution_macs(data, weight[:4])
        case _:  # BATCH_MATMUL: rows × inner = the elements of a matrix, whichever way it lies
            return math.prod(output) * (data[-1] * data[-2] // max(output[-2], 1))


def _peak(graph: "TfliteGraph") -> int | None:
    from bench.models.counting import Operator, Value, widest_bytes

    operators = []
    for operator in graph.operators:
        reads, makes = (
            {
                t.name: Value(t.dtype, t.shape)
                for t in (graph.tensors[i] for i in indices if i is not None)
                if not t.constant
            }
            for indices in (operator.inputs, operator.outputs)
        )
        operators.append(Operator(reads, makes, _in_place(operator, graph)))
    return widest_bytes(operators)


def _execution(graph: "TfliteGraph") -> "Execution | None":
    """The operators in order; ``None`` where control flow decides what runs. Tensors go by their number."""
    from bench.models.counting import Value
    from bench.models.traffic import Execution, Step

    if any(operator.kind in CALLING for operator in graph.operators):
        return None
    values = {str(index): Value(tensor.dtype, tensor.shape) for index, tensor in enumerate(graph.tensors)}
    constants = frozenset(str(index) for index, tensor in enumerate(graph.tensors) if tensor.constant)
    inputs = frozenset(map(str, graph.inputs))
    active, steps = set(inputs), []
    for operator in graph.operators:
        reads = tuple(str(index) for index in operator.inputs if index is not None)
        makes = tuple(map(str, operator.outputs))
        works = not active.isdisjoint(reads)
        active.update(makes if works else ())
        if operator.kind == "EMBEDDING_LOOKUP":  # ids first, then the table
            reads = reads[::-1]
        role = "gather" if operator.kind == "EMBEDDING_LOOKUP" else ROLES.get(operator.kind, "work")
        if operator.kind != "SHAPE":
            steps.append(Step(reads, makes, role, _in_place(operator, graph), works))
    return Execution(tuple(steps), values, constants, inputs, frozenset(map(str, graph.outputs)))


def _in_place(operator: "TfliteOperator", graph: "TfliteGraph") -> bool:
    """Element-wise operators, and convolutions that make one channel of each they read."""
    if operator.kind != "DEPTHWISE_CONV_2D":
        return operator.kind in IN_PLACE
    data, output = (
        graph.tensors[i].shape if i is not None else None for i in (operator.inputs[0], operator.outputs[0])
    )
    return data is not None and output is not None and data[-1:] == output[-1:]
