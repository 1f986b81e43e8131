"""The plain decoder of this project with its integer weights dequantised.

QNN does not compute a matrix product of integer weights and floating-point activations. It leaves each
``DequantizeLinear``, and the embedding's rows, to the CPU, which then dequantises every matrix again for each token.
Here they are dequantised once, exactly, to float32; the HTP then computes in float16, as for any other float model.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from msgspec.structs import replace

from bench.contracts import Artifact
from bench.digest import sha256_of
from bench.targets.grouped_attention import needed
from bench.targets.plain_decoder import may_be_plain_decoder, plain_decoder
from bench.targets.qnn.norms import fuse_norms
from bench.targets.shifted_products import DEQUANTISING, shifted_product

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

EMBEDDING = "embedding.weight"
ROWS = 1024
"""Rows of a matrix that are dequantised at a time, unless a block has more."""
PAGE_BYTES = 4096
"""Runtimes map what begins on a page instead of copying it."""


def has_integer_weights(artifact: Artifact) -> bool:
    """Whether ``artifact`` may be the plain decoder with integer weights; quick, and reads no graph."""
    return DEQUANTISING in artifact.facts.operators and may_be_plain_decoder(artifact)


def with_float_weights(artifact: Artifact, folder: Path) -> Artifact:
    """The artifact with a graph in ``folder`` whose weights are float32, and the same values. ``precision`` stays that
    of the user's file. Any other artifact is returned as it is."""
    plain = plain_decoder(artifact)
    if plain is None:
        return artifact
    fuse_norms(plain)
    model = plain.model
    path = folder / artifact.path.name
    data = _data_file(path)
    with data.open("wb") as stream:
        _Dequantised(model, artifact.path.parent, _Weights(data.name, stream)).rewrite()
    path.write_bytes(model.SerializeToString(deterministic=True))
    files = (path, data, *(file for file in artifact.files[1:] if file != _data_file(artifact.path)))
    return replace(
        artifact,
        path=path,
        files=files,
        sha256=sha256_of(files),
        size_bytes=sum(file.stat().st_size for file in files),
        facts=replace(artifact.facts, operators=dict(Counter(node.op_type for node in model.graph.node))),
    )


def _data_file(graph: Path) -> Path:
    return graph.with_name(f"{graph.name}.data")


class _Weights:
    """The tensors of the new graph, whose values go to the file ``name`` one after the other."""

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self._name, self._stream = name, stream

    def tensor(self, name: str, kind: int, dims: Sequence[int], pieces: "Iterable[Array]") -> "onnx.TensorProto":
        from onnx import TensorProto

        stream = self._stream
        stream.write(b"\0" * (-stream.tell() % PAGE_BYTES))
        offset = stream.tell()
        for piece in pieces:
            stream.write(piece.tobytes())
        tensor = TensorProto(name=name, data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", self._name), ("offset", offset), ("length", stream.tell() - offset)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor


class _Dequantised:
    def __init__(self, model: "onnx.ModelProto", folder: Path, weights: _Weights) -> None:
        self._graph = model.graph
        self._folder = folder
        self._weights = weights
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._made_by = {name: node for node in model.graph.node for name in node.output}
        self._written: list[onnx.TensorProto] = []

    def rewrite(self) -> None:
        """Change the model in place. All its weights are in the new file then."""
        nodes = [node for node in map(self._rewritten, self._graph.node) if node is not None]
        kept = needed(nodes, [value.name for value in self._graph.output])
        read = {name for node in kept for name in node.input}
        others = [self._copied(tensor) for name, tensor in self._constants.items() if name in read]
        del self._graph.node[:]
        self._graph.node.extend(kept)
        del self._graph.initializer[:]
        self._graph.initializer.extend([*others, *self._written])

    def _rewritten(self, node: "onnx.NodeProto") -> "onnx.NodeProto | None":
        from onnx import helper

        if node.op_type == DEQUANTISING:
            self._matrix(node)
            return None
        if (shifted := shifted_product(node, self._made_by)) is not None:
            return helper.make_node("MatMul", shifted.product.input, node.output, shifted.product.name)
        if node.name in ("embedding", "embedding.rows") and f"{node.name}.row" in self._made_by:
            self._table()
            return helper.make_node("Gather", [f"{EMBEDDING}.rows", "input_ids"], node.output, node.name)
        return node

    def _matrix(self, node: "onnx.NodeProto") -> None:
        from onnx import helper

        codes, scale, offset = self._stored(node.input[0])
        axis = {a.name: helper.get_attribute_value(a) for a in node.attribute}["axis"]
        if scale.ndim == 1:
            scale = scale[None] if axis == 1 else scale[:, None]
        self._write(node.output[0], codes, scale, offset)

    def _table(self) -> None:
        """The embedding [vocab, width], which is stored with this shape or as the columns of a product."""
        codes, scale, offset = self._stored(EMBEDDING)
        if scale.ndim == 1:
            self._write(f"{EMBEDDING}.rows", codes, scale[:, None], None)
            return
        if scale.shape[0] != codes.shape[0]:
            codes, scale, offset = codes.T, scale.T, None if offset is None else offset.T
        self._write(f"{EMBEDDING}.rows", codes, scale, offset)

    def _stored(self, name: str) -> "tuple[Array, Array, Array | None]":
        offset = self._array(f"{name}.offset") if f"{name}.offset" in self._constants else None
        return self._array(name), self._array(f"{name}.scale"), offset

    def _array(self, name: str) -> "Array":
        from onnx import numpy_helper

        return numpy_helper.to_array(self._constants[name], str(self._folder))

    def _write(self, name: str, codes: "Array", scale: "Array", offset: "Array | None") -> None:
        """``codes`` × ``scale`` + ``offset``, which are constant over blocks of one of the two axes."""
        import numpy as np
        from onnx import TensorProto

        rows, width = codes.shape
        tall, wide = rows // scale.shape[0], width // scale.shape[1]

        def pieces() -> "Iterator[Array]":
            step = max(ROWS // tall, 1)
            for start in range(0, scale.shape[0], step):
                piece = codes[start * tall : (start + step) * tall].astype(np.float32)
                piece *= scale[start : start + step].repeat(tall, 0).repeat(wide, 1)
                if offset is not None:
                    piece += offset[start : start + step].repeat(tall, 0).repeat(wide, 1)
                yield piece

        self._written.append(self._weights.tensor(name, TensorProto.FLOAT, (rows, width), pieces()))

    def _copied(self, tensor: "onnx.TensorProto") -> "onnx.TensorProto":
        if not tensor.external_data:
            return tensor
        return self._weights.tensor(tensor.name, tensor.data_type, tensor.dims, (self._array(tensor.name),))
