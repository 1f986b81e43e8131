"""Whether the graphs of a pipeline fit each other: every input is given by the runtime or by an earlier stage."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from bench.contracts import TensorSpec
from bench.models.files.genai.pipeline import WINDOW, PipelineConfig, StageConfig, wrong

Phase = Literal["prompt", "token"]


class StageGraph(Struct, frozen=True):
    """A stage and what its graph takes and gives, by name."""

    config: StageConfig
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


def check_flow(pipeline: PipelineConfig, stages: Sequence[StageGraph]) -> None:
    """Raise ``InputError`` naming stage and tensor where the graphs do not fit each other or the configuration."""
    for stage in stages:
        _check_names(stage)
        _check_window(pipeline, stage)
    _check_phase(pipeline, [stage for stage in stages if stage.config.on_prompt], "prompt")
    _check_phase(pipeline, [stage for stage in stages if stage.config.on_token], "token")
    _check_cache(pipeline, stages)


def _check_names(stage: StageGraph) -> None:
    config = stage.config
    for name in config.inputs:
        if name not in stage.inputs:
            raise wrong("no_such_input", f"{config.field}.inputs", tensor=name, graph=config.file)
    for name in config.outputs:
        if name not in stage.outputs:
            raise wrong("no_such_output", f"{config.field}.outputs", tensor=name, graph=config.file)
    left_out = next((name for name in stage.inputs if name not in config.inputs), None)
    if left_out is not None:
        raise wrong("input_left_out", f"{config.field}.inputs", tensor=left_out, graph=config.file)
    other = next((name for name in config.forwarded if name not in config.outputs), None)
    if other is not None:
        raise wrong("no_such_output", f"{config.field}.output_names_forwarder", tensor=other, graph=config.file)


def _check_phase(pipeline: PipelineConfig, stages: Sequence[StageGraph], phase: Phase) -> None:
    given: dict[str, tuple[StageConfig, TensorSpec]] = {}
    for stage in stages:
        for name in stage.config.inputs:
            if name in given:
                _check_fit(*given[name], stage.config, stage.inputs[name])
            elif name not in pipeline.given:
                raise wrong(f"nothing_gives_on_{phase}", f"{stage.config.field}.inputs", tensor=name)
        for name in stage.config.outputs:
            given[stage.config.forwarded.get(name, name)] = stage.config, stage.outputs[name]
    if pipeline.logits not in given:
        raise wrong(f"no_logits_on_{phase}", "model.decoder.outputs.logits", tensor=pipeline.logits)
    taken = {name: stage.config for stage in stages for name in stage.config.inputs}
    for past, present in (pair for layer in pipeline.cache for pair in layer):
        if past in taken and present not in given:
            raise wrong("cache_not_returned", f"{taken[past].field}.outputs", past=past, present=present)


def _check_fit(giver: StageConfig, given: TensorSpec, taker: StageConfig, taken: TensorSpec) -> None:
    sizes = zip(given.shape, taken.shape, strict=False)
    differ = any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in sizes)
    if given.dtype == taken.dtype and len(given.shape) == len(taken.shape) and not differ:
        return
    raise wrong(
        "tensors_do_not_fit",
        f"{taker.field}.inputs",
        tensor=taken.name,
        given=shown(given),
        giver=giver.file,
        taken=shown(taken),
        taker=taker.file,
    )


def shown(spec: TensorSpec) -> str:
    """``float32 [1,?,64]``."""
    return f"{spec.dtype} [{','.join(str(size) if isinstance(size, int) else '?' for size in spec.shape)}]"


def _check_window(pipeline: PipelineConfig, stage: StageGraph) -> None:
    """A graph for a fixed number of tokens of a prompt needs the prompt cut into as many."""
    spec = stage.inputs.get(pipeline.input_ids) if stage.config.on_prompt else None
    if spec is None and stage.config.on_prompt:
        within = (s for name, s in stage.inputs.items() if name not in pipeline.given and len(s.shape) == 3)
        spec = next(within, None)
    tokens = spec.shape[1] if spec is not None and len(spec.shape) > 1 else None
    if not isinstance(tokens, int):
        return
    window = pipeline.window
    size = window.size if window is not None and window.slides_inputs else 0
    if not size:
        raise wrong("needs_window", WINDOW, stage=stage.config.name, graph=stage.config.file, tokens=tokens)
    if size != tokens:
        field = f"{WINDOW}.window_size"
        raise wrong("another_window", field, window=size, graph=stage.config.file, tokens=tokens)


def _check_cache(pipeline: PipelineConfig, stages: Sequence[StageGraph]) -> None:
    """What the runtime makes the cache's tensors by is what the graphs take."""
    window = pipeline.window
    for stage in stages:
        for past, _ in (pair for layer in pipeline.cache for pair in layer):
            spec = stage.inputs.get(past)
            if spec is None:
                continue
            if window is not None and window.slides_cache:
                if spec.dtype != "uint8":
                    field = f"{WINDOW}.slide_key_value_cache"
                    raise wrong("slid_cache_is_uint8", field, tensor=past, given=shown(spec), graph=stage.config.file)
                continue
            _check_sizes(pipeline, stage.config, spec)
    if window is not None and window.slides_cache and pipeline.context < 2 * window.size:
        raise wrong("context_below_two_windows", "model.context_length", context=pipeline.context, window=window.size)


def _check_sizes(pipeline: PipelineConfig, stage: StageConfig, spec: TensorSpec) -> None:
    if len(spec.shape) != 4:
        return
    stated = (("num_key_value_heads", pipeline.kv_heads, 1), ("head_size", pipeline.head_size, 3))
    for key, size, axis in stated:
        found = spec.shape[axis]
        if size is not None and isinstance(found, int) and found != size:
            field = f"model.decoder.{key}"
            raise wrong("another_size", field, size=size, tensor=spec.name, given=shown(spec), graph=stage.file)
