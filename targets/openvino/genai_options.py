"""Options of ``LLMPipeline`` in addition to a device's properties."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from bench.errors import InputError
from bench.targets.openvino.devices import family

BACKEND = {
    "ATTENTION_BACKEND": "PA (paged attention) or SDPA (the model's state); PA where the graph allows unless given"
}
SCHEDULER = {
    "enable_prefix_caching": "PA: keep sequences and find them again; YES unless given, as in the pipeline itself",
    "cache_size": "PA: gigabytes of KV cache; grows as needed unless given",
    "num_kv_blocks": "PA: blocks of KV cache; 0: by cache_size",
    "max_num_batched_tokens": "PA: the most tokens in one step; a longer prompt is cut",
    "dynamic_split_fuse": "PA: cut prompts into steps",
}
NPU = {
    "MAX_PROMPT_LEN": "tokens to compile the prompt's graph for; the scenario's prompt unless given",
    "MIN_RESPONSE_LEN": "tokens to keep room for after it; what the scenario generates unless given",
    "PREFILL_HINT": "DYNAMIC or STATIC: how the prompt's graph takes lengths",
    "GENERATE_HINT": "FAST_COMPILE or BEST_PERF: how the graph of one token is compiled",
}
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


def known(device: str) -> dict[str, str]:
    """The pipeline's own options on ``device``."""
    return NPU if family(device) == "NPU" else BACKEND | SCHEDULER


def read(options: Mapping[str, str], device: str) -> Settings:
    """Sort ``options`` and check the pipeline's own. Raises ``InputError`` naming the option and its value."""
    backend = options.get("ATTENTION_BACKEND", "")
    if backend not in ("", "PA", "SDPA"):
        raise InputError(f"option ATTENTION_BACKEND={backend}: not one of its values", "Give PA or SDPA.")
    scheduling = {name: _value(name, text) for name, text in options.items() if name in SCHEDULER}
    if scheduling and backend == "SDPA":
        raise InputError(f"option {next(iter(scheduling))}: it is paged attention's, and ATTENTION_BACKEND=SDPA")
    properties: dict[str, str | int] = {
        name: int(_value(name, text)) if name in WHOLE_NUMBERS else text
        for name, text in options.items()
        if name not in SCHEDULER and name != "ATTENTION_BACKEND"
    }
    return Settings("PA" if scheduling else backend, scheduling, properties)


def scheduler(settings: Settings) -> Any:
    """The ``SchedulerConfig`` that the pipeline makes for itself, with what was asked."""
    from openvino_genai import SchedulerConfig

    config = SchedulerConfig()
    config.max_num_batched_tokens = UNLIMITED
    config.enable_prefix_caching = True
    for name, value in settings.scheduling.items():
        setattr(config, name, value)
    return config


def _value(name: str, text: str) -> int | bool:
    if name in FLAGS:
        if text.lower() not in WORDS:
            raise InputError(f"option {name}={text}: neither YES nor NO", f"Write {name}=YES or {name}=NO.")
        return WORDS[text.lower()]
    if not text.isdigit():
        raise InputError(f"option {name}={text}: not a whole number", f"Write {name}=1024, for example.")
    return int(text)
