"""GraphFacts of an ONNX graph, without reading its weights.

``parameters`` counts the elements of constants that are weights: of a floating-point or quantised type and at least one
dimension (so not a lone epsilon), int32 where it is a bias, and not the running statistics of batch normalisation,
scales, zero points, clipping bounds or the like. A weight used twice is stored and counted once, also if two names
refer to the same bytes of a file of weights. ``macs`` counts Conv, ConvTranspose, Gemm and MatMul with their quantised
and fused forms, Attention and GroupQueryAttention (over a past that is a buffer with room: as if it were full). It is
``None`` as soon as one operator might contain matrix products that are not counted: an unknown shape, recurrent and
other attention operators, operators of foreign domains, or control flow around counted ones. Activations of operators
in place are counted as ``bench.models.counting.Operator`` says. The keys of ``node_macs`` are names of nodes, or of a
node's first output if it is unnamed.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bench.contracts import GraphFacts, Shapes, TensorSpec
from bench.models.counting import Operator, Value, convolution_macs, widest_bytes
from bench.models.dtypes import weight_precision
from bench.models.onnx.constants import (
    all_nodes,
    constant_tensors,
    constants_of,
    parameters,
    place,
    stored_once,
    subgraphs,
)
from bench.models.onnx.twins import attributes_of, has_standard_twin
from bench.models.onnx.values import dtype_name, known_values
from bench.models.random_numbers import drawing
from bench.models.shapes import symbol_of
from bench.models.traffic import Execution, Role, Step, bytes_moved, live_bytes

if TYPE_CHECKING:
    import onnx

WEIGHT_INPUT = {"Conv": 1, "ConvInteger": 1, "ConvTranspose": 1, "FusedConv": 1, "QLinearConv": 3}
GEMMS = frozenset({"FusedGemm", "Gemm", "QGemm"})
MATMULS = frozenset({"DynamicQuantizeMatMul", "FusedMatMul", "MatMul", "MatMulInteger", "MatMulNBits", "QLinearMatMul"})
ATTENTION = "GroupQueryAttention"
UNCOUNTED = frozenset({"Attention", "DeformConv", "Einsum", "GRU", "LSTM", "LinearAttention", "RNN"})
IN_PLACE = frozenset(
    "Abs Add BatchNormalization Ceil Clip Div Dropout Elu Erf Exp Flatten Floor Gelu HardSigmoid HardSwish Identity "
    "LeakyRelu Log Max Min Mul Neg PRelu Pow QLinearAdd QLinearLeakyRelu QLinearMul QLinearSigmoid Reciprocal Relu "
    "Reshape Round Selu Sigmoid Softplus Sqrt Squeeze Sub Tanh Unsqueeze Where".split()
)
COMPILED = "EPContext"  # what an execution provider compiled: its weights and operators are its own
STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
TABLE_READERS = frozenset({"Gather", "GatherBlockQuantized"})
ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"), "view"),
    **dict.fromkeys(("Gather", "GatherBlockQuantized", "GatherElements", "GatherND"), "gather"),
    "DequantizeLinear": "dequantise",
    "QuantizeLinear": "quantise",
}


def onnx_facts(model: "onnx.ModelProto", shapes: Shapes, shared: frozenset[bytes] = frozenset()) -> GraphFacts:
    """The facts of the graph with its inputs at ``shapes``; weights need not be loaded. ``shared``: the result of
    ``onnx_constants.function_constants`` before functions were inlined."""
    graph = model.graph
    values = known_values(model, shapes)
    node_macs = _node_macs(graph.node, values)
    compiled = any(node.op_type == COMPILED for node in graph.node)
    stored = stored_once(constants_of(graph), shared)
    sizes = [constant.size_bytes for constant in stored]
    execution = None if compiled else _execution(graph, values)
    return GraphFacts(
        inputs=input_specs(graph),
        outputs=tuple(_completed(spec, values) for spec in output_specs(graph)),
        operators=dict(sorted(Counter(node.op_type for node in graph.node).items())),
        parameters=None if compiled else parameters(stored),
        macs=None if node_macs is None else sum(node_macs.values()),
        weight_bytes=None if compiled or None in sizes else sum(size for size in sizes if size is not None),
        peak_activation_bytes=None if compiled else _peak(graph, values),
        node_macs=node_macs or {},
        live_activation_bytes=None if execution is None else live_bytes(execution),
        bytes_moved=None if execution is None else bytes_moved(execution),
        draws=_draws(graph),
    )


def _draws(graph: "onnx.GraphProto") -> tuple[str, ...]:
    """The operators that draw random numbers, branches and bodies included. A Dropout does where it trains."""
    from onnx import TensorProto, numpy_helper

    stored = dict(constant_tensors(graph))
    trained = set()
    for node in all_nodes(graph):
        told = stored.get(node.input[2]) if node.op_type == "Dropout" and len(node.input) > 2 else None
        if told is not None and told.data_location != TensorProto.EXTERNAL and numpy_helper.to_array(told).any():
            trained.add(node.op_type)
    return tuple(sorted(trained.union(drawing(node.op_type for node in all_nodes(graph)))))


def input_specs(graph: "onnx.GraphProto") -> tuple[TensorSpec, ...]:
    """The inputs a caller feeds: old files list their weights among the inputs, too."""
    weights = {tensor.name for tensor in graph.initializer}
    return tuple(_spec(value) for value in graph.input if value.name not in weights)


def output_specs(graph: "onnx.GraphProto") -> tuple[TensorSpec, ...]:
    """The graph's outputs; one listed twice counts once."""
    return tuple(_spec(value) for value in {value.name: value for value in graph.output}.values())


