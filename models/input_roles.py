"""What a graph does with its inputs beyond computing: which decide how much work it does, which pick rows from a
table, and in which range it takes a picture. Also which outputs come from a function that is bounded by 1, and which
hold labels.

Works on nodes of either format, named by their operators; the names of ONNX and of OpenVINO do not contradict.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from bench.contracts import GraphRoles, InputRole
from bench.models.role_graph import Node, RoleGraph

# operator -> inputs whose values decide the size of what it gives, or what is executed
SIZES: Mapping[str, frozenset[int]] = {
    **dict.fromkeys(
        "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceLogicalAnd ReduceLogicalOr ReduceMax ReduceMean "
        "ReduceMin ReduceProd ReduceSum ReduceSumSquare".split(),
        frozenset({1}),
    ),
    "AdaptiveAvgPool": frozenset({1}),
    "AdaptiveMaxPool": frozenset({1}),
    "AffineGrid": frozenset({1}),
    "Attention": frozenset({6}),
    "BatchToSpace": frozenset({1, 2, 3}),
    "BlackmanWindow": frozenset({0}),
    "Broadcast": frozenset({1}),
    "CenterCropPad": frozenset({1}),
    "Col2Im": frozenset({1, 2}),
    "Compress": frozenset({1}),
    "ConstantOfShape": frozenset({0}),
    "ConvolutionBackpropData": frozenset({2}),
    "DFT": frozenset({1, 2}),
    "Expand": frozenset({1}),
    "Eye": frozenset({0, 1, 3}),
    "GRU": frozenset({4}),
    "GRUSequence": frozenset({2}),
    "GroupConvolutionBackpropData": frozenset({2}),
    "GroupQueryAttention": frozenset({5, 6}),
    "HammingWindow": frozenset({0}),
    "HannWindow": frozenset({0}),
    "IDFT": frozenset({1, 2}),
    "IRDFT": frozenset({1, 2}),
    "ISTFT": frozenset({2, 3, 4}),
    "If": frozenset({0}),
    "Interpolate": frozenset({1, 2}),
    "LSTM": frozenset({4}),
    "LSTMSequence": frozenset({3}),
    "Loop": frozenset({0, 1}),
    "MaxUnpool": frozenset({2}),
    "MelWeightMatrix": frozenset({0, 1}),
    "MultiHeadAttention": frozenset({8}),
    "Multinomial": frozenset({1}),
    "NonMaxSuppression": frozenset({2, 3, 4}),
    "NonZero": frozenset({0}),
    "OneHot": frozenset({1}),
    "Pad": frozenset({1, 2}),
    "PriorBox": frozenset({0}),
    "PriorBoxClustered": frozenset({0}),
    "RDFT": frozenset({1, 2}),
    "RNN": frozenset({4}),
    "RNNSequence": frozenset({2}),
    "RandomUniform": frozenset({0}),
    "Range": frozenset({0, 1, 2}),
    "Reshape": frozenset({1}),
    "Resize": frozenset({1, 2, 3}),
    "STFT": frozenset({1, 2, 3}),
    "SegmentMax": frozenset({2}),
    "SequenceAt": frozenset({1}),
    "Slice": frozenset({1, 2, 3, 4}),
    "SpaceToBatch": frozenset({1, 2, 3}),
    "Split": frozenset({1}),
    "SplitToSequence": frozenset({1}),
    "StridedSlice": frozenset({1, 2, 3}),
    "Tile": frozenset({1}),
    "TopK": frozenset({1}),
    "Unique": frozenset({0}),
    "Upsample": frozenset({1}),
    "VariadicSplit": frozenset({1, 2}),
}
BRANCHES: Mapping[str, frozenset[int]] = {"If": frozenset({0}), "Loop": frozenset({0, 1})}
"""Of these, the inputs that choose a branch or end a loop: what is executed then depends on any data behind them, also
on an answer, as in a network that ends early."""
SHAPES = frozenset({"Shape", "ShapeOf", "Size"})
PRODUCTS = frozenset(
    "Attention Conv ConvInteger ConvTranspose Convolution ConvolutionBackpropData Einsum GRU GRUSequence Gemm "
    "GroupConvolution GroupQueryAttention LSTM LSTMSequence MatMul MatMulInteger MatMulNBits MultiHeadAttention "
    "QLinearConv QLinearMatMul RNN ScaledDotProductAttention".split()
)
"""Behind these a value is an answer, and no longer a size."""
UNCHANGED = frozenset(
    "Cast Convert DequantizeLinear Expand Flatten Identity QuantizeLinear Reshape Squeeze Transpose Unsqueeze".split()
)
"""Operators whose output holds the values of their first input."""
BOUNDED = frozenset("Erf HardSigmoid Hardmax Sigmoid SoftMax Softmax Tanh".split())
MOVED = UNCHANGED | {"Gather", "Slice", "Split", "StridedSlice", "VariadicSplit"}
LABELS: Mapping[str, int] = {
    **dict.fromkeys(
        "And ArgMax ArgMin Equal Greater GreaterEqual GreaterOrEqual Hardmax IsFinite IsInf IsNaN Less LessEqual "
        "LessOrEqual LogicalAnd LogicalNot LogicalOr LogicalXor NonMaxSuppression NonZero Not NotEqual Or "
        "Xor".split(),
        0,
    ),
    "TopK": 1,
}
"""Operators that give labels, indices or flags, and which of their outputs is the first of them."""
SMALL_VECTOR = 4  # a float input of so few values, of at most one dimension, may be a factor of a size


def roles(graph: RoleGraph, shapes: Mapping[str, tuple[int, ...]]) -> GraphRoles:
    """What ``graph`` uses its inputs for, with those at ``shapes``, and which of its outputs are bounded."""
    from bench.models.picture_range import picture_top

    deciding, rows = _deciding(graph, shapes), _rows(graph)
    found = {}
    for value, spec in graph.inputs.items():
        top = picture_top(graph, value) if len(spec.shape) == 4 and "int" not in spec.dtype else None
        role = InputRole(value in deciding, rows.get(value), top)
        if role != InputRole():
            found[spec.name] = role
    return GraphRoles(found, _bounded_outputs(graph), _label_outputs(graph))


def _bounded_outputs(graph: RoleGraph) -> tuple[str, ...]:
    """Outputs of a sigmoid, a softmax or the like, also behind operators that only move values."""
    bounded: set[str] = set()
    for node in graph.nodes:
        sources = [name for name in node.inputs if name]
        moved = node.op in MOVED
        joined = node.op == "Concat" and all(name in bounded for name in sources)
        if node.op in BOUNDED or joined or (moved and sources and sources[0] in bounded):
            bounded.update(node.outputs)
    return tuple(name for value, name in graph.outputs.items() if value in bounded)


def _label_outputs(graph: RoleGraph) -> tuple[str, ...]:
    """Outputs that hold labels, indices or flags, also where they are stored as numbers of 8 bits or as floats."""
    labels: set[str] = set()
    for node in graph.nodes:
        if node.op in LABELS:
            labels.update(node.outputs[LABELS[node.op] :])
        sources = [name for name in node.inputs if name]
        moved = node.op in MOVED and sources[:1] and sources[0] in labels
        joined = node.op == "Concat" and sources and all(name in labels for name in sources)
        if moved or joined:
            labels.update(node.outputs)
    return tuple(name for value, name in graph.outputs.items() if value in labels)


class _Search(Struct, frozen=True):
    """What values are followed to: ``ends``, by operator. They are not followed behind ``stops``, and not through a
    look-up in one of ``tables``."""

    ends: Mapping[str, frozenset[int]]
    stops: frozenset[str]
    tables: set[str]


def _deciding(graph: RoleGraph, shapes: Mapping[str, tuple[int, ...]]) -> set[str]:
    """Inputs whose values reach a size, a number of steps or a branch. Integers and a few floats may be sizes; all data
    may decide a branch."""
    carried: dict[str, frozenset[str]] = {}
    for value, spec in graph.inputs.items():
        shape = shapes.get(spec.name, ())
        few = len(shape) <= 1 and (not shape or shape[0] <= SMALL_VECTOR)
        if not spec.dtype.startswith(("float", "bfloat")) or few:
            carried[value] = frozenset({value})
    tables = {name for name, constant in graph.constants.items() if constant.dtype.startswith(("float", "bfloat"))}
    deciding: set[str] = set()
    _follow(graph.nodes, carried, _Search(SIZES, SHAPES | PRODUCTS, tables), deciding)
    every = {value: frozenset({value}) for value in graph.inputs}
    _follow(graph.nodes, every, _Search(BRANCHES, SHAPES, set()), deciding)
    return deciding


def _follow(nodes: Iterable[Node], carried: dict[str, frozenset[str]], search: _Search, deciding: set[str]) -> None:
    """Carry inputs' values from node to node; ``deciding`` takes those that reach an end of ``search``."""
    for node in nodes:
        here = [carried.get(name, frozenset()) for name in node.inputs]
        for index in search.ends.get(node.op, ()):
            if index < len(here):
                deciding |= here[index]
        passed = frozenset().union(*here) if here else frozenset()
        for body in node.bodies:
            fed = node.inputs[-len(body.inputs) :] if body.inputs else ()
            _take(carried, zip(body.inputs, fed, strict=False))
            _follow(body.nodes, carried, search, deciding)
            if node.op == "Loop":  # what a step leaves is what the next one takes, and whether there is one
                if _take(carried, zip(body.inputs, body.outputs, strict=False)):
                    _follow(body.nodes, carried, search, deciding)
                deciding |= carried.get(body.outputs[0], frozenset()) if body.outputs else frozenset()
            passed = passed.union(*(carried.get(name, frozenset()) for name in body.outputs))
        if node.op in search.stops:
            continue
        if node.op == "Gather" and node.inputs[0] in search.tables:  # an embedding: the gathered values are not sizes
            continue
        if node.op in UNCHANGED and node.inputs and node.inputs[0] in search.tables:
            search.tables.update(node.outputs)
        if passed:
            carried.update({name: passed for name in node.outputs if name})


