"""The decoder of a folder that only its own runtime can drive: opened by the folder's configuration, which states what
this project has to know of it. The layout of its cache stays unknown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.contracts import Artifact, DecoderSpec, GraphFacts, ModelRequest, TensorSpec
from bench.errors import InputError
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.models.files.onnx_file import ReadGraph

RUNTIME = "onnxruntime-genai"


def runtime_artifact(
    config: Path, graphs: "Sequence[ReadGraph]", request: ModelRequest, why: Sentence | str
) -> Artifact:
    """The artifact of the folder of ``config`` (``genai_config.json``), which is its first file. ``graphs``: all that
    the configuration names. ``why``: what keeps this project from driving the decoder.

    MACs and activations are not known, since no shapes are. Raises ``InputError`` for a configuration that does not
    state vocabulary and context length, which the runtime goes by.
    """
    from bench.models.files.opening import file_artifact, reading, stored_precision
    from bench.models.onnx.decoder_layout import refuse_shapes
    from bench.models.onnx.facts import onnx_facts, onnx_precision

    refuse_shapes(config.name, request.shapes)
    decoder = _stated(config, why)
    parts = []
    for graph in graphs:
        with reading(graph.files[0], "ONNX"):
            parts.append(onnx_facts(graph.model, {}, graph.shared))
    heaviest = max(zip(parts, graphs, strict=True), key=lambda pair: pair[0].weight_bytes or 0)
    files = dict.fromkeys((config, *(file for graph in graphs for file in graph.files)))
    precision = stored_precision(onnx_precision(heaviest[1].model), heaviest[0])
    return file_artifact(request, "onnx", tuple(files), precision, together(parts), {}, decoder)


def pipeline_artifact(
    config: Path, graphs: "Mapping[str, ReadGraph]", request: ModelRequest, content: Mapping[str, Any]
) -> Artifact:
    """The same of a decoder that is several graphs, by their file names: those of its stages, then those that the
    runtime opens beside it. Its facts are those of one token with an empty cache, of the graphs that run on a token: a
    graph that runs on prompts only has the same weights once more.

    Raises ``InputError`` for stages that onnxruntime-genai does not read, or that do not fit each other.
    """
    from bench.models.files.genai.pipeline import pipeline_config
    from bench.models.files.genai.stages import cache_of, stage_graphs, stages_of, token_facts

    why = sentence("model.decoder_is_a_pipeline", ort_genai=config.name)
    artifact = runtime_artifact(config, list(graphs.values()), request, why)
    pipeline = pipeline_config(content)
    found = stage_graphs(pipeline, graphs)
    cache = cache_of(pipeline, found)
    decoder, first = artifact.decoder, next(iter(cache), None)
    assert decoder is not None
    window = pipeline.window
    decoder = replace(
        decoder,
        stages=stages_of(pipeline, graphs),
        window=window.size if window is not None and window.slides_inputs else 0,
    )
    if first is not None:
        heads, width = (first.shape[0], first.shape[2]) if first.batch_axis == 1 else (first.shape[1], first.shape[3])
        layers = len(cache) // 2
        decoder = replace(
            decoder, unknown="", cache=cache, layers=layers, kv_heads=heads, head_dim=width, kv_dtype=first.dtype
        )
    return replace(artifact, decoder=decoder, facts=together(token_facts(pipeline, found, graphs)))


def _stated(config: Path, why: Sentence | str) -> DecoderSpec:
    from bench.models.files.decoder_config import decoder_facts, genai_number

    vocabulary, context = (genai_number(config, field) for field in ("vocab_size", "context_length"))
    for field, value in (("vocab_size", vocabulary), ("context_length", context)):
        if value is None:
            raise InputError(
                sentence("model.runtime_needs_number", name=config.name, field=f"model.{field}", why=why),
                sentence("model.add_number_to_config", name=config.name, field=f"model.{field}"),
            )
    facts = decoder_facts(config)
    return DecoderSpec(
        layers=0,
        kv_heads=0,
        head_dim=0,
        vocab_size=vocabulary or 0,
        context_length=context or 0,
        bos_token_id=facts.bos_token_id,
        eos_token_ids=facts.eos_token_ids,
        runtime=RUNTIME,
        unknown=why,
        only_there=why,
        pad_token_id=genai_number(config, "pad_token_id", least=0),
    )


def together(parts: Sequence[GraphFacts]) -> GraphFacts:
    """The facts of graphs that work as one. Inputs and outputs are those that no other of them gives or takes."""
    taken = {spec.name for part in parts for spec in part.inputs}
    given = {spec.name for part in parts for spec in part.outputs}
    operators = sum((Counter(part.operators) for part in parts), Counter[str]())
    return GraphFacts(
        inputs=_others((spec for part in parts for spec in part.inputs), given),
        outputs=_others((spec for part in parts for spec in part.outputs), taken),
        operators=dict(sorted(operators.items())),
        parameters=_sum(part.parameters for part in parts),
        macs=_sum(part.macs for part in parts),
        weight_bytes=_sum(part.weight_bytes for part in parts),
        peak_activation_bytes=_largest(part.peak_activation_bytes for part in parts),
        bytes_moved=_sum(part.bytes_moved for part in parts),
        draws=tuple(sorted({draw for part in parts for draw in part.draws})),
    )


def _others(specs: Iterable[TensorSpec], without: set[str]) -> tuple[TensorSpec, ...]:
    return tuple({spec.name: spec for spec in specs if spec.name not in without}.values())


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = list(numbers)
    return None if None in known else sum(number for number in known if number is not None)


def _largest(numbers: Iterable[int | None]) -> int | None:
    known = list(numbers)
    return None if None in known else max((number for number in known if number is not None), default=None)
