"""The types that an ONNX graph's arithmetic runs in, weights and activations apart, read from the graph as executed.

For ONNX Runtime's CPU provider that is the graph it has optimised: a Conv between DequantizeLinear and QuantizeLinear
that was not fused into a QLinearConv is a float Conv, whatever the file's types. QNN runs such a Conv in integers, of
the types that its dequantisations read.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contracts import Precisions

if TYPE_CHECKING:
    import onnx

# operator -> which input holds the weights, and which the zero point of the activations (None: quantised on the way)
INTEGER: Mapping[str, tuple[int, int | None]] = {
    "ConvInteger": (1, None),
    "DynamicQuantizeLSTM": (1, None),
    "DynamicQuantizeMatMul": (1, None),
    "MatMulInteger": (1, None),
    "MatMulIntegerToFloat": (1, None),
    "QAttention": (1, None),
    "QGemm": (3, 2),
    "QLinearConv": (3, 2),
    "QLinearMatMul": (3, 2),
}
FLOAT = frozenset(
    "Attention Conv ConvTranspose FusedConv FusedGemm FusedMatMul GRU Gemm GroupQueryAttention LSTM MatMul "
    "MultiHeadAttention RNN".split()
)
BLOCKWISE = "MatMulNBits"
INT8_LEVEL = 4  # of MatMulNBits' accuracy_level: activations are quantised on the way
PASSING = frozenset("Flatten Identity MaxPool Reshape Squeeze Transpose Unsqueeze".split())
UNKNOWN = Precisions("", "")


def node_key(name: str, op: str) -> tuple[str, str]:
    """The key that a node has both in a graph and in a runtime's placement: its name, which survives renamed operators,
    or its operator if it is unnamed."""
    return (name, "") if name else ("", op)


def precisions_of(graph: "onnx.GraphProto", fuses: bool, unfused: Iterable[tuple[str, str]] = ()) -> Precisions:
    """The types that convolutions and matrix products run in, most frequent first, joined by ``+``; unknown without
    any. A product of two activations, as in attention, does not have weights.

    ``fuses``: whether the runtime computes in integers between a dequantisation and a quantisation; ``unfused``:
    ``node_key`` of each node for which it does not. Unnamed nodes are counted as often as they are given.
    """
    types = _Types(graph)
    found: Counter[Precisions] = Counter()
    left = Counter(unfused)
    for node in graph.node:
        key = node_key(node.name, node.op_type)
        apart = left[key] > 0
        left[key] -= apart
        told = types.of(node, fuses and not apart)
        if told is not None and told.activations:
            found[told] += 1
    ran = [precisions for precisions, _ in found.most_common()]
    return Precisions(_joined(p.weights for p in ran), _joined(p.activations for p in ran)) if ran else UNKNOWN


def executed_precisions(file: Path) -> Precisions:
    """Those of a graph that a runtime has written as it executes it; unknown where the file cannot be read."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return precisions_of(onnx.load_model(file, load_external_data=False).graph, fuses=False)
    except (OSError, DecodeError, ValueError):
        return UNKNOWN


