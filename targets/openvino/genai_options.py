"""Options of ``LLMPipeline`` in addition to a device's properties."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from bench.contracts import OpenRequest
from bench.errors import InputError
from bench.targets.openvino.devices import family
from bench.targets.openvino.graph import numpy_name
from bench.words import Sentence, sentence

BACKEND: Mapping[str, Sentence | str] = {name: sentence(f"openvino.option.{name}") for name in ("ATTENTION_BACKEND",)}
SCHEDULER: Mapping[str, Sentence | str] = {
    name: sentence(f"openvino.option.{name}")
    for name in ("enable_prefix_caching", "cache_size", "num_kv_blocks", "max_num_batched_tokens", "dynamic_split_fuse")
}
NPU: Mapping[str, Sentence | str] = {
    name: sentence(f"openvino.option.{name}")
    for name in ("MAX_PROMPT_LEN", "MIN_RESPONSE_LEN", "PREFILL_HINT", "GENERATE_HINT")
}
IMPORT: Mapping[str, Sentence | str] = {"import": sentence("openvino.option.import")}
"""Not safe: the runtime's own reader takes a file as it is."""
SAFE = frozenset((*BACKEND, *SCHEDULER, *NPU))  # none names a file, loads code or writes
WHOLE_NUMBERS = ("cache_size", "num_kv_blocks", "max_num_batched_tokens", "MAX_PROMPT_LEN", "MIN_RESPONSE_LEN")
FLAGS = ("enable_prefix_caching", "dynamic_split_fuse")
WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
UNLIMITED = 2**63 - 1


class Settings(Struct, frozen=True):
    """Options read. ``properties`` go to the device, ``scheduling`` to paged attention; ``backend`` "": not asked."""

    backend: str
    scheduling: dict[str, int | bool]
    properties: dict[str, str | int]


def known(device: str) -> dict[str, Sentence | str]:
    """The pipeline's own options on ``device``."""
    return dict(NPU) if family(device) == "NPU" else {**BACKEND, **SCHEDULER, **IMPORT}


def imports_itself(options: Mapping[str, str] | None) -> bool:
    """Whether the pipeline is to read the model's source itself."""
    return (options or {}).get("import") == "own"


def activations(settings: Settings) -> str:
    """What products with weights that are decompressed are computed in: the hint, where dynamic quantisation of
    activations is switched off. "" where it is not, or no hint was given."""
    properties = settings.properties
    hint = properties.get("INFERENCE_PRECISION_HINT")
    if hint is None or str(properties.get("DYNAMIC_QUANTIZATION_GROUP_SIZE")) != "0":
        return ""
    return numpy_name(str(hint))


def read(options: Mapping[str, str], device: str) -> Settings:
    """Sort ``options`` and check the pipeline's own. Raises ``InputError`` naming the option and its value."""
    backend = options.get("ATTENTION_BACKEND", "")
    if backend not in ("", "PA", "SDPA"):
        raise InputError(sentence("openvino.backend_unknown", backend=backend), sentence("openvino.give_pa_sdpa"))
    if options.get("import", "own") != "own":
        raise InputError(sentence("openvino.import_unknown", given=options["import"]), sentence("openvino.give_own"))
    scheduling = {name: _value(name, text) for name, text in options.items() if name in SCHEDULER}
    if scheduling and backend == "SDPA":
        raise InputError(sentence("openvino.option_of_paged_attention", value=next(iter(scheduling))))
    properties: dict[str, str | int] = {
        name: int(_value(name, text)) if name in WHOLE_NUMBERS else text
        for name, text in options.items()
        if name not in SCHEDULER and name not in ("ATTENTION_BACKEND", "import")
    }
    return Settings("PA" if scheduling else backend, scheduling, properties)


def keeps_prefixes(settings: Settings, request: OpenRequest) -> bool:
    """Whether paged attention keeps what was generated from. The pipeline does by default, and then answers a prompt
    that it has seen from another state than a new one: from keys and values as the cache has rounded them. So only
    where it was asked for, and where the context of a depth, or the history of a conversation, has to be found
    again."""
    needed = request.depth_tokens > 0 or request.converses
    return bool(settings.scheduling.get("enable_prefix_caching", needed))


def scheduler(settings: Settings, prefixes: bool) -> Any:
    """The ``SchedulerConfig`` that the pipeline makes for itself, with what was asked; ``prefixes``: whether it keeps
    them."""
    from openvino_genai import SchedulerConfig

    config = SchedulerConfig()
    config.max_num_batched_tokens = UNLIMITED
    for name, value in settings.scheduling.items():
        setattr(config, name, value)
    config.enable_prefix_caching = prefixes
    return config


def _value(name: str, text: str) -> int | bool:
    if name in FLAGS:
        if text.lower() not in WORDS:
            raise InputError(
                sentence("openvino.option_not_yes_or_no", name=name, text=text),
                sentence("openvino.write_yes_or_no", name=name),
            )
        return WORDS[text.lower()]
    if not text.isdigit():
        raise InputError(
            sentence("openvino.option_not_whole_number", name=name, text=text),
            sentence("openvino.write_number", name=name),
        )
    return int(text)
