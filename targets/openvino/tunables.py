"""Properties of OpenVINO's devices that may be tuned, and how ``benchmark_app -load_config`` takes them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.contracts import Artifact, OwnConfiguration, Tunable
from bench.targets.openvino.devices import behind, family, option_names
from bench.targets.processor import thread_counts
from bench.words import Sentence

FILE = "openvino-config.json"
PRECISIONS = {"FP32": "f32", "BF16": "bf16", "FP16": "f16"}
"""What a device says that it can, as ``INFERENCE_PRECISION_HINT`` takes it."""
HYBRID = Path("/sys/devices/cpu_core"), Path("/sys/devices/cpu_atom")
"""Linux has both on a processor with two kinds of cores."""


def of_device(device: str, artifact: Artifact) -> Sequence[Tunable]:
    """Of those the device can set. Imports the runtime."""
    from openvino import Core

    core = Core()
    kinds = {family(name) for name in (device, *behind(device))}
    found = [*_hints(kinds), *_precisions(core, device)]
    if "CPU" in kinds:
        found += _of_cpu(core, artifact)
    if "GPU" in kinds:
        found += _of_gpu(core, device)
    if "NPU" in kinds:
        found.append(Tunable(name="NPU_TURBO", values=("YES",)))
    settable = option_names(core, device)
    return [one for one in found if one.name in settable]


def of_pipeline(device: str, artifact: Artifact) -> Sequence[Tunable]:
    """Of the pipeline of OpenVINO GenAI on the device."""
    if family(device) == "NPU":
        return (
            Tunable(name="PREFILL_HINT", values=("DYNAMIC", "STATIC")),
            Tunable(name="GENERATE_HINT", values=("FAST_COMPILE", "BEST_PERF")),
            Tunable(name="NPU_TURBO", values=("YES",)),
        )
    return (
        *of_device(device, artifact),
        Tunable(name="ATTENTION_BACKEND", values=("PA", "SDPA"), changes_outputs=True),
    )


def own_configuration(
    device: str, options: Mapping[str, str], use: Sentence, hint: str | None = None
) -> OwnConfiguration:
    """The device's properties. ``hint``: what the target sets by itself, unless the options have it."""
    held = {**({} if hint is None else {"PERFORMANCE_HINT": hint}), **options}
    text = json.dumps({device: held}, indent=2, sort_keys=True) + "\n"
    return OwnConfiguration(file_name=FILE, text=text, use=use)


def _hints(kinds: set[str]) -> list[Tunable]:
    """For one query at a time, and for many in flight, the hint that is not the default."""
    several = ("CUMULATIVE_THROUGHPUT",) if "AUTO" in kinds else ()
    return [
        Tunable(name="PERFORMANCE_HINT", values=("THROUGHPUT",), intents=("latency",)),
        Tunable(name="PERFORMANCE_HINT", values=("LATENCY", *several), intents=("throughput",)),
    ]


def _precisions(core: Any, device: str) -> list[Tunable]:
    try:
        able = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    except RuntimeError:
        able = ()
    values = tuple(hint for name, hint in PRECISIONS.items() if name in able)
    return [Tunable(name="INFERENCE_PRECISION_HINT", values=values, changes_outputs=True)]


def _streams(core: Any, device: str) -> tuple[str, ...]:
    """Powers of two up to what the device allows."""
    try:
        _, most = core.get_property(device, "RANGE_FOR_STREAMS")
    except RuntimeError:
        return ()
    counts = {1 << power for power in range(int(most).bit_length())} | {int(most)}
    return tuple(map(str, sorted(count for count in counts if count <= most)))


def _of_cpu(core: Any, artifact: Artifact) -> list[Tunable]:
    found = [
        Tunable(name="NUM_STREAMS", values=_streams(core, "CPU"), intents=("throughput",)),
        Tunable(name="INFERENCE_NUM_THREADS", values=thread_counts()),
        Tunable(name="ENABLE_CPU_PINNING", values=("YES", "NO")),
        Tunable(name="CPU_DENORMALS_OPTIMIZATION", values=("YES",), changes_outputs=True),
    ]
    if _has_siblings():
        found.append(Tunable(name="ENABLE_HYPER_THREADING", values=("YES", "NO")))
    if all(path.is_dir() for path in HYBRID):
        found.append(Tunable(name="SCHEDULING_CORE_TYPE", values=("PCORE_ONLY", "ECORE_ONLY")))
    if artifact.task == "text_generation":
        found += [
            Tunable(name="DYNAMIC_QUANTIZATION_GROUP_SIZE", values=("0", "32", "64", "128"), changes_outputs=True),
            Tunable(name="KV_CACHE_PRECISION", values=("u8", "f16", "bf16", "f32"), changes_outputs=True),
        ]
    return found


def _of_gpu(core: Any, device: str) -> list[Tunable]:
    return [
        Tunable(name="NUM_STREAMS", values=_streams(core, device), intents=("throughput",)),
        Tunable(name="GPU_QUEUE_THROTTLE", values=("LOW", "MEDIUM", "HIGH")),
        Tunable(name="GPU_QUEUE_PRIORITY", values=("LOW", "HIGH")),
        Tunable(name="GPU_DISABLE_WINOGRAD_CONVOLUTION", values=("YES",), changes_outputs=True),
    ]


def _has_siblings() -> bool:
    """Whether the processor runs two threads a core."""
    import psutil

    logical, physical = psutil.cpu_count(), psutil.cpu_count(logical=False)
    return logical is not None and physical is not None and logical > physical
