"""Weights of a decoder as they are stored in its graph: float32, float16, int8 or int4.

| precision | matrices of the layers | embedding, and the output it is tied to | norms, biases, scales |
|---|---|---|---|
| float32 | float32 | float32 | float32 |
| float16 | float16 | float16 | norms float32, biases float16 |
| int8 | int8, one scale an output channel | int8, one scale a row | float32 |
| int4 | int4, one scale every 32 inputs of an output channel | int8, one scale a row | float32 |

Weights that are quantised here are symmetric, without zero points: accelerators require this form, and centred weights
do not lose accuracy. The embedding stays at 8 bits in an int4 model, as with NNCF and most llama.cpp mixtures, since
its rounding reaches every logit. A matrix is [inputs, outputs] and dequantised along the inputs directly in front of
its ``MatMul``, which is where ONNX Runtime makes a ``MatMulNBits`` and OpenVINO a ``FullyConnected`` with compressed
weights.

A tensor that comes in blocks (``Tensor.bits``) keeps its codes, scales and offsets exactly where the precision has room
for its codes. The offsets are added by a second, small product: ``x × (scale × code + offset)`` is ``x × (scale ×
code)`` plus the sums of x over each block times the offsets.

What was tried for SmolLM2's Q4_1 (offsets that are no multiple of their scale), as CPU time a token on one thread:
without the offsets, which is wrong, 1; with this product 1.07 on ONNX Runtime; with sums by ``ReduceSum`` instead 1.14;
as floating-point zero points, ``(code - zero point) × scale``, in ``MatMulNBits`` about 9 (elapsed time), since ONNX
Runtime then dequantises the whole matrix for each token. OpenVINO on a CPU gets such zero points where that is faster
(``bench.targets.openvino.attention``).
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.models.onnx.graph import GraphWriter
from bench.models.sllm.tensor import Blocks, Tensor

if TYPE_CHECKING:
    import numpy as np

    from bench.models.onnx.weights import WeightFile

    Array = np.ndarray[Any, Any]

PRECISIONS = ("float32", "float16", "int8", "int4")
BITS = {"int8": 8, "int4": 4}
OPSETS = {"int8": 21, "int4": 21}  # int4 and blocks begin here, and ONNX Runtime folds int8 transposes only from here
BLOCK = 32
MOST_SUMMED = 2048
"""Inputs up to which sums over blocks are a product with a matrix of zeros and ones, which is one operator less."""
PIECE_ELEMENTS = 1 << 20  # of a tensor, read at a time


class Layout(NamedTuple):
    """Bits of the codes, and inputs that share a scale; 0: all of a row."""

    bits: int
    block: int


class Columns(NamedTuple):
    """A stored matrix [inputs, outputs] of integers: ``name``, ``name.scale`` and, if ``shifted``, ``name.offset``."""

    name: str
    inputs: int
    block: int
    shifted: bool


class WeightedGraph(GraphWriter):
    """A graph under construction that takes its weights from ``tensors``.

    ``as_stored``: every tensor keeps its own type, also those of more bits than ``precision`` says and those of
    floating-point numbers.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], precision: str, weights: "WeightFile", as_stored: bool = False
    ) -> None:
        super().__init__(OPSETS.get(precision, 17), weights)
        self.tensors = tensors
        self.precision = precision
        self.float_dtype = "float16" if precision == "float16" else "float32"
        self._as_stored = as_stored and precision in BITS
        self._sums: dict[tuple[str, int], str] = {}

    def linear(self, value: str, name: str) -> str:
        """``value`` [B, S, inputs] times the matrix ``name.weight``: [B, S, outputs]."""
        weight = f"{name}.weight"
        tensor = self.tensors[weight]
        layout = self.layout(tensor, BITS.get(self.precision))
        if layout is None:
            return self.node("MatMul", (value, self._float_matrix(weight, tensor)), name)
        return self.product(value, self.columns(weight, tensor, layout), name, name)

    def columns(self, name: str, tensor: Tensor, layout: Layout) -> Columns:
        """Store the matrix ``tensor`` as integers [inputs, outputs] under ``name``."""
        import numpy as np
        from onnx import TensorProto

        bits, block = layout
        outside, inside = tensor.shape
        codes = np.empty((inside, outside), np.int8)
        count = inside // block if block else 1
        scale, offset = np.empty((count, outside), np.float32), np.zeros((count, outside), np.float32)
        for start, stop in spans(tensor):
            piece = blocks_of(tensor, start, stop, layout)
            codes[:, start:stop], scale[:, start:stop] = piece.codes.T, piece.scale.T
            if piece.offset is not None:
                offset[:, start:stop] = piece.offset.T
        narrow = bits == 4 and self.precision == "int4"
        self.weight(name, TensorProto.INT4 if narrow else TensorProto.INT8, (inside, outside), (codes,))
        self.floats(f"{name}.scale", scale if block else scale[0])
        shifted = bool(offset.any())
        if shifted:
            self.floats(f"{name}.offset", offset)
        return Columns(name, inside, block, shifted)

    def product(self, value: str, matrix: Columns, name: str, output: str) -> str:
        """``output`` [B, S, outputs]: ``value`` [B, S, inputs] times the stored ``matrix``."""
        stored, block = (matrix.name, f"{matrix.name}.scale"), matrix.block
        attributes = {"axis": 0, "block_size": block} if block else {"axis": 1}
        weights = self.node("DequantizeLinear", stored, f"{matrix.name}.dequantised", **attributes)
        if not matrix.shifted:
            return self.split_node("MatMul", (value, weights), name, (output,))[0]
        centred = self.node("MatMul", (value, weights), f"{name}.centred")
        sums = self._block_sums(value, matrix.inputs, block)
        rest = self.node("MatMul", (sums, f"{matrix.name}.offset"), f"{name}.offsets")
        return self.split_node("Add", (centred, rest), name, (output,))[0]

    def vector(self, name: str, dtype: str = "") -> str:
        """The vector ``name``, of the graph's own floating-point type unless ``dtype`` says another."""
        tensor = self.tensors[name]
        return self.floats(name, tensor.rows(0, tensor.shape[0]), dtype)

    def floats(self, name: str, values: "Array", dtype: str = "") -> str:
        import numpy as np
        from onnx import helper

        kind = np.dtype(dtype or self.float_dtype)
        elem_type = helper.np_dtype_to_tensor_dtype(kind)
        return self.weight(name, elem_type, values.shape, (values.astype(kind, copy=False),))

    def cast(self, value: str, dtype: str, name: str) -> str:
        """``value`` as ``dtype``; in a graph of float32 there is nothing to do."""
        if self.float_dtype == "float32":
            return value
        return self.node("Cast", (value,), name, to=1 if dtype == "float32" else 10)

    def shape(self, name: str, *values: int) -> str:
        import numpy as np

        return self.constant(name, np.array(values, np.int64))

    def layout(self, tensor: Tensor, bits: int | None) -> Layout | None:
        """How a tensor is stored where ``bits`` are asked for; ``None``: as floating-point numbers."""
        if self.precision not in BITS:
            return None
        if tensor.bits is not None and (self._as_stored or tensor.bits <= (bits or 0)):
            return Layout(tensor.bits, tensor.block)
        if self._as_stored:
            return None
        return Layout(4, BLOCK) if bits == 4 else Layout(8, 0)

    def _float_matrix(self, name: str, tensor: Tensor) -> str:
        import numpy as np

        outside, inside = tensor.shape
        columns = np.empty((inside, outside), self.float_dtype)
        for start, stop in spans(tensor):
            columns[:, start:stop] = tensor.rows(start, stop).T
        return self.floats(name, columns)

    def _ones(self, inputs: int, block: int) -> str:
        import numpy as np

        name = f"block_ones_{inputs}_{block}"
        if name not in self._constants:
            self.floats(name, np.kron(np.eye(inputs // block, dtype=np.float32), np.ones((block, 1), np.float32)))
        return name

    def _block_sums(self, value: str, inputs: int, block: int) -> str:
        """[B, S, n] → [B, S, n / block]; made once for all products of ``value``."""
        if (value, block) in self._sums:
            return self._sums[value, block]
        name = f"{value}.block_sums_{block}"
        if inputs <= MOST_SUMMED:
            self._sums[value, block] = self.node("MatMul", (value, self._ones(inputs, block)), name)
        else:
            parts = (value, self.shape(f"blocks_{block}", 0, 0, -1, block))
            blocks = self.node("Reshape", parts, f"{value}.blocks_{block}")
            sums = self.node("ReduceSum", (blocks, self.shape("last_axis", -1)), name, keepdims=0)
            self._sums[value, block] = sums
        return self._sums[value, block]


def keeps_values(tensors: Mapping[str, Tensor], precision: str, as_stored: bool) -> bool:
    """Whether a graph of ``precision`` computes with the values of ``tensors``, instead of with roundings of them."""
    matrices = [tensor for tensor in tensors.values() if len(tensor.shape) > 1]
    if precision in BITS:
        return as_stored or all(tensor.bits is not None and tensor.bits <= BITS[precision] for tensor in matrices)
    return precision == "float32" or all(tensor.stored_as == "F16" for tensor in matrices)


def spans(tensor: Tensor) -> "Iterator[tuple[int, int]]":
    """Rows to read at a time."""
    count, width = tensor.shape
    step = max(PIECE_ELEMENTS // width, 1)
    return ((start, min(start + step, count)) for start in range(0, count, step))


def blocks_of(tensor: Tensor, start: int, stop: int, layout: Layout) -> Blocks:
    """These rows as they are stored, where they have this form, and otherwise quantised."""
    from bench.models.sllm.quantise import quantised_blocks

    bits, block = layout
    if tensor.bits is not None and layout == (tensor.bits, tensor.block):
        return tensor.blocks(start, stop)
    return Blocks(*quantised_blocks(tensor.rows(start, stop), bits, block or tensor.shape[1]), None)