def stored_precisions(file: Path) -> Precisions:
    """Those of the stored graph, for a CPU that executes it unchanged: unknown for a graph that is quantised around its
    arithmetic, or in half precision, because only the executed graph shows how it is fused or cast."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load_model(file, load_external_data=False).graph
    except (OSError, DecodeError, ValueError):
        return UNKNOWN
    found = precisions_of(graph, fuses=False)
    return UNKNOWN if _Types(graph).dequantises() or "float16" in found.activations else found


def _joined(names: Iterable[str]) -> str:
    return "+".join(dict.fromkeys(name for name in names if name))


class _Types:
    """Element types of a graph's values, as far as it shows them."""

    def __init__(self, graph: "onnx.GraphProto") -> None:
        self._nodes = graph.node
        self._stored = {tensor.name: _name(tensor.data_type) for tensor in graph.initializer}
        self._makers = {name: node for node in graph.node for name in node.output}
        self._given = {value.name: _name(value.type.tensor_type.elem_type) for value in graph.input}
        for node in graph.node:
            if node.op_type == "Constant":
                held = [_name(a.t.data_type) for a in node.attribute if a.name == "value"]
                self._stored.update(zip(node.output, held, strict=False))

    def of(self, node: "onnx.NodeProto", fuses: bool) -> Precisions | None:
        """The types that one node runs in; ``None`` if it is not arithmetic."""
        if node.op_type in INTEGER:
            weight, zero = INTEGER[node.op_type]
            activations = "int8" if zero is None else self._type(node.input[zero])
            return self._apart(node.input[0], node.input[weight], activations, self._type(node.input[weight]))
        if node.op_type == BLOCKWISE:
            given = {a.name: a.i for a in node.attribute}
            by_int8 = given.get("accuracy_level") == INT8_LEVEL
            return Precisions(f"int{given.get('bits', 4)}", "int8" if by_int8 else self._type(node.input[0]))
        if node.op_type not in FLOAT or len(node.input) < 2:
            return None
        first, second = node.input[:2]
        sides = [self._quantised(name) if fuses else "" for name in (first, second)]
        if not all(sides):
            sides = [self._type(first) or self._type(second), self._type(second)]
        return self._apart(first, second, *sides)

    def _apart(self, first: str, second: str, first_type: str, second_type: str) -> Precisions:
        """Which of two operands are weights: the one that hangs on constants alone, the second where both do."""
        if self._constant(second):
            return Precisions(second_type, first_type)
        if self._constant(first):
            return Precisions(first_type, second_type)
        return Precisions("", _joined((first_type, second_type)))

    def _constant(self, name: str) -> bool:
        """Whether a value hangs on constants alone. What the graph does not make comes from a graph around it, and
        counts as constant."""
        waiting, seen = [name], set()
        while waiting:
            name = waiting.pop()
            if name in self._stored or name in seen or not name:
                continue
            if name in self._given:
                return False
            seen.add(name)
            waiting += self._makers[name].input if name in self._makers else ()
        return True

    def dequantises(self) -> bool:
        """Whether an operator of float arithmetic reads what is dequantised, and so may be fused with that."""
        read = (name for node in self._nodes if node.op_type in FLOAT for name in node.input[:2])
        return any(self._quantised(name) for name in read)

    def _quantised(self, name: str) -> str:
        """The type that a dequantised value has in memory; "" where it is not dequantised."""
        maker = self._makers.get(name)
        if maker is None:
            return ""
        if maker.op_type == "DequantizeLinear":
            return self._type(maker.input[0])
        return self._quantised(maker.input[0]) if maker.op_type in PASSING else ""

    def _type(self, name: str) -> str:
        """Follows a value up to where its type is stated."""
        for _ in range(len(self._makers) + 1):
            if name in self._stored or name in self._given:
                return self._stored.get(name) or self._given[name]
            maker = self._makers.get(name)
            if maker is None or not maker.input:
                return ""
            if maker.op_type == "Cast":
                return next((_name(a.i) for a in maker.attribute if a.name == "to"), "")
            if maker.op_type == "QuantizeLinear":
                return self._type(maker.input[2]) if len(maker.input) > 2 else "int8"
            position = {"DequantizeLinear": 1, "QLinearConv": 7, "QLinearMatMul": 7}.get(maker.op_type, 0)
            name = maker.input[min(position, len(maker.input) - 1)]
        return ""


def _name(elem_type: int) -> str:
    """numpy's name; unsigned quantised types go by their signed name."""
    from onnx import helper

    try:
        name = str(helper.tensor_dtype_to_np_dtype(elem_type).name)
    except KeyError:
        return ""
    return name.removeprefix("u") if name.startswith("uint") else name