def _completed(spec: TensorSpec, values: Mapping[str, Value]) -> TensorSpec:
    """An output whose type the file leaves out, with what is known of it."""
    found = values.get(spec.name)
    if spec.dtype != "undefined" or found is None:
        return spec
    return TensorSpec(spec.name, found.dtype, found.shape or ())


def onnx_precision(model: "onnx.ModelProto") -> str | None:
    """The type that most of the weights are stored in, by their number; ``None`` without weights.

    Tables that rows are picked from are left out where there is anything else: an embedding is often kept in a wider
    type than the matrices that do the work, and is larger than all of them in a small language model.
    """
    packed = {
        node.input[1]: (f"int{given.get('bits', 4)}", int(given["K"]) * int(given["N"]))
        for node in model.graph.node
        if node.op_type == "MatMulNBits"
        for given in (attributes_of(node),)
    }
    tables = {node.input[0] for node in model.graph.node if node.op_type in TABLE_READERS}
    places = {place(tensor) for name, tensor in constant_tensors(model.graph) if name in tables} - {None}
    by_dtype: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for name, tensor in constant_tensors(model.graph):
        dtype, elements = packed.get(name, (dtype_name(tensor.data_type), math.prod(tensor.dims)))
        by_dtype[name in tables or place(tensor) in places][dtype] += elements
    return weight_precision(by_dtype[False]) or weight_precision(by_dtype[True])


def _spec(value: "onnx.ValueInfoProto") -> TensorSpec:
    tensor_type = value.type.tensor_type
    dims = (
        d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else symbol_of(d.dim_param)
        for d in tensor_type.shape.dim
    )
    return TensorSpec(value.name, dtype_name(tensor_type.elem_type), tuple(dims))


def _node_macs(nodes: "Iterable[onnx.NodeProto]", values: Mapping[str, Value]) -> dict[str, int] | None:
    """MACs of the nodes that have any; ``None`` when those of one cannot be told."""
    counted: Counter[str] = Counter()
    for node in nodes:
        if any(_may_multiply(inner) for subgraph in subgraphs(node) for inner in all_nodes(subgraph)):
            return None
        if not _may_multiply(node):
            continue
        macs = _macs(node, values)
        if macs is None:
            return None
        counted[node.name or node.output[0]] += macs
    return dict(counted)


def _may_multiply(node: "onnx.NodeProto") -> bool:
    op = node.op_type
    foreign = node.domain not in STANDARD_DOMAINS and not has_standard_twin(node)
    return foreign or op in UNCOUNTED or op == ATTENTION or op in WEIGHT_INPUT or op in GEMMS or op in MATMULS


