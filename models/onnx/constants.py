"""The constants of an ONNX graph: where they are stored, and which of them are parameters."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from bench.models.dtypes import INDEX_DTYPES, tensor_bytes
from bench.models.onnx.twins import attributes_of
from bench.models.onnx.values import dtype_name

if TYPE_CHECKING:
    import onnx

# operator -> inputs that hold no weights
NO_WEIGHTS: Mapping[str, frozenset[int]] = {
    "BatchNormalization": frozenset({3, 4}),
    "Clip": frozenset({1, 2}),
    "ConvInteger": frozenset({2, 3}),
    "DequantizeLinear": frozenset({1, 2}),
    "GatherBlockQuantized": frozenset({2, 3}),
    "GroupQueryAttention": frozenset({7, 8}),
    "MatMulInteger": frozenset({2, 3}),
    "DynamicQuantizeMatMul": frozenset({2, 3}),
    "MatMulIntegerToFloat": frozenset({2, 3, 4, 5}),
    "MatMulNBits": frozenset({2, 3, 4}),
    "NonMaxSuppression": frozenset({2, 3, 4}),
    "OneHot": frozenset({1, 2}),
    "Pad": frozenset({2}),
    "QGemm": frozenset({1, 2, 4, 5, 7, 8}),
    "QLinearAdd": frozenset({1, 2, 4, 5, 6, 7}),
    "QLinearConv": frozenset({1, 2, 4, 5, 6, 7}),
    "QLinearMatMul": frozenset({1, 2, 4, 5, 6, 7}),
    "QLinearMul": frozenset({1, 2, 4, 5, 6, 7}),
    "QuantizeLinear": frozenset({1, 2}),
    "Resize": frozenset({1, 2, 3}),
    "RotaryEmbedding": frozenset({2, 3}),
    "Upsample": frozenset({1}),
}
BIASES = {("DequantizeLinear", 0), ("QLinearConv", 8), ("QGemm", 6)}  # may be int32


class Constant(NamedTuple):
    """A tensor stored in the file, and the nodes of its scope, which nested nodes may read too. ``tensor`` is without
    data if the file keeps it in another kind of attribute."""

    name: str
    tensor: "onnx.TensorProto"
    scope: "onnx.GraphProto"
    sparse: "onnx.SparseTensorProto | None" = None

    @property
    def size_bytes(self) -> int | None:
        """As stored: of a sparse tensor its values and where they lie."""
        if self.tensor.string_data:
            return sum(len(text) for text in self.tensor.string_data)
        if self.sparse is None:
            return tensor_bytes(dtype_name(self.tensor.data_type), self.tensor.dims)
        parts = [tensor_bytes(dtype_name(t.data_type), t.dims) for t in (self.sparse.values, self.sparse.indices)]
        return sum(part for part in parts if part is not None)

    @property
    def elements(self) -> int:
        """Those that are stored."""
        return math.prod((self.tensor if self.sparse is None else self.sparse.values).dims)


def constants_of(graph: "onnx.GraphProto") -> Iterator[Constant]:
    """Initializers and the tensors of Constant nodes, also those inside control flow."""
    for tensor in graph.initializer:
        yield Constant(tensor.name, tensor, graph)
    for sparse in graph.sparse_initializer:
        yield _sparse(sparse.values.name, sparse, graph)
    for node in graph.node:
        if node.op_type == "Constant":
            yield from _of_node(node, graph)
        for subgraph in subgraphs(node):
            yield from constants_of(subgraph)


def constant_tensors(graph: "onnx.GraphProto") -> "Iterable[tuple[str, onnx.TensorProto]]":
    """The tensors behind ``constants_of``; of a sparse one its values."""
    for constant in constants_of(graph):
        yield constant.name, constant.tensor if constant.sparse is None else constant.sparse.values


def _of_node(node: "onnx.NodeProto", graph: "onnx.GraphProto") -> Iterator[Constant]:
    from onnx import TensorProto

    numbers = {"value_float": TensorProto.FLOAT, "value_int": TensorProto.INT64, "value_string": TensorProto.STRING}
    for attribute in node.attribute:
        kind = numbers.get(attribute.name.removesuffix("s"))
        if attribute.name == "value":
            yield Constant(node.output[0], attribute.t, graph)
        elif attribute.name == "sparse_value":
            yield _sparse(node.output[0], attribute.sparse_tensor, graph)
        elif kind is not None:
            listed = attribute.floats or attribute.ints or attribute.strings
            dims = [len(listed)] if attribute.name.endswith("s") else []
            texts = attribute.strings or ([attribute.s] if attribute.name == "value_string" else [])
            yield Constant(node.output[0], TensorProto(data_type=kind, dims=dims, string_data=texts), graph)


def _sparse(name: str, sparse: "onnx.SparseTensorProto", graph: "onnx.GraphProto") -> Constant:
    from onnx import TensorProto

    dense = TensorProto(name=name, data_type=sparse.values.data_type, dims=sparse.dims)
    return Constant(name, dense, graph, sparse)


def place(tensor: "onnx.TensorProto") -> tuple[str, ...] | None:
    """Where in which file a tensor's data lies; ``None`` for one inside the graph."""
    if not tensor.external_data:
        return None
    return tuple(f"{entry.key}={entry.value}" for entry in tensor.external_data)


