"""One query on an ONNX Runtime session: its inputs bound, its outputs held as the run gives them.

Inputs are bound once, so that a timed call is one ``run_with_iobinding``. Shapes that a file states for its outputs are
not relied on: the first call allocates the buffers. If all output shapes are stated, later calls write into the same
buffers. ONNX Runtime refuses them if the shape differs from the stated or previous one; the query then requests new
ones before each call, as it always does if a shape is open.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.contracts import Tensors, TensorSpec
from bench.contracts.element_types import EXTENDED, PACKED_BITS, STRING, from_packed_bytes, numpy_type, packed_bytes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

RENAMED = {
    "float": "float32",
    "double": "float64",
    "float8e4m3fn": "float8_e4m3fn",
    "float8e4m3fnuz": "float8_e4m3fnuz",
    "float8e5m2": "float8_e5m2",
    "float8e5m2fnuz": "float8_e5m2fnuz",
    "float8e8m0": "float8_e8m0fnu",
    "float4e2m1": "float4_e2m1fn",
}
ONNX_TYPES = {  # TensorProto.DataType of the types that numpy has not
    "bfloat16": 16,
    "float8_e4m3fn": 17,
    "float8_e4m3fnuz": 18,
    "float8_e5m2": 19,
    "float8_e5m2fnuz": 20,
    "uint4": 21,
    "int4": 22,
    "float4_e2m1fn": 23,
    "float8_e8m0fnu": 24,
    "uint2": 25,
    "int2": 26,
}


def element_of(onnx_type: str) -> str | None:
    """``tensor(float)`` -> ``float32``; ``None`` for what is not a dense tensor."""
    if not (onnx_type.startswith("tensor(") and onnx_type.endswith(")")):
        return None
    element = onnx_type.removeprefix("tensor(").removesuffix(")")
    return RENAMED.get(element, element)


class BoundQuery:
    """One IOBinding. ``arrays`` own the memory that it points into."""

    def __init__(self, session: Any, arrays: "Mapping[str, Array]", outputs: Sequence[TensorSpec]) -> None:
        import onnxruntime

        self._names = [spec.name for spec in outputs]
        self.arrays = arrays
        self._values = {name: ort_value(array) for name, array in arrays.items()}
        self._binding = session.io_binding()
        for name, value in self._values.items():
            self._binding.bind_ortvalue_input(name, value)
        self._session, self._options = session, onnxruntime.RunOptions()
        self._bind_outputs()
        self._step: Callable[[], None] = self._first if all(spec.static for spec in outputs) else self._with_new_outputs

    def __call__(self) -> None:
        self._step()

    def refill(self, feeds: Tensors) -> None:
        """Other inputs of the same types and shapes, in the same memory; packed types in new memory."""
        for name, array in self.arrays.items():
            if array.dtype.name in PACKED_BITS:
                self._values[name] = ort_value(feeds[name])
                self._binding.bind_ortvalue_input(name, self._values[name])
            else:
                array[...] = feeds[name]

    def results(self) -> "list[Array]":
        """Copies of the outputs of the last call, in their order. An output that is an input is handed over
        as memory that ends with the binding."""
        return [array_of(value).copy() for value in self._binding.get_outputs()]

    def _first(self) -> None:
        self._session.run_with_iobinding(self._binding, self._options)
        self._step = self._with_same_outputs

    def _with_same_outputs(self) -> None:
        try:
            self._session.run_with_iobinding(self._binding, self._options)
        except Exception:  # the buffers do not fit; what fails for another reason fails again
            self._step = self._with_new_outputs
            self._step()

    def _with_new_outputs(self) -> None:
        self._bind_outputs()
        self._session.run_with_iobinding(self._binding, self._options)

    def _bind_outputs(self) -> None:
        for name in self._names:
            self._binding.bind_output(name, "cpu")


class PlainQuery:
    """A query through ``run``, for inputs that an IOBinding does not take: text."""

    def __init__(self, session: Any, arrays: "Mapping[str, Array]", outputs: Sequence[TensorSpec]) -> None:
        self._session, self.arrays = session, arrays
        self._names = [spec.name for spec in outputs]
        self._results: list[Array] = []

    def __call__(self) -> None:
        self._results = self._session.run(self._names, self.arrays)

    def refill(self, feeds: Tensors) -> None:
        """Other inputs of the same types and shapes."""
        self.arrays = dict(feeds)

    def results(self) -> "list[Array]":
        return self._results


def query_of(
    session: Any, arrays: "Mapping[str, Array]", inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> BoundQuery | PlainQuery:
    """A query of ``arrays``, which hold one array for each of ``inputs``."""
    plain = any(spec.dtype == STRING for spec in inputs)
    return (PlainQuery if plain else BoundQuery)(session, arrays, outputs)


def ort_value(array: "Array") -> Any:
    """The array as an OrtValue that points into it, except for packed types, which are copied."""
    import numpy as np
    import onnxruntime

    name = array.dtype.name
    if name not in EXTENDED:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array)
    if name not in PACKED_BITS:
        plain = array.view(f"u{array.dtype.itemsize}")
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(plain, ONNX_TYPES[name])
    packed = packed_bytes(array)
    buffer = np.zeros(array.shape, np.uint8)  # of the logical shape; ONNX Runtime reads as many bytes as it packs
    buffer.reshape(-1)[: packed.size] = packed
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(buffer, ONNX_TYPES[name])


def array_of(value: Any) -> "Array":
    """A tensor's elements in numpy's type for them; text as Python objects."""
    import ctypes

    import numpy as np

    name = element_of(value.data_type())
    if name not in EXTENDED:
        array: Array = value.numpy()
        return array
    shape = tuple(value.shape())
    bits = PACKED_BITS.get(name, 8 * numpy_type(name).itemsize)
    size = -(-math.prod(shape) * bits // 8)
    memory = (ctypes.c_ubyte * size).from_address(value.data_ptr()) if size else b""
    return from_packed_bytes(np.frombuffer(memory, np.uint8), name, shape)