def _macs(node: "onnx.NodeProto", values: Mapping[str, Value]) -> int | None:
    if node.domain not in STANDARD_DOMAINS and not has_standard_twin(node):
        return None
    op, given = node.op_type, attributes_of(node)
    if op == ATTENTION:
        return _attention_macs(node, values)
    if op == "Attention" and node.domain in ("", "ai.onnx"):
        return _standard_attention_macs(node, values)
    data, output = _shape(node.input[0], values), _shape(node.output[0], values)
    if op == "MatMulNBits":
        return None if output is None else math.prod(output) * int(given["K"])
    if data is None or output is None or op in UNCOUNTED:
        return None
    if op in WEIGHT_INPUT:
        weight = _shape(node.input[WEIGHT_INPUT[op]], values)
        elements = data if op == "ConvTranspose" else output
        return None if weight is None else convolution_macs(elements, weight[1:])
    return math.prod(output) * data[-2 if op in GEMMS and given.get("transA") else -1]


def _attention_macs(node: "onnx.NodeProto", values: Mapping[str, Value]) -> int | None:
    """Scores and mix: each query meets every slot of the past and of the new tokens, masked or not."""
    output, present = _shape(node.output[0], values), _shape(node.output[1], values)
    return None if output is None or present is None else 2 * math.prod(output) * present[2]


def _standard_attention_macs(node: "onnx.NodeProto", values: Mapping[str, Value]) -> int | None:
    """As for ``GroupQueryAttention``; heads lie in a dimension of their own, or in the last one."""
    query, key, output = (_shape(name, values) for name in (*node.input[:2], node.output[0]))
    past = _shape(node.input[4], values) if len(node.input) > 4 and node.input[4] else (0, 0, 0, 0)
    if query is None or key is None or output is None or past is None:
        return None
    return (math.prod(query) + math.prod(output)) * (key[-2] + past[2])


def _shape(name: str, values: Mapping[str, Value]) -> tuple[int, ...] | None:
    value = values.get(name)
    return None if value is None else value.shape


def _peak(graph: "onnx.GraphProto", values: Mapping[str, Value]) -> int | None:
    """Bytes of the widest node's activations: what depends on an input of the graph, so neither weights nor shapes."""
    weights = {tensor.name for tensor in graph.initializer}
    active = {value.name for value in graph.input} - weights
    used = {name for node in graph.node for name in node.input if name} | {value.name for value in graph.output}
    operators: list[Operator] = []
    for node in graph.node:
        if any(subgraphs(node)):
            return None
        if node.op_type == "Shape" or not active.intersection(node.input):
            continue
        outputs = [name for name in node.output if name in used]  # not the mask of a Dropout
        active.update(outputs)
        unknown = Value("undefined", None)
        reads = {name: values.get(name, unknown) for name in node.input if name in active and name not in outputs}
        makes = {name: values.get(name, unknown) for name in outputs}
        operators.append(Operator(reads, makes, _in_place(node, values)))
    return widest_bytes(operators)


def _execution(graph: "onnx.GraphProto", values: Mapping[str, Value]) -> Execution | None:
    """The nodes in order; ``None`` where control flow decides which of them run."""
    if any(subgraph for node in graph.node for subgraph in subgraphs(node)):
        return None
    constants = {constant.name: constant for constant in constants_of(graph)}
    stored = {
        name: Value(dtype_name(found.tensor.data_type), tuple(found.tensor.dims)) for name, found in constants.items()
    }
    inputs = {value.name for value in graph.input} - constants.keys()
    used = {name for node in graph.node for name in node.input if name} | {value.name for value in graph.output}
    active, steps = set(inputs), []
    for node in graph.node:
        if node.op_type in ("Constant", "Shape"):
            continue
        works = not active.isdisjoint(node.input)
        makes = tuple(name for name in node.output if name in used)
        active.update(makes if works else ())
        reads = node.input[:2] if node.op_type == "GatherBlockQuantized" else node.input
        steps.append(
            Step(
                reads=tuple(name for name in reads if name),
                makes=makes,
                role=ROLES.get(node.op_type, "work"),
                in_place=_in_place(node, values),
                active=works,
            )
        )
    outputs = frozenset(value.name for value in graph.output)
    return Execution(tuple(steps), {**values, **stored}, frozenset(constants), frozenset(inputs), outputs)


def _in_place(node: "onnx.NodeProto", values: Mapping[str, Value]) -> bool:
    """Element-wise nodes, and convolutions that keep their channels apart."""
    if node.op_type not in ("Conv", "QLinearConv", "ConvInteger"):
        return node.op_type in IN_PLACE
    weight = _shape(node.input[WEIGHT_INPUT[node.op_type]], values)
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    return weight is not None and weight[:2] == (groups, 1)
