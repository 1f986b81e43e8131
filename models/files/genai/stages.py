"""A decoder of several graphs as a model: what its graphs are, what they compute for a token, and its cache."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench.contracts import CACHE_WIDTHS, CacheTensor, GraphFacts, Stage, TensorSpec
from bench.digest import sha256_of_files
from bench.models.files.genai.flow import StageGraph, check_flow
from bench.models.files.genai.pipeline import PipelineConfig, StageConfig
from bench.models.files.opening import reading
from bench.models.onnx.facts import COMPILED, input_specs, onnx_facts, output_specs
from bench.models.onnx.values import known_values

if TYPE_CHECKING:
    from bench.models.files.onnx_file import ReadGraph

Shape = tuple[int, ...]


def stage_graphs(pipeline: PipelineConfig, graphs: "Mapping[str, ReadGraph]") -> tuple[StageGraph, ...]:
    """The stages with what their graphs (by file name) take and give. Raises ``InputError`` where they do not fit."""
    stages = tuple(_graph_of(config, graphs[config.file]) for config in pipeline.stages)
    check_flow(pipeline, stages)
    return stages


def _graph_of(config: StageConfig, graph: "ReadGraph") -> StageGraph:
    takes, gives = input_specs(graph.model.graph), output_specs(graph.model.graph)
    return StageGraph(config, {spec.name: spec for spec in takes}, {spec.name: spec for spec in gives})


def stages_of(pipeline: PipelineConfig, graphs: "Mapping[str, ReadGraph]") -> tuple[Stage, ...]:
    """For the record: which graphs there are, and when each runs."""
    return tuple(
        Stage(
            name=config.name,
            file=config.file,
            sha256=sha256_of_files(graphs[config.file].files),
            size_bytes=sum(file.stat().st_size for file in graphs[config.file].files),
            on_prompt=config.on_prompt,
            on_token=config.on_token,
            provider=config.provider,
            compiled=_compiled_for(graphs[config.file]),
        )
        for config in pipeline.stages
    )


def _compiled_for(graph: "ReadGraph") -> str:
    """``source`` of the graph's compiled context, which names the provider; "" of a graph without one."""
    for node in graph.model.graph.node:
        if node.op_type == COMPILED:
            given = {attribute.name: attribute.s.decode("utf-8", "replace") for attribute in node.attribute}
            return given.get("source") or COMPILED
    return ""


def token_facts(
    pipeline: PipelineConfig, stages: Sequence[StageGraph], graphs: "Mapping[str, ReadGraph]"
) -> list[GraphFacts]:
    """The facts of each graph that runs on a generated token, at the shapes of the first one."""
    shapes: dict[str, Shape] = {}
    found = []
    for stage in stages:
        if not stage.config.on_token:
            continue
        graph = graphs[stage.config.file]
        fed = {name: shape for name, spec in stage.inputs.items() if (shape := _shape(pipeline, spec, shapes))}
        given = {name: spec for name, spec in stage.outputs.items() if name in stage.config.outputs}
        with reading(graph.files[0], "ONNX"):
            found.append(onnx_facts(graph.model, fed, graph.shared))
            values = {} if all(spec.static for spec in given.values()) else known_values(graph.model, fed)
        for name, spec in given.items():
            value = values.get(name)
            shape = _sizes(spec) if spec.static else value.shape if value is not None else None
            if shape is not None:
                shapes[stage.config.forwarded.get(name, name)] = shape
    return found


def _shape(pipeline: PipelineConfig, spec: TensorSpec, made: Mapping[str, Shape]) -> Shape | None:
    """What ``spec`` is fed for one token on an empty cache; ``None`` where that is not known."""
    if spec.static:
        return _sizes(spec)
    if spec.name in made:
        return made[spec.name]
    if spec.name not in pipeline.given:
        return None
    past = {past for layer in pipeline.cache for past, _ in layer}
    open_sizes = [1, 0] if spec.name in past else [1] * len(spec.shape)  # of a cache the batch, then the length
    return tuple(size if isinstance(size, int) else open_sizes.pop(0) for size in spec.shape)


def _sizes(spec: TensorSpec) -> Shape:
    return tuple(size for size in spec.shape if isinstance(size, int))


def cache_of(pipeline: PipelineConfig, stages: Sequence[StageGraph]) -> tuple[CacheTensor, ...]:
    """The cache that the runtime keeps between the stages, key before value; empty where its layout is not known."""
    taken = {name: spec for stage in reversed(stages) if stage.config.on_token for name, spec in stage.inputs.items()}
    known = {past for layer in pipeline.cache for past, _ in layer}
    slid = pipeline.window is not None and pipeline.window.slides_cache
    found = []
    for layer in pipeline.cache:
        for part, (past, present) in enumerate(layer):
            spec = taken.get(past)
            if spec is None or len(spec.shape) != 4 or spec.dtype not in CACHE_WIDTHS:
                continue
            axis, batch = (3 - part, 1) if slid else (2, 0)
            shape = tuple(
                size if isinstance(size, int) else 1 if n == batch else 0 for n, size in enumerate(spec.shape)
            )
            found.append(CacheTensor(past, present, spec.dtype, shape, axis, batch))
    complete = {tensor.past for tensor in found} == known & set(taken)
    return tuple(found) if complete else ()
