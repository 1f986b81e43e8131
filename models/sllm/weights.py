"""Seeded weights of a decoder, stored in float32, float16, int8 or int4.

Every tensor has a separate generator, seeded by the model's seed and the tensor's name, and is drawn in float32
whatever type it is stored in: all precisions of one seed are roundings of one model, and the order of writing does not
matter.

| precision | matrices of the layers | embedding, and the output it is tied to | norms, biases, scales |
|---|---|---|---|
| float32 | float32 | float32 | float32 |
| float16 | float16 | float16 | norms float32, biases float16 |
| int8 | int8, one scale an output channel | int8, one scale a row | float32 |
| int4 | int4, one scale every 32 inputs of an output channel | int8, one scale a row | float32 |

Quantised weights are symmetric, without zero points: accelerators require this form, and centred weights do not lose
accuracy. The embedding stays at 8 bits in an int4 model, as with NNCF and most llama.cpp mixtures, since its rounding
reaches every logit. A matrix is [inputs, outputs] and dequantised along the inputs directly in front of its ``MatMul``,
which is where ONNX Runtime makes a ``MatMulNBits`` and OpenVINO a ``FullyConnected`` with compressed weights.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from bench.models.onnx.graph import GraphWriter

if TYPE_CHECKING:
    import numpy as np

    from bench.models.onnx.weights import WeightFile

    Array = np.ndarray[Any, Any]

PRECISIONS = ("float32", "float16", "int8", "int4")
OPSETS = {"int8": 21, "int4": 21}  # int4 and blocks begin here, and ONNX Runtime folds int8 transposes only from here
BLOCK = 32
PIECE_ELEMENTS = 1 << 20  # of a table, drawn and written at a time


class SeededWeights(GraphWriter):
    """A graph under construction whose weights are drawn from ``seed``."""

    def __init__(self, precision: str, seed: int, weights: "WeightFile") -> None:
        super().__init__(OPSETS.get(precision, 17), weights)
        self.precision = precision
        self.float_dtype = "float16" if precision == "float16" else "float32"
        self._seed = seed

    def matrix(self, name: str, inside: int, outside: int, deviation: float) -> str:
        """A matrix [inside, outside] for the right side of ``MatMul``, in floating point at that place."""
        import numpy as np

        from bench.models.sllm.quantise import quantised_columns

        rows = np.concatenate(list(self._drawn(name, (inside, outside), deviation)))
        if self.precision not in ("int8", "int4"):
            return self._floats(name, rows)
        block = BLOCK if self.precision == "int4" else 0
        stored, scale = quantised_columns(rows, 4 if block else 8, block)
        self._integers(name, stored, "int4" if block else "int8")
        self._floats(f"{name}.scale", scale)
        attributes = {"axis": 0, "block_size": block} if block else {"axis": 1}
        return self.node("DequantizeLinear", (name, f"{name}.scale"), f"{name}.dequantised", **attributes)

    def table(self, name: str, rows: int, width: int, deviation: float) -> str:
        """A matrix [rows, width], stored under ``name``; in quantised models as int8 with ``name.scale`` [rows]."""
        import numpy as np
        from onnx import TensorProto, helper

        from bench.models.sllm.quantise import quantised

        drawn = self._drawn(name, (rows, width), deviation)
        if self.precision in ("int8", "int4"):
            scales: list[Array] = []

            def integers() -> "Iterator[Array]":
                for piece in drawn:
                    stored, scale = quantised(piece, 8)
                    scales.append(scale)
                    yield stored

            self.weight(name, TensorProto.INT8, (rows, width), integers())
            self._floats(f"{name}.scale", np.concatenate(scales))
            return name
        dtype = np.dtype(self.float_dtype)
        kind = helper.np_dtype_to_tensor_dtype(dtype)
        return self.weight(name, kind, (rows, width), (piece.astype(dtype, copy=False) for piece in drawn))

    def vector(self, name: str, size: int, deviation: float, mean: float = 0.0, dtype: str = "") -> str:
        """A vector [size], of the model's own floating-point type unless ``dtype`` says another."""
        import numpy as np

        (drawn,) = self._drawn(name, (size,), deviation)
        return self._floats(name, drawn + np.float32(mean), dtype)

    def _drawn(self, name: str, shape: Sequence[int], deviation: float) -> "Iterator[Array]":
        """Normal float32 numbers, some rows at a time."""
        import numpy as np

        random = np.random.default_rng([self._seed, crc32(name.encode())])
        step = max(PIECE_ELEMENTS // math.prod(shape[1:]), 1)
        for start in range(0, shape[0], step):
            piece = random.standard_normal((min(step, shape[0] - start), *shape[1:]), np.float32)
            piece *= np.float32(deviation)
            yield piece

    def _floats(self, name: str, values: "Array", dtype: str = "") -> str:
        import numpy as np
        from onnx import helper

        kind = np.dtype(dtype or self.float_dtype)
        elem_type = helper.np_dtype_to_tensor_dtype(kind)
        return self.weight(name, elem_type, values.shape, (values.astype(kind, copy=False),))

    def _integers(self, name: str, values: "Array", dtype: str) -> str:
        from onnx import TensorProto

        elem_type = TensorProto.INT4 if dtype == "int4" else TensorProto.INT8
        return self.weight(name, elem_type, values.shape, (values,))
