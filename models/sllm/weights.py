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
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

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
TABLE_BITS = 8
PIECE_ELEMENTS = 1 << 20  # of a tensor, read at a time


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
        layout = self._layout(tensor, BITS.get(self.precision))
        if layout is None:
            return self.node("MatMul", (value, self._float_matrix(weight, tensor)), name)
        bits, block = layout
        matrix, offsets = self._integer_matrix(weight, tensor, bits, block)
        if not offsets:
            return self.node("MatMul", (value, matrix), name)
        product = self.node("MatMul", (value, matrix), f"{name}.centred")
        rest = self.node("MatMul", (self._block_sums(value, block), offsets), f"{name}.offsets")
        return self.node("Add", (product, rest), name)

    def rows_of(self, name: str, indices: str, result: str) -> str:
        """The rows ``indices`` [B, S] of the table ``name``, which ``table`` stored: [B, S, width]. A quantised row is
        scaled after it was picked, never the whole table."""
        layout = self._layout(self.tensors[name], TABLE_BITS)
        if layout is None:
            return self.node("Gather", (name, indices), result)
        row = self.node("Cast", (self.node("Gather", (name, indices), f"{result}.row"),), f"{result}.steps", to=1)
        scale = self.node("Gather", (f"{name}.scale", indices), f"{result}.row_scale")
        if not layout[1]:
            scale = self.node("Unsqueeze", (scale, self.shape("axis_2", 2)), f"{result}.row_scale_column")
            return self.node("Mul", (row, scale), result)
        width, block = self.tensors[name].shape[1], layout[1]
        row = self.node("Reshape", (row, self.shape(f"blocks_{block}", 0, 0, -1, block)), f"{result}.blocks")
        scale = self.node("Unsqueeze", (scale, self.shape("axis_3", 3)), f"{result}.row_scale_column")
        row = self.node("Mul", (row, scale), f"{result}.scaled")
        if f"{name}.offset" in self._constants:
            offset = self.node("Gather", (f"{name}.offset", indices), f"{result}.row_offset")
            offset = self.node("Unsqueeze", (offset, self.shape("axis_3", 3)), f"{result}.row_offset_column")
            row = self.node("Add", (row, offset), f"{result}.shifted")
        return self.node("Reshape", (row, self.shape(f"row_{width}", 0, 0, width)), result)

    def table(self, name: str) -> str:
        """Store the matrix ``name`` [rows, width] as it is; quantised as int8 with ``name.scale`` [rows] or, where the
        tensor comes in blocks, [rows, width / block] and perhaps ``name.offset``."""
        import numpy as np
        from onnx import TensorProto, helper

        tensor = self.tensors[name]
        layout = self._layout(tensor, TABLE_BITS)
        if layout is None:
            kind = np.dtype(self.float_dtype)
            pieces = (tensor.rows(*span).astype(kind, copy=False) for span in _spans(tensor))
            return self.weight(name, helper.np_dtype_to_tensor_dtype(kind), tensor.shape, pieces)
        bits, block = layout
        scales: list[Array] = []
        offsets: list[Array] = []

        def codes() -> "Iterator[Array]":
            for span in _spans(tensor):
                piece = _blocks(tensor, *span, bits, block)
                scales.append(piece.scale)
                if piece.offset is not None:
                    offsets.append(piece.offset)
                yield piece.codes

        self.weight(name, TensorProto.INT8, tensor.shape, codes())
        self.floats(f"{name}.scale", np.concatenate([s if block else s[:, 0] for s in scales]))
        if offsets:
            self.floats(f"{name}.offset", np.concatenate(offsets))
        return name

    def by_table(self, value: str, name: str, stored: str, output: str) -> None:
        """``output`` [B, S, rows]: ``value`` [B, S, width] times the table ``stored``. A quantised table that has
        another reader is named ``name`` as well: ONNX Runtime fuses dequantisation and product only where the product
        is the tensor's one reader. Either lies in the file once; Gemm takes a table as it is stored."""
        tensor = self.tensors[stored]
        layout = self._layout(tensor, TABLE_BITS)
        if layout is None:
            rows = self.node("Reshape", (value, self.shape("rows", -1, tensor.shape[1])), "output.rows")
            product = self.cast(self.node("Gemm", (rows, stored), "output", transB=1), "float32", "output.wide")
            shape = (self.node("Shape", ("input_ids",), "output.ids_shape"), self.shape("vocab", tensor.shape[0]))
            wanted = self.node("Concat", shape, "output.shape", axis=0)
            self.split_node("Reshape", (product, wanted), "output.by_token", (output,))
            return
        if name != stored:
            self.same_weight(name, stored)
            self.same_weight(f"{name}.scale", f"{stored}.scale")
        block = layout[1]
        attributes = {"axis": 1, "block_size": block} if block else {"axis": 0}
        matrix = self.node("DequantizeLinear", (name, f"{name}.scale"), f"{name}.dequantised", **attributes)
        matrix = self.node("Transpose", (matrix,), f"{name}.transposed", perm=[1, 0])
        if f"{stored}.offset" not in self._constants:
            self.split_node("MatMul", (value, matrix), "output", (output,))
            return
        product = self.node("MatMul", (value, matrix), "output.centred")
        offsets = self.node("Transpose", (f"{stored}.offset",), f"{name}.offset_transposed", perm=[1, 0])
        rest = self.node("MatMul", (self._block_sums(value, block), offsets), "output.offsets")
        self.split_node("Add", (product, rest), "output", (output,))

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

    def _layout(self, tensor: Tensor, bits: int | None) -> tuple[int, int] | None:
        """Bits and block of a tensor's codes where ``bits`` are asked for; ``None`` for floating-point numbers. Block
        0: one scale a row."""
        if self.precision not in BITS:
            return None
        if tensor.bits is not None and (self._as_stored or tensor.bits <= (bits or 0)):
            return tensor.bits, tensor.block
        if self._as_stored:
            return None
        return (4, BLOCK) if bits == 4 else (8, 0)

    def _float_matrix(self, name: str, tensor: Tensor) -> str:
        import numpy as np

        outside, inside = tensor.shape
        columns = np.empty((inside, outside), self.float_dtype)
        for start, stop in _spans(tensor):
            columns[:, start:stop] = tensor.rows(start, stop).T
        return self.floats(name, columns)

    def _integer_matrix(self, name: str, tensor: Tensor, bits: int, block: int) -> tuple[str, str]:
        """Names of the dequantised matrix [inputs, outputs] and of its offsets [inputs / block, outputs], or ""."""
        import numpy as np
        from onnx import TensorProto

        outside, inside = tensor.shape
        columns = np.empty((inside, outside), np.int8)
        count = inside // block if block else 1
        scale, offset = np.empty((count, outside), np.float32), np.zeros((count, outside), np.float32)
        for start, stop in _spans(tensor):
            piece = _blocks(tensor, start, stop, bits, block)
            columns[:, start:stop], scale[:, start:stop] = piece.codes.T, piece.scale.T
            if piece.offset is not None:
                offset[:, start:stop] = piece.offset.T
        narrow = bits == 4 and self.precision == "int4"
        self.weight(name, TensorProto.INT4 if narrow else TensorProto.INT8, (inside, outside), (columns,))
        self.floats(f"{name}.scale", scale if block else scale[0])
        attributes = {"axis": 0, "block_size": block} if block else {"axis": 1}
        matrix = self.node("DequantizeLinear", (name, f"{name}.scale"), f"{name}.dequantised", **attributes)
        return matrix, self.floats(f"{name}.offset", offset) if offset.any() else ""

    def _block_sums(self, value: str, block: int) -> str:
        """[B, S, n] → [B, S, n / block]; made once for all products of ``value``."""
        if (value, block) not in self._sums:
            blocks = self.node("Reshape", (value, self.shape(f"blocks_{block}", 0, 0, -1, block)), f"{value}.blocks")
            sums = self.node("ReduceSum", (blocks, self.shape("last_axis", -1)), f"{value}.block_sums", keepdims=0)
            self._sums[value, block] = sums
        return self._sums[value, block]


def _spans(tensor: Tensor) -> "Iterator[tuple[int, int]]":
    """Rows to read at a time."""
    count, width = tensor.shape
    step = max(PIECE_ELEMENTS // width, 1)
    return ((start, min(start + step, count)) for start in range(0, count, step))


def _blocks(tensor: Tensor, start: int, stop: int, bits: int, block: int) -> Blocks:
    """These rows as they are stored, where they have this form, and otherwise quantised."""
    from bench.models.sllm.quantise import quantised_blocks

    if tensor.bits is not None and (tensor.bits, tensor.block) == (bits, block):
        return tensor.blocks(start, stop)
    return Blocks(*quantised_blocks(tensor.rows(start, stop), bits, block or tensor.shape[1]), None)
