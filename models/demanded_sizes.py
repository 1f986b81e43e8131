"""Sizes of inputs that the constants of a graph demand: the channels of a convolution, the width of a product.

An example of shapes is useful only if the graph accepts it. Works on nodes of either format, as ``input_roles`` does.
"""

from collections.abc import Iterator, Mapping

from bench.models.role_graph import Node, RoleGraph

Sizes = Mapping[str, Mapping[int, int]]
"""Input's name -> dimension, from 0 -> its size."""
Shape = tuple[int, ...]

SAME_SHAPE = frozenset(
    "Abs Cast Clip Clamp Convert DequantizeLinear FakeQuantize Identity LeakyRelu Neg Negative QuantizeLinear ReLU "
    "Relu Round Sigmoid Sqrt Tanh".split()
)
BROADCAST = frozenset("Add Div Divide Mul Multiply Pow Power Sub Subtract".split())
CONVOLUTIONS: Mapping[str, int] = {
    "Conv": 1,
    "ConvInteger": 1,
    "Convolution": 1,
    "FusedConv": 1,
    "GroupConvolution": 1,
    "QLinearConv": 3,
}
"""Operator -> which of its inputs holds the weights."""
PRODUCTS = frozenset({"Gemm", "MatMul", "MatMulInteger"})


def demanded(graph: RoleGraph) -> Sizes:
    """What each input's dimensions must be for the constants that it meets first; only what the graph states."""
    constants: dict[str, Shape] = {name: constant.shape for name, constant in graph.constants.items()}
    reached: dict[str, tuple[str, Shape]] = {
        value: (spec.name, tuple(range(len(spec.shape)))) for value, spec in graph.inputs.items()
    }
    found: dict[str, dict[int, int]] = {}
    for node in graph.nodes:
        first = next((name for name in node.inputs if name in reached), None)
        if first is None:
            _note_constant(node, constants)
            continue
        name, axes = reached[first]
        for axis, size in _demands(node, node.inputs.index(first), constants, len(axes)):
            if 0 <= axis < len(axes):
                found.setdefault(name, {}).setdefault(axes[axis], size)
        moved = _axes_behind(graph, node, axes)
        if moved is not None and node.outputs:
            reached[node.outputs[0]] = name, moved
    return found


def _note_constant(node: Node, constants: dict[str, Shape]) -> None:
    """Weights that are stored in another type, with a scale: their shape stays."""
    if node.op in SAME_SHAPE | BROADCAST and node.outputs:
        shapes = [constants[name] for name in node.inputs if name in constants]
        if shapes and (node.inputs[0] in constants):
            constants[node.outputs[0]] = max(shapes, key=len) if node.op in BROADCAST else constants[node.inputs[0]]


def _demands(node: Node, position: int, constants: Mapping[str, Shape], rank: int) -> Iterator[tuple[int, int]]:
    """Dimension and size, of the value that ``node`` reads as its input number ``position``."""
    if node.op in CONVOLUTIONS and position == 0:
        weights = _constant(node, CONVOLUTIONS[node.op], constants)
        if node.op == "GroupConvolution" and len(weights) > 2:
            yield 1, weights[0] * weights[2]
        elif len(weights) > 1:
            yield 1, weights[1] * node.groups
    elif node.op in PRODUCTS and position == 0 and 0 not in node.transposed:
        right = _constant(node, 1, constants)
        if len(right) > 1:
            yield rank - 1, right[-1 if 1 in node.transposed else -2]
    elif node.op in ("BatchNormalization", "BatchNormInference") and position == 0:
        scale = _constant(node, 1, constants)
        if len(scale) == 1:
            yield 1, scale[0]
    elif node.op in BROADCAST and len(node.inputs) > 1:
        other = _constant(node, 1 - position, constants) if position < 2 else ()
        for index, size in enumerate(other):
            if size > 1:
                yield rank - len(other) + index, size


def _constant(node: Node, index: int, constants: Mapping[str, Shape]) -> Shape:
    return constants.get(node.inputs[index], ()) if index < len(node.inputs) else ()


def _axes_behind(graph: RoleGraph, node: Node, axes: Shape) -> Shape | None:
    """The input's dimensions in the order in which the output has them; ``None`` where they are others."""
    if node.op in SAME_SHAPE | BROADCAST | {"BatchNormalization", "BatchNormInference"}:
        return axes
    if node.op != "Transpose":
        return None
    order = node.order
    if not order and len(node.inputs) > 1 and node.inputs[1] in graph.constants:
        held = graph.values(node.inputs[1])
        order = () if held is None else tuple(int(axis) for axis in held.reshape(-1))
    order = order or tuple(reversed(range(len(axes))))
    return tuple(axes[axis] for axis in order) if sorted(order) == list(range(len(axes))) else None
