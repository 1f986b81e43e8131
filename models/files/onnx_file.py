"""The user's own ONNX file, with its external data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.contracts import Artifact, DecoderSpec, Format, ModelRequest, Task, TensorSpec
from bench.errors import InputError
from bench.words import sentence

if TYPE_CHECKING:
    import onnx


class OnnxFile:
    """An ``.onnx`` file. Precision, task and sizes are the file's; only dynamic dimensions can be chosen.

    A decoder laid out as ``DecoderSpec`` says is measured generating text. Its context length and special tokens are
    read from the configurations in the same folder, otherwise the context is 2048 tokens. Its facts are those of one
    token with an empty cache.
    """

    summary = sentence("model.summary.onnx")
    task: Task = "tensor"
    formats: Sequence[Format] = ("onnx",)
    precisions: Sequence[str] = ()

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        from bench.models.files.opening import checked_file, reading

        path = checked_file(request, "onnx")
        with reading(path, "ONNX"):
            return described(path, read_graph(path), request)

    def altered(self, request: ModelRequest, folder: Path, seed: int) -> Path:
        from bench.models.altered.onnx_weights import altered_onnx
        from bench.models.files.opening import checked_file, reading

        path = checked_file(request, "onnx")
        with reading(path, "ONNX"):
            return altered_onnx(path, folder, seed)


class ReadGraph(Struct, frozen=True):
    """A graph with its functions inlined and its external data left where it is. ``files``: all that belong to it, the
    graph's own first. ``shared``: as ``onnx_facts`` takes it."""

    model: "onnx.ModelProto"
    files: tuple[Path, ...]
    shared: frozenset[bytes]


def read_graph(path: Path) -> ReadGraph:
    """The graph at ``path``. Raises ``InputError`` unless it is whole and its weights are where they belong."""
    from onnx import inliner

    from bench.models.files.external_data import context_files, external_files
    from bench.models.onnx.constants import constant_tensors, function_constants

    model = _load(path)
    tensors = [tensor for _, tensor in constant_tensors(model.graph)]
    _check_inline(path, tensors)
    files = tuple(dict.fromkeys((path, *external_files(path, tensors), *context_files(path, model.graph.node))))
    shared = function_constants(model)
    return ReadGraph(inliner.inline_local_functions(model) if model.functions else model, files, shared)


def described(path: Path, graph: ReadGraph, request: ModelRequest) -> Artifact:
    """The artifact of ``graph``, which is that of ``path``. Raises ``InputError`` for what cannot be used."""
    from msgspec.structs import replace

    from bench.contracts.quantising.stated import with_step
    from bench.models.demanded_sizes import demanded
    from bench.models.files.opening import file_artifact, stored_precision
    from bench.models.input_roles import roles
    from bench.models.onnx.decoder_layout import one_token_shapes, refuse_shapes
    from bench.models.onnx.facts import COMPILED, onnx_facts, onnx_precision
    from bench.models.onnx.lineage import compiled_step, stated_lineage
    from bench.models.onnx.roles import role_graph
    from bench.models.onnx.values import contradicted
    from bench.models.shapes import resolve_shapes

    model = graph.model
    decoder = _decoder(path, model.graph)
    if decoder:
        refuse_shapes(path.name, request.shapes)
        shapes = one_token_shapes(decoder)
    else:
        _give_ranks(model.graph, request.shapes)
        inputs = _checked_inputs(path, model.graph)
        shapes = resolve_shapes(
            path.name,
            inputs,
            request.shapes,
            fits=lambda tried: not contradicted(model, tried),
            demanded=lambda: demanded(role_graph(model, inputs, path.parent)),
            side=request.side,
        )
    facts = onnx_facts(model, shapes, graph.shared)
    if not decoder:
        facts = replace(facts, roles=roles(role_graph(model, facts.inputs, path.parent), shapes))
    precision = "" if COMPILED in facts.operators else stored_precision(onnx_precision(model), facts)
    artifact = file_artifact(request, "onnx", graph.files, precision, facts, shapes, decoder, stated_lineage(model))
    if COMPILED not in facts.operators:
        return artifact
    return replace(artifact, lineage=with_step(artifact.lineage, compiled_step(model)))


