"""The first and the last matrix of a decoder: the embedding, and the output, which is the same one in tied models.

Rows of the embedding are picked, so a quantised row is scaled after that, never the whole table. The output is a
product, and in the file a tied matrix lies once:

- floating-point numbers: [vocab, dim]; Gemm takes it as it is;
- int8 with one scale a row, as it is quantised here: [vocab, dim], transposed in front of the product;
- blocks of 8 bits, as a published file has them: [dim, vocab], the form of all other matrices, of which columns are
  picked. ONNX Runtime fuses a product only with blocks along its inputs, and dequantises the whole table for each token
  otherwise.

Blocks of 4 bits are picked from int8, since runtimes pick no int4; the product has a matrix of its own.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bench.models.sllm.tensor import Tensor
from bench.models.sllm.weights import Columns, Layout, WeightedGraph, blocks_of, spans

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

TABLE_BITS = 8
EMBEDDING, OUTPUT = "embedding.weight", "output.weight"


class TabledGraph(WeightedGraph):
    """A graph under construction with an embedding and an output."""

    _shared: Columns | None = None
    """The embedding where it is stored in the form of a product."""

    def embedding(self, tied: bool) -> None:
        """Store the embedding."""
        tensor = self.tensors[EMBEDDING]
        layout = self.layout(tensor, TABLE_BITS)
        if layout is None:
            self._float_table(EMBEDDING, tensor)
        elif tied and layout.block and layout.bits == TABLE_BITS:
            self._shared = self.columns(EMBEDDING, tensor, layout)
        else:
            self._integer_table(EMBEDDING, tensor, layout)

    def rows_of(self, indices: str, result: str) -> str:
        """The rows ``indices`` [B, S] of the embedding: [B, S, width]."""
        tensor = self.tensors[EMBEDDING]
        layout = self.layout(tensor, TABLE_BITS)
        if layout is None:
            return self.node("Gather", (EMBEDDING, indices), result)
        picked = self._picked(EMBEDDING, indices, f"{result}.row")
        row = self.node("Cast", (picked,), f"{result}.steps", to=1)
        scale = self._picked(f"{EMBEDDING}.scale", indices, f"{result}.row_scale")
        if not layout.block:
            scale = self.node("Unsqueeze", (scale, self.shape("axis_2", 2)), f"{result}.row_scale_column")
            return self.node("Mul", (row, scale), result)
        width, block = tensor.shape[1], layout.block
        row = self.node("Reshape", (row, self.shape(f"blocks_{block}", 0, 0, -1, block)), f"{result}.blocks")
        scale = self.node("Unsqueeze", (scale, self.shape("axis_3", 3)), f"{result}.row_scale_column")
        row = self.node("Mul", (row, scale), f"{result}.scaled")
        if f"{EMBEDDING}.offset" in self._constants:
            offset = self._picked(f"{EMBEDDING}.offset", indices, f"{result}.row_offset")
            offset = self.node("Unsqueeze", (offset, self.shape("axis_3", 3)), f"{result}.row_offset_column")
            row = self.node("Add", (row, offset), f"{result}.shifted")
        return self.node("Reshape", (row, self.shape(f"row_{width}", 0, 0, width)), result)

    def output(self, value: str, tied: bool, result: str) -> None:
        """``result`` [B, S, vocab]: ``value`` [B, S, dim] times the output's matrix, in float32."""
        tensor = self.tensors[EMBEDDING if tied else OUTPUT]
        layout = self.layout(tensor, TABLE_BITS)
        if layout is None:
            self._float_product(value, EMBEDDING if tied else self._float_table(OUTPUT, tensor), tensor, result)
        elif not layout.block:
            self._row_product(value, tied, tensor, layout, result)
        elif self._shared is None:
            self.product(value, self.columns(OUTPUT, tensor, layout), "output", result)
        else:
            self._named_twice()
            self.product(value, self._shared._replace(name=OUTPUT), "output", result)

    def _picked(self, name: str, indices: str, result: str) -> str:
        """[B, S], or [B, S, n]."""
        if self._shared is None:
            return self.node("Gather", (name, indices), result)
        columns = self.node("Gather", (name, indices), f"{result}_columns", axis=1)
        return self.node("Transpose", (columns,), result, perm=[1, 2, 0])

    def _float_table(self, name: str, tensor: Tensor) -> str:
        import numpy as np
        from onnx import helper

        kind = np.dtype(self.float_dtype)
        pieces = (tensor.rows(*span).astype(kind, copy=False) for span in spans(tensor))
        return self.weight(name, helper.np_dtype_to_tensor_dtype(kind), tensor.shape, pieces)

    def _integer_table(self, name: str, tensor: Tensor, layout: Layout) -> None:
        """``name`` int8 [rows, width]; ``name.scale`` [rows], or [rows, width / block] and perhaps ``name.offset``."""
        import numpy as np
        from onnx import TensorProto

        scales: list[Array] = []
        offsets: list[Array] = []

        def codes() -> "Iterator[Array]":
            for span in spans(tensor):
                piece = blocks_of(tensor, *span, layout)
                scales.append(piece.scale)
                if piece.offset is not None:
                    offsets.append(piece.offset)
                yield piece.codes

        self.weight(name, TensorProto.INT8, tensor.shape, codes())
        self.floats(f"{name}.scale", np.concatenate([s if layout.block else s[:, 0] for s in scales]))
        if offsets:
            self.floats(f"{name}.offset", np.concatenate(offsets))

    def _float_product(self, value: str, table: str, tensor: Tensor, result: str) -> None:
        rows = self.node("Reshape", (value, self.shape("rows", -1, tensor.shape[1])), "output.rows")
        product = self.cast(self.node("Gemm", (rows, table), "output", transB=1), "float32", "output.wide")
        shape = (self.node("Shape", ("input_ids",), "output.ids_shape"), self.shape("vocab", tensor.shape[0]))
        wanted = self.node("Concat", shape, "output.shape", axis=0)
        self.split_node("Reshape", (product, wanted), "output.by_token", (result,))

    def _row_product(self, value: str, tied: bool, tensor: Tensor, layout: Layout, result: str) -> None:
        if tied:
            self._named_twice()
        else:
            self._integer_table(OUTPUT, tensor, layout)
        matrix = self.node("DequantizeLinear", (OUTPUT, f"{OUTPUT}.scale"), f"{OUTPUT}.dequantised", axis=0)
        matrix = self.node("Transpose", (matrix,), f"{OUTPUT}.transposed", perm=[1, 0])
        self.split_node("MatMul", (value, matrix), "output", (result,))

    def _named_twice(self) -> None:
        """ONNX Runtime fuses dequantisation and product only where the product is the tensor's one reader."""
        for suffix in ("", ".scale", ".offset"):
            if f"{EMBEDDING}{suffix}" in self._constants:
                self.same_weight(f"{OUTPUT}{suffix}", f"{EMBEDDING}{suffix}")