def stored_once(constants: Iterable[Constant], shared: frozenset[bytes] = frozenset()) -> list[Constant]:
    """Without those whose bytes are another's: at one place of a file of weights, or among the ``shared`` ones, which
    stand in a function's body that was inlined wherever it is called."""
    found: dict[object, Constant] = {}
    for number, constant in enumerate(constants):
        content = _digest(constant.tensor) if shared else b""
        found[place(constant.tensor) or (content if content in shared else number)] = constant
    return list(found.values())


def function_constants(model: "onnx.ModelProto") -> frozenset[bytes]:
    """The constants in the bodies of a model's functions, by their contents."""
    nodes = [node for function in model.functions for node in function.node]
    return frozenset(
        _digest(attribute.t)
        for node in nodes
        for attribute in node.attribute
        if node.op_type == "Constant" and attribute.name == "value"
    )


def _digest(tensor: "onnx.TensorProto") -> bytes:
    return hashlib.sha256(tensor.SerializeToString()).digest()


def subgraphs(node: "onnx.NodeProto") -> "Iterable[onnx.GraphProto]":
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_nodes(graph: "onnx.GraphProto") -> "Iterable[onnx.NodeProto]":
    for node in graph.node:
        yield node
        for subgraph in subgraphs(node):
            yield from all_nodes(subgraph)


def parameters(constants: Iterable[Constant]) -> int:
    """Elements of those that are weights, as ``bench.models.onnx.facts`` says."""
    roles: dict[int, Roles] = {}
    total = 0
    for constant in constants:
        scope = id(constant.scope)
        if scope not in roles:
            roles[scope] = _roles(constant.scope)
        total += _weights(constant, roles[scope].get(constant.name, set()))
    return total


Roles = dict[str, set[tuple[str, int, int | None]]]
"""Value -> (operator, which input, elements where the operator unpacks it) of each node that reads it."""


def _roles(graph: "onnx.GraphProto") -> Roles:
    found: Roles = {}
    for node in all_nodes(graph):
        packed = None
        if node.op_type == "MatMulNBits":
            given = attributes_of(node)
            packed = int(given["K"]) * int(given["N"])
        for index, name in enumerate(node.input):
            found.setdefault(name, set()).add((node.op_type, index, packed if index == 1 else None))
    return found


def _weights(constant: Constant, roles: set[tuple[str, int, int | None]]) -> int:
    dtype = dtype_name(constant.tensor.data_type)
    if not constant.tensor.dims or not roles or dtype == "string":
        return 0
    if any(index in NO_WEIGHTS.get(op, ()) for op, index, _ in roles):
        return 0
    biases = dtype == "int32" and any((op, index) in BIASES for op, index, _ in roles)
    if dtype in INDEX_DTYPES and not biases:
        return 0
    return next((packed for _, _, packed in roles if packed is not None), constant.elements)
