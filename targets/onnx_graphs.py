"""Rewrites ONNX graphs for a runtime that cannot open the user's file directly; their weights stay in place.

Two reasons: QNN takes only fixed shapes, and ONNX Runtime fixes a dimension by its name, so that a dimension without a
name must be fixed in the file; and OpenVINO does not follow links that lead out of the graph's folder, as all links of
a download cache do.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from bench.contracts import Artifact
from bench.digest import sha256_of

if TYPE_CHECKING:
    import onnx

WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
"""ONNX Runtime's config entry for the weights of a graph that it gets as bytes."""
ANEW = "written-anew"
"""The folder that such a graph lies in, under the name of the user's file."""


def has_nameless_dimensions(artifact: Artifact) -> bool:
    """Whether an input of a tensor model has a dimension with neither a size nor a name in the file."""
    return artifact.task == "tensor" and any(None in spec.shape for spec in artifact.facts.inputs)


def weights_leave_folder(artifact: Artifact) -> bool:
    """Whether a weights file, links followed, lies outside the graph's folder."""
    if artifact.format != "onnx":
        return False
    folder = artifact.path.parent.resolve()
    return any(not file.resolve().is_relative_to(folder) for file in artifact.files[1:])


def with_fixed_shapes(artifact: Artifact, folder: Path) -> Artifact:
    """The artifact with a graph in ``folder`` whose inputs have ``artifact.shapes``.

    Shapes of other values in the file are left out if they are not numbers; ONNX Runtime infers them again.
    """
    import onnx

    model = onnx.load_model(artifact.path, load_external_data=False)
    for value in model.graph.input:
        if value.name in artifact.shapes:
            dims = value.type.tensor_type.shape.dim
            for dimension, size in zip(dims, artifact.shapes[value.name], strict=True):
                dimension.dim_value = size
    del model.graph.value_info[:]
    for value in model.graph.output:
        if not all(dimension.HasField("dim_value") for dimension in value.type.tensor_type.shape.dim):
            value.type.tensor_type.ClearField("shape")
    return written_anew(artifact, model, folder / ANEW)


def with_linked_weights(artifact: Artifact, folder: Path) -> Artifact:
    """The artifact with a graph in ``folder`` that names its weights where they really lie."""
    import onnx

    return written_anew(artifact, onnx.load_model(artifact.path, load_external_data=False), folder / ANEW)


def read_by_openvino(core: Any, artifact: Artifact) -> Any:
    """The graph as an ``openvino.Model``, links to its weights followed. Raises what ``Core.read_model`` does."""
    if opened_as_bytes(artifact):
        with chdir(weights_folder(artifact) or artifact.path.parent):  # where OpenVINO looks for the weights of bytes
            return core.read_model(artifact.path.read_bytes(), b"")
    if not weights_leave_folder(artifact):
        return core.read_model(artifact.path)
    with TemporaryDirectory() as folder:
        return read_by_openvino(core, with_linked_weights(artifact, Path(folder)))


def opened_as_bytes(artifact: Artifact) -> bool:
    """Whether the graph was written by one of the above. The runtime gets it as bytes: for a file, weights would have
    to be in its folder; for bytes, they are in the ``weights_folder`` that is passed to the runtime."""
    return artifact.path.parent.name == ANEW


def weights_folder(artifact: Artifact) -> Path | None:
    """The folder that such a graph names its weights from; ``None`` where they are inside."""
    return _common(artifact.files[1:]) if opened_as_bytes(artifact) and artifact.files[1:] else None


def _common(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([file.parent for file in files]))


def written_anew(artifact: Artifact, model: "onnx.ModelProto", folder: Path) -> Artifact:
    folder.mkdir()
    path = folder / artifact.path.name
    real = [file.resolve() for file in artifact.files[1:]]
    for tensor in _tensors(model.graph):
        for entry in tensor.external_data:
            if entry.key == "location":
                file = (artifact.path.parent / entry.value).resolve()
                entry.value = os.path.relpath(file, _common(real)).replace(os.sep, "/")
    path.write_bytes(model.SerializeToString(deterministic=True))
    files = (path, *real)
    size = sum(file.stat().st_size for file in files)
    return msgspec.structs.replace(artifact, path=path, files=files, sha256=sha256_of(files), size_bytes=size)


def _tensors(graph: "onnx.GraphProto") -> "Iterator[onnx.TensorProto]":
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for branch in (attribute.g, *attribute.graphs):
                yield from _tensors(branch)
