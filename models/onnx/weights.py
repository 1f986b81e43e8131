"""Writes weights piece by piece, as ONNX tensors with their data in a file next to the graph."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    import onnx

PAGE_BYTES = 4096  # runtimes map what begins on a page instead of copying it
AT_ONCE = 1 << 20  # elements that are packed for writing, an even number
INLINE_BYTES = 1 << 16  # smaller tensors stay in the graph, where shape inference and people can read them


def data_file(graph: Path) -> Path:
    """Where the weights of the graph at ``graph`` lie."""
    return graph.with_name(f"{graph.name}.data")


def packed(values: "np.ndarray[Any, Any]", elem_type: int) -> bytes:
    """``values`` as ONNX stores them; int4 as two a byte, the first in the low half."""
    import numpy as np
    from onnx import TensorProto

    if elem_type != TensorProto.INT4:
        return values.tobytes()
    halves = values.reshape(-1).view(np.uint8) & 0x0F
    return (halves[0::2] | halves[1::2] << 4).tobytes()


class WeightFile:
    """The data file of one graph. It is made when the first large tensor arrives; a context closes it."""

    def __init__(self, graph: Path) -> None:
        self.path = data_file(graph)
        self._stream: BinaryIO | None = None

    def __enter__(self) -> "WeightFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def tensor(
        self, name: str, elem_type: int, dims: Sequence[int], pieces: "Iterable[np.ndarray[Any, Any]]"
    ) -> "onnx.TensorProto":
        """The tensor ``name`` of ``dims``, whose elements ``pieces`` bring in order, of ONNX's ``elem_type``."""
        from onnx import TensorProto

        from bench.models.dtypes import tensor_bytes
        from bench.models.onnx.values import dtype_name

        size = tensor_bytes(dtype_name(elem_type), dims)
        tensor = TensorProto(name=name, data_type=elem_type, dims=dims)
        if size is not None and size < INLINE_BYTES:
            tensor.raw_data = b"".join(packed(piece, elem_type) for piece in pieces)
            return tensor
        offset, length = self._append(pieces, elem_type)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", self.path.name), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def _append(self, pieces: "Iterable[np.ndarray[Any, Any]]", elem_type: int) -> tuple[int, int]:
        if self._stream is None:
            self._stream = self.path.open("wb")
        stream = self._stream
        offset = -(-stream.tell() // PAGE_BYTES) * PAGE_BYTES
        stream.write(b"\0" * (offset - stream.tell()))
        for piece in pieces:
            elements = piece.reshape(-1)
            for start in range(0, len(elements), AT_ONCE):
                stream.write(packed(elements[start : start + AT_ONCE], elem_type))
        return offset, stream.tell() - offset
