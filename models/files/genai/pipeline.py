"""The stages of a decoder that is several graphs, as ``model.decoder.pipeline`` of a ``genai_config.json`` has them."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from bench.errors import InputError
from bench.models.files.genai.graphs import FILE
from bench.words import sentence

PIPELINE, WINDOW = "model.decoder.pipeline", "model.decoder.sliding_window"
TYPES = ("decoder-pipeline", "fara", "qwen2_5_vl", "qwen3_vl")
"""``model.type`` of what onnxruntime-genai runs as a pipeline."""
FLAGS = ("run_on_prompt", "run_on_token_gen", "is_lm_head", "inherit_session_options")
LISTS = ("inputs", "outputs")
OBJECTS = ("session_options", "run_options", "output_names_forwarder")
KEYS = ("filename", *LISTS, *FLAGS, *OBJECTS, "reset_session_idx")
WINDOW_KEYS = (
    *("window_size", "pad_value", "alignment", "slide_key_value_cache", "slide_inputs", "cache_slack", "layers"),
)
INPUTS: Mapping[str, str] = {
    "input_ids": "input_ids",
    "attention_mask": "attention_mask",
    "position_ids": "position_ids",
    "past_sequence_length": "past_sequence_length",
    "total_sequence_length": "total_sequence_length",
    "current_sequence_length": "current_sequence_length",
    "past_key_names": "past_key_values.%d.key",
    "past_value_names": "past_key_values.%d.value",
}
OUTPUTS: Mapping[str, str] = {
    "logits": "logits",
    "present_key_names": "present.%d.key",
    "present_value_names": "present.%d.value",
}
"""Names that the runtime goes by where the configuration states none."""
MOST_LAYERS = 4096  # of which names are made; no model has as many


class StageConfig(Struct, frozen=True):
    """One stage. ``field``: where the configuration has it. ``forwarded``: under which name later stages find an
    output. ``provider``: the first that its session options name."""

    name: str
    field: str
    file: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    forwarded: Mapping[str, str]
    on_prompt: bool = True
    on_token: bool = True
    provider: str = ""

    def runs(self, phase: str) -> bool:
        """Whether it runs on a ``prompt``, or on a ``token`` that was generated."""
        return self.on_prompt if phase == "prompt" else self.on_token


class Window(Struct, frozen=True):
    """``model.decoder.sliding_window``. ``slides_inputs``: prompts are cut into pieces of ``size`` tokens;
    ``slides_cache``: the runtime moves the cache along, not the graph."""

    size: int
    slides_inputs: bool = True
    slides_cache: bool = True


class PipelineConfig(Struct, frozen=True):
    """What the runtime goes by. ``given``: names of inputs that it feeds by itself. ``cache``: of each layer the names
    of key and value, past and present: ``((past key, present key), (past value, present value))``."""

    stages: tuple[StageConfig, ...]
    given: frozenset[str]
    cache: tuple[tuple[tuple[str, str], tuple[str, str]], ...]
    input_ids: str
    logits: str
    context: int
    head_size: int | None = None
    kv_heads: int | None = None
    window: Window | None = None


def wrong(code: str, field: str, **figures: Any) -> InputError:
    """That ``field`` of the configuration is wrong, as ``model.pipeline.code`` says."""
    said = sentence(f"model.pipeline.{code}", ort_genai=FILE, field=field, **figures)
    return InputError(said, sentence("model.pipeline.correct", ort_genai=FILE, field=field))


def pipeline_config(content: Mapping[str, Any]) -> PipelineConfig:
    """The pipeline of a configuration whose files are there. Raises ``InputError`` naming the field that is not as
    onnxruntime-genai reads it."""
    model = content["model"]
    decoder = model["decoder"]
    if model.get("type") not in TYPES:
        raise wrong("not_its_type", "model.type", kind=str(model.get("type")), types=TYPES[0])
    layers = min(_number(decoder, "num_hidden_layers", "model.decoder") or 0, MOST_LAYERS)
    inputs, outputs = _names(decoder, "inputs", INPUTS), _names(decoder, "outputs", OUTPUTS)
    named = [name.replace("%d", str(layer)) for name in inputs.values() for layer in range(layers)]
    return PipelineConfig(
        stages=tuple(_stages(decoder.get("pipeline"))),
        given=frozenset(named),
        cache=tuple(
            tuple(  # type: ignore[misc]
                (
                    inputs[f"past_{part}_names"].replace("%d", str(n)),
                    outputs[f"present_{part}_names"].replace("%d", str(n)),
                )
                for part in ("key", "value")
            )
            for n in range(layers)
        ),
        input_ids=inputs["input_ids"],
        logits=outputs["logits"],
        context=_number(model, "context_length", "model") or 0,
        head_size=_number(decoder, "head_size", "model.decoder"),
        kv_heads=_number(decoder, "num_key_value_heads", "model.decoder"),
        window=_window(decoder.get("sliding_window")),
    )


def _names(decoder: Mapping[str, Any], key: str, standard: Mapping[str, str]) -> dict[str, str]:
    stated = decoder.get(key, {})
    if not isinstance(stated, dict):
        raise wrong("not_an_object", f"model.decoder.{key}")
    other = next((name for name, value in stated.items() if not isinstance(value, str)), None)
    if other is not None:
        raise wrong("not_a_name", f"model.decoder.{key}.{other}")
    return {**standard, **stated}


def _stages(value: object) -> Iterator[StageConfig]:
    """In the order of the file: the pipeline is an object of stages, or a list of such objects."""
    groups = value if isinstance(value, list) else [value]
    seen: set[str] = set()
    for index, group in enumerate(groups):
        place = f"{PIPELINE}[{index}]" if isinstance(value, list) else PIPELINE
        if not isinstance(group, dict):
            raise wrong("not_an_object", place)
        for name, stage in group.items():
            field = f"{place}.{name}"
            if name in seen:
                raise wrong("named_twice", field, stage=name)
            seen.add(name)
            yield _stage(name, stage, field)


def _stage(name: str, value: object, field: str) -> StageConfig:
    if not isinstance(value, dict):
        raise wrong("not_an_object", field)
    for key, inner in value.items():
        if key not in KEYS:
            raise wrong("unknown_key", f"{field}.{key}", known=KEYS)
        if key in FLAGS and not isinstance(inner, bool):
            raise wrong("not_a_flag", f"{field}.{key}")
        if key in OBJECTS and not isinstance(inner, dict):
            raise wrong("not_an_object", f"{field}.{key}")
    if not isinstance(value.get("filename"), str):
        raise InputError(
            sentence("model.graph_file_missing", ort_genai=FILE, field=f"{field}.filename"),
            sentence("model.field_names_onnx_file"),
        )
    forwarded = value.get("output_names_forwarder", {})
    if not all(isinstance(each, str) for each in forwarded.values()):
        raise wrong("not_a_name", f"{field}.output_names_forwarder")
    on_prompt, on_token = value.get("run_on_prompt", True), value.get("run_on_token_gen", True)
    if not (on_prompt or on_token):
        raise wrong("never_runs", field)
    return StageConfig(
        name=name,
        field=field,
        file=value["filename"],
        inputs=_listed(value, "inputs", field),
        outputs=_listed(value, "outputs", field),
        forwarded=forwarded,
        on_prompt=on_prompt,
        on_token=on_token,
        provider=_provider(value.get("session_options", {})),
    )


def _listed(stage: Mapping[str, Any], key: str, field: str) -> tuple[str, ...]:
    names = stage.get(key, [])
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise wrong("not_names", f"{field}.{key}")
    return tuple(names)


def _provider(options: Mapping[str, Any]) -> str:
    given = options.get("provider_options", [])
    named = (key for each in given if isinstance(each, dict) for key in each) if isinstance(given, list) else ()
    return next(iter(named), "")


def _window(value: object) -> Window | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong("not_an_object", WINDOW)
    other = next((key for key in value if key not in WINDOW_KEYS), None)
    if other is not None:
        raise wrong("unknown_key", f"{WINDOW}.{other}", known=WINDOW_KEYS)
    slides = {key: value.get(key, True) for key in ("slide_inputs", "slide_key_value_cache")}
    for key, flag in slides.items():
        if not isinstance(flag, bool):
            raise wrong("not_a_flag", f"{WINDOW}.{key}")
    size = _number(value, "window_size", WINDOW)
    if size is None:
        raise wrong("not_a_count", f"{WINDOW}.window_size")
    return Window(size, *slides.values())


def _number(section: Mapping[str, Any], key: str, place: str) -> int | None:
    value = section.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise wrong("not_a_count", f"{place}.{key}")
    return value
