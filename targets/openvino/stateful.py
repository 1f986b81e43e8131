"""An ONNX decoder as the folder that OpenVINO GenAI opens: a stateful IR with its two configuration files.

Every ``past_key_values.N.*`` / ``present.N.*`` pair becomes a variable that starts empty, and is read through a Gather
over the new input ``beam_idx``: the form that Optimum exports and ``LLMPipeline`` expects. Weights stay as they are
stored, without compression.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec
from bench.digest import sha256_of
from bench.errors import RunFailure
from bench.targets.decoding import (
    decoder_of,
    growing_cache,
    past_names,
    plain_cache,
    present_names,
    rows_of_logits,
)
from bench.targets.onnx_graphs import read_by_openvino
from bench.targets.openvino.attention import with_attention, with_attention_facts
from bench.targets.plain_decoder import PlainDecoder
from bench.words import sentence

if TYPE_CHECKING:
    import numpy.typing as npt

MODEL, CONFIG, GENERATION = "openvino_model.xml", "config.json", "generation_config.json"
TYPES = ("ids_dtype", "mask_dtype", "position_dtype")
NUMBERED = re.compile(r".+_\d+")


def stateful_folder(
    artifact: Artifact, folder: Path, plain: PlainDecoder | None = None, zero_points: bool = False
) -> Artifact:
    """Write the folder; the same ``artifact`` gives the same bytes. ``plain``: our decoder, which gets the forms that
    OpenVINO fuses; with ``zero_points``, offsets of blocks become such.

    Raises ``RunFailure`` for what OpenVINO cannot read and for a decoder without the inputs and outputs of
    ``DecoderSpec``.
    """
    import openvino

    from bench.targets.openvino.errors import reading_failure

    decoder = decoder_of(artifact)
    growing_cache(decoder, "OpenVINO")
    plain_cache(decoder, "OpenVINO GenAI")
    rows_of_logits(decoder, "OpenVINO GenAI")
    try:
        model = read_by_openvino(openvino.Core(), artifact)
        made = artifact
        if plain is not None:
            moved = with_attention(model, plain, decoder.context_length, zero_points)
            made = with_attention_facts(artifact, plain, moved)
        keep_cache_inside(model, decoder)
        model = with_wide_logits(model)
    except RuntimeError as error:
        raise reading_failure(error, artifact) from error
    rename_numbered(model)
    openvino.save_model(model, folder / MODEL, compress_to_fp16=False)
    _write_json(folder / CONFIG, {"max_position_embeddings": decoder.context_length})
    _write_json(folder / GENERATION, {"do_sample": False})
    files = tuple(folder / name for name in (MODEL, "openvino_model.bin", CONFIG, GENERATION))
    return replace(
        made,
        format="openvino_ir",
        path=files[0],
        files=files,
        sha256=sha256_of(files),
        size_bytes=sum(file.stat().st_size for file in files),
        decoder=replace(decoder, stateful=True, fixed_inputs=(), cache_position=None, **dict.fromkeys(TYPES, "int64")),
    )


def keep_cache_inside(model: Any, decoder: DecoderSpec) -> None:
    """Move the KV cache of ``model`` into its state, ordered by ``beam_idx``. Raises ``RunFailure``."""
    from openvino import Type
    from openvino import opset13 as op
    from openvino._offline_transformations import apply_make_stateful_transformation

    pairs = dict(zip(past_names(decoder), present_names(decoder), strict=True))
    _demand_names(model, pairs)
    _settle(model, decoder)
    beam = op.parameter([-1], Type.i32, name="beam_idx")
    beam.output(0).get_tensor().set_names({"beam_idx"})
    model.add_parameters([beam])
    axis = op.constant(0, Type.i64)
    for name, present in pairs.items():
        _keep_in_float32(model, name, present)
        past = model.input(name)
        readers = past.get_target_inputs()
        ordered = op.gather(past, beam, axis)
        for reader in readers:
            reader.replace_source_output(ordered.output(0))
    for name in ("input_ids", "attention_mask", *(["position_ids"] if decoder.has_position_ids else [])):
        _widen(model, name)
    model.validate_nodes_and_infer_types()
    apply_make_stateful_transformation(model, pairs)
    _begin_empty(model)
    model.validate_nodes_and_infer_types()


def with_wide_logits(model: Any) -> Any:
    """``model`` with logits in float32, the only type that the pipeline reads."""
    from openvino import Type
    from openvino.preprocess import PrePostProcessor

    if model.output("logits").get_element_type() == Type.f32:
        return model
    processor = PrePostProcessor(model)
    processor.output("logits").tensor().set_element_type(Type.f32)
    return processor.build()


def _settle(model: Any, decoder: DecoderSpec) -> None:
    """Give the graph what steers it, which the pipeline does not know: a constant, whether the past has a length, or
    the places of the new tokens behind the past."""
    import numpy as np
    from openvino import opset13 as op

    first = decoder.cache_tensors()[0]
    for spec in decoder.fixed_inputs:
        if spec.value is None:
            length = _size(model, first.past, np.full(spec.shape, first.length_axis, np.int64))
            given = op.greater(length, op.constant(np.array(0, np.int64)))
        else:
            given = op.constant(np.full(spec.shape, spec.value, np.dtype(spec.dtype)))
        _replace_input(model, spec.name, given)
    if (position := decoder.cache_position) is not None:
        axis = np.full(() if position.every_token else position.fed(1), first.length_axis, np.int64)
        given = length = _size(model, first.past, axis)
        if position.every_token:
            end = op.add(length, _size(model, "input_ids", np.array(1, np.int64)))
            given = op.range(length, end, op.constant(np.array(1, np.int64)), output_type="i64")
        _replace_input(model, position.name, op.convert(given, "i64" if position.dtype == "int64" else "i32"))


def _size(model: Any, name: str, axis: "npt.NDArray[Any]") -> Any:
    """The size of an input along ``axis``, in its shape [] or [1]."""
    from openvino import Type
    from openvino import opset13 as op

    shape = op.shape_of(model.input(name), output_type="i64")
    return op.gather(shape, op.constant(axis), op.constant(0, Type.i64))


def _replace_input(model: Any, name: str, given: Any) -> None:
    """Compute an input inside the graph."""
    steering = model.input(name)
    for reader in steering.get_target_inputs():
        reader.replace_source_output(given.output(0))
    model.remove_parameter(steering.get_node())


def _widen(model: Any, name: str) -> None:
    """Let the input come in as int64, which is what the pipeline gives, whatever the graph computes with."""
    from openvino import Type
    from openvino import opset13 as op

    given = model.input(name)
    kind, readers = given.get_element_type(), given.get_target_inputs()
    if kind == Type.i64:
        return
    given.get_node().set_element_type(Type.i64)
    narrowed = op.convert(given, kind.get_type_name())
    for reader in readers:
        reader.replace_source_output(narrowed.output(0))


def _begin_empty(model: Any) -> None:
    """Give every variable a first value of length 0 and the batch of ``input_ids``."""
    import numpy as np
    from openvino import Type
    from openvino import opset13 as op

    zero = op.constant(0, Type.i64)
    shape = op.shape_of(model.input("input_ids"), output_type="i64")
    batch = op.gather(shape, op.constant([0], Type.i64), zero)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "ReadValue":
            sizes = [d.get_length() if d.is_static else 0 for d in node.get_output_partial_shape(0)][1:]
            dimensions = op.concat([batch, op.constant(np.array(sizes, np.int64))], 0)
            empty = op.constant(np.array(0), node.get_output_element_type(0))
            node.set_arguments([op.broadcast(empty, dimensions)])


def _keep_in_float32(model: Any, past: str, present: str) -> None:
    """Move a float16 cache as float32 through the model's edges. A CPU keeps a float16 state in float32 by itself, and
    then neither begins it empty nor empties it; a GPU narrows the state to what it computes in."""
    from openvino import Type
    from openvino import opset13 as op

    parameter = model.input(past).get_node()
    if parameter.get_element_type() != Type.f16:
        return
    readers = parameter.output(0).get_target_inputs()
    parameter.set_element_type(Type.f32)
    parameter.validate_and_infer_types()
    narrow = op.convert(parameter, "f16")
    for reader in readers:
        reader.replace_source_output(narrow.output(0))
    result = model.output(present).get_node()
    source = result.input_value(0)
    wide = op.convert(source, "f32")
    source.get_tensor().set_names(source.get_names() - {present})
    wide.output(0).get_tensor().set_names({present})
    result.input(0).replace_source_output(wide.output(0))


def _demand_names(model: Any, pairs: dict[str, str]) -> None:
    named = {name for port in (*model.inputs, *model.outputs) for name in port.get_names()}
    wanted = [*("input_ids", "attention_mask"), *(name for pair in pairs.items() for name in pair), "logits"]
    missing = [name for name in wanted if name not in named]
    if missing:
        raise RunFailure(
            "unsupported_format",
            sentence("openvino.decoder_lacks", missing=missing[:3]),
            sentence("openvino.export_with_inputs_and_outputs"),
            "prepare",
        )


def rename_numbered(model: Any) -> None:
    """Name nodes that OpenVINO numbered (``Gather_1234``) by their place: its counter runs on from graph to graph, and
    would give other bytes each time."""
    taken = {node.get_friendly_name() for node in model.get_ordered_ops()}
    for place, node in enumerate(model.get_ordered_ops()):
        name, kind = node.get_friendly_name(), node.get_type_name()
        if NUMBERED.fullmatch(name) and name.startswith(f"{kind}_") and name[len(kind) + 1 :].isdigit():
            fresh = f"{kind}.at_{place}"
            node.set_friendly_name(fresh if fresh not in taken else f"{fresh}.")


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