def _take(carried: dict[str, frozenset[str]], pairs: Iterable[tuple[str, str]]) -> bool:
    """Let each value carry what its source does beside its own; whether any carries more than before."""
    more = False
    for own, source in pairs:
        before = carried.get(own, frozenset())
        carried[own] = before | carried.get(source, frozenset())
        more = more or len(carried[own]) > len(before)
    return more


def _rows(graph: RoleGraph) -> dict[str, int]:
    """Inputs that pick rows from a constant table, and of how many they may pick: the smallest of several."""
    traced: dict[str, tuple[str, int]] = {value: (value, 0) for value in graph.inputs}
    tables = dict(graph.constants)
    rows: dict[str, int] = {}
    for node in _with_inner(graph.nodes):
        for table, picked, axis in _picks(node):
            if table in tables and picked in traced and len(tables[table].shape) > axis:
                source, offset = traced[picked]
                limit = tables[table].shape[axis] - offset
                rows[source] = min(limit, rows.get(source, limit))
        first = node.inputs[0] if node.inputs else ""
        if node.op in UNCHANGED and first in tables:
            tables.update(dict.fromkeys(node.outputs, tables[first]))
        elif node.op in UNCHANGED and first in traced:
            traced.update(dict.fromkeys(node.outputs, traced[first]))
        elif node.op == "Add":
            traced.update(dict.fromkeys(node.outputs, shifted) if (shifted := _shifted(node, traced, graph)) else {})
    return {source: limit for source, limit in rows.items() if limit > 0}


def _picks(node: Node) -> Iterable[tuple[str, str, int]]:
    """Table, indices and axis of each look-up that a node does."""
    if node.op == "Gather":
        yield node.inputs[0], node.inputs[1], node.axis
    if node.op == "EmbedLayerNormalization":
        yield from ((node.inputs[table], node.inputs[ids], 0) for ids, table in ((0, 2), (1, 4)))


def _shifted(node: Node, traced: Mapping[str, tuple[str, int]], graph: RoleGraph) -> tuple[str, int] | None:
    """An input's indices behind an addition of a constant, as positions that begin at 2."""
    for one, other in (node.inputs, node.inputs[::-1]):
        if one in traced and other in graph.constants:
            added = graph.values(other)
            if added is not None and added.size and added.dtype.kind in "iu":
                return traced[one][0], traced[one][1] + max(0, int(added.max()))
    return None


def _with_inner(nodes: Sequence[Node]) -> Iterable[Node]:
    for node in nodes:
        yield node
        for body in node.bodies:
            yield from _with_inner(body.nodes)
