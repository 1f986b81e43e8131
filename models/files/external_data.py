"""The files with the weights of an ONNX graph."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.models.dtypes import tensor_bytes
from bench.models.onnx.values import dtype_name
from bench.reading import leads_outside
from bench.words import sentence

if TYPE_CHECKING:
    import onnx


def external_files(path: Path, tensors: "Iterable[onnx.TensorProto]") -> tuple[Path, ...]:
    """The files that ``tensors`` of the graph at ``path`` refer to, in order of first use.

    Raises ``InputError`` for a file that is missing or too short, and for one outside the graph's folder: a graph from
    other people must not make the engine read, hash or copy any other file.
    """
    from onnx import TensorProto

    files: dict[str, Path] = {}
    for tensor in tensors:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        given = {entry.key: entry.value for entry in tensor.external_data}
        location = given.get("location", "")
        if location not in files:
            files[location] = _inside(path, location)
        _check_extent(path, files[location], tensor, given)
    return tuple(files.values())


def context_files(path: Path, nodes: "Iterable[onnx.NodeProto]") -> tuple[Path, ...]:
    """The files with the compiled contexts of ``nodes`` of the graph at ``path``, if they are not inside the graph.
    Raises ``InputError`` for one that is missing or outside the graph's folder."""
    found: dict[str, Path] = {}
    for node in nodes:
        if node.op_type != "EPContext":
            continue
        given = {attribute.name: attribute for attribute in node.attribute}
        embedded = "embed_mode" not in given or given["embed_mode"].i == 1
        location = given["ep_cache_context"].s.decode() if "ep_cache_context" in given and not embedded else ""
        if location and location not in found:
            found[location] = _inside(path, location)
    return tuple(found.values())


def _inside(path: Path, location: str) -> Path:
    if not location or leads_outside(location):
        raise _outside(path, location)
    file = path.parent / location
    # A graph that is itself a link (as download caches keep them) has its data next to the file that it points to.
    folders = (path.parent.resolve(), path.resolve().parent)
    if not any(file.resolve().is_relative_to(folder) for folder in folders):
        raise _outside(path, location)
    if not file.is_file():
        raise InputError(
            sentence("model.weights_file_missing", file=path.name, location=location),
            sentence("model.put_beside_exported", location=location, file=path.name),
        )
    return file


def _outside(path: Path, location: str) -> InputError:
    return InputError(
        sentence("model.weights_outside_folder", file=path.name, location=location),
        sentence("model.save_again_with_weights"),
    )


def _check_extent(path: Path, file: Path, tensor: "onnx.TensorProto", given: dict[str, str]) -> None:
    try:
        offset = int(given.get("offset", "0"))
        length = int(given["length"]) if "length" in given else tensor_bytes(dtype_name(tensor.data_type), tensor.dims)
    except ValueError:
        raise InputError(
            sentence("model.weight_place_not_a_number", file=path.name, tensor=tensor.name, file_name=file.name)
        ) from None
    size = file.stat().st_size
    if offset < 0 or length is None or length < 0 or offset + length > size:
        raise InputError(
            sentence(
                "model.weight_outside_file",
                file=path.name,
                tensor=tensor.name,
                file_name=file.name,
                size=size,
            ),
            sentence("model.copy_both_files", file_name=file.name),
        )