def _load(path: Path) -> "onnx.ModelProto":
    """The graph, its nodes in order, its external data left where it is. Raises ``InputError`` unless it is whole."""
    import onnx
    from google.protobuf.message import DecodeError

    from bench.models.files.opening import DAMAGED, not_a_file_of
    from bench.models.onnx.order import check_functions, sort_nodes

    try:
        model = onnx.load_model(path, format="protobuf", load_external_data=False)
    except (DecodeError, ValueError):
        raise InputError(not_a_file_of(path, "onnx"), DAMAGED) from None
    _check_whole(path, model)
    _name_one_domain(model)
    sort_nodes(path.name, model.graph)
    check_functions(path.name, model.functions)
    return model


def _name_one_domain(model: "onnx.ModelProto") -> None:
    """Write the standard operators' domain as "" everywhere: runtimes take "ai.onnx" for the same, and shape inference
    does not."""
    from bench.models.onnx.constants import all_nodes

    inner = [node for function in model.functions for node in function.node]
    for named in (*all_nodes(model.graph), *inner, *model.opset_import):
        if named.domain == "ai.onnx":
            named.domain = ""


def _check_whole(path: Path, model: "onnx.ModelProto") -> None:
    from bench.models.files.opening import DAMAGED

    graph = model.graph
    if not model.opset_import or not (graph.node or graph.output):
        raise InputError(sentence("model.no_complete_onnx_graph", file=path.name), DAMAGED)
    if not graph.node:
        raise InputError(
            sentence("model.no_nodes", file=path.name),
            sentence("model.export_computing_part"),
        )
    if not graph.output:
        raise InputError(sentence("model.no_outputs", file=path.name), sentence("model.export_again"))


def _check_inline(path: Path, tensors: "Sequence[onnx.TensorProto]") -> None:
    from bench.models.dtypes import tensor_bytes
    from bench.models.files.opening import DAMAGED
    from bench.models.onnx.values import dtype_name

    for tensor in tensors:
        if tensor.raw_data and len(tensor.raw_data) != tensor_bytes(dtype_name(tensor.data_type), tensor.dims):
            raise InputError(sentence("model.weight_size_differs", file=path.name, tensor=tensor.name), DAMAGED)


NO_TENSORS = {
    kind: (sentence(f"model.no_tensor.{kind}"), sentence(f"model.no_tensor.{kind}.remedy"))
    for kind in ("sequence_type", "map_type", "optional_type", "sparse_tensor_type")
}


def _give_ranks(graph: "onnx.GraphProto", shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Make an input without any shape one whose dimensions are all dynamic, where ``shapes`` say how many it has."""
    for value in graph.input:
        tensor = value.type.tensor_type
        if value.name in shapes and value.type.HasField("tensor_type") and not tensor.HasField("shape"):
            tensor.shape.SetInParent()
            for _ in shapes[value.name]:
                tensor.shape.dim.add()


def _checked_inputs(path: Path, graph: "onnx.GraphProto") -> Sequence[TensorSpec]:
    """The inputs to feed. Raises ``InputError`` for what is not a tensor, and for an input without any shape. The type
    of an output may be left out."""
    from bench.models.onnx.facts import input_specs

    for kind, values in (("input", graph.input), ("output", graph.output)):
        for value in values:
            what = value.type.WhichOneof("value")
            if what is None and kind == "output":
                continue
            if what != "tensor_type":
                name, remedy = NO_TENSORS.get(
                    what or "", (sentence("model.no_tensor.other"), sentence("model.export_again"))
                )
                message = sentence("model.not_a_tensor", file=path.name, kind=kind, value_name=value.name, name=name)
                raise InputError(message, sentence("model.only_tensors", remedy=remedy))
            if kind == "input" and not value.type.tensor_type.HasField("shape"):
                raise InputError(
                    sentence("model.input_without_shape", file=path.name, value_name=value.name),
                    sentence("model.give_shape", value_name=value.name),
                )
    return input_specs(graph)


def _decoder(path: Path, graph: "onnx.GraphProto") -> DecoderSpec | None:
    from msgspec.structs import replace

    from bench.models.files.decoder_config import decoder_facts
    from bench.models.onnx.decoder_layout import decoder_spec
    from bench.models.onnx.facts import input_specs, output_specs

    inputs = input_specs(graph)
    if not any(spec.name == "input_ids" for spec in inputs):
        return None
    facts = decoder_facts(path)
    decoder = decoder_spec(path.name, inputs, output_specs(graph), facts.vocab_size)
    if decoder is None:
        return None
    context = facts.context_length or decoder.context_length
    return replace(
        decoder,
        context_length=min(context, decoder.past_length or context),
        bos_token_id=facts.bos_token_id,
        eos_token_ids=facts.eos_token_ids,
    )
