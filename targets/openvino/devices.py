"""The devices OpenVINO drives: those its Core reports here and now, and those it knows but does not find."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.contracts import Device, OpenRequest
from bench.words import Sentence, sentence

ABSENT = {
    family: (sentence(f"openvino.absent.{family}"), sentence(f"openvino.absent.{family}.remedy"))
    for family in ("CPU", "GPU", "NPU")
}
VIRTUAL = {family: sentence(f"openvino.virtual.{family}") for family in ("AUTO", "HETERO")}

CORE_OPTIONS: Mapping[str, Sentence | str] = {
    name: sentence(f"openvino.option.{name}")
    for name in ("CACHE_DIR", "CACHE_MODE", "ENABLE_MMAP", "AUTO_BATCH_TIMEOUT", "ALLOW_AUTO_BATCHING")
}
DESCRIPTIONS = {
    name: sentence(f"openvino.option.{name}")
    for name in (
        "PERFORMANCE_HINT",
        "PERFORMANCE_HINT_NUM_REQUESTS",
        "NUM_STREAMS",
        "INFERENCE_NUM_THREADS",
        "INFERENCE_PRECISION_HINT",
        "EXECUTION_MODE_HINT",
        "ENABLE_CPU_PINNING",
        "SCHEDULING_CORE_TYPE",
        "ENABLE_HYPER_THREADING",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE",
        "KV_CACHE_PRECISION",
        "PERF_COUNT",
        "MULTI_DEVICE_PRIORITIES",
    )
}


PRECISION = "INFERENCE_PRECISION_HINT"


def family(device: str) -> str:
    """``GPU.1`` -> ``GPU``, ``HETERO:GPU,CPU`` -> ``HETERO``."""
    return device.split(":", 1)[0].split(".", 1)[0]


def virtual(device: str) -> bool:
    return family(device) in VIRTUAL


def listed(core: Any) -> Sequence[Device]:
    """Every device of ``core`` by its own name, then the known but absent, then AUTO and HETERO."""
    present = [_described(core, name) for name in core.available_devices]
    families = {family(device.name) for device in present if device.usable}
    absent = [Device(name, False, "", *why) for name, why in ABSENT.items() if name not in families]
    absent = [device for device in absent if device.name not in {d.name for d in present}]
    has_cpu = "CPU" in families
    reason, remedy = ("", "") if has_cpu else ABSENT["CPU"]
    composed = [Device(name, has_cpu, text, reason, remedy, default=False) for name, text in VIRTUAL.items()]
    return (*present, *absent, *composed)


def unavailable(reason: Sentence | str, remedy: Sentence | str) -> Sequence[Device]:
    """All known devices, none usable, for one and the same reason."""
    real = [Device(name, False, "", reason, remedy) for name in ABSENT]
    return (*real, *(Device(name, False, text, reason, remedy, default=False) for name, text in VIRTUAL.items()))


def behind(device: str) -> list[str]:
    """The devices that ``device`` names: itself, or what follows AUTO: or HETERO: (nothing, for AUTO alone)."""
    if not virtual(device):
        return [device]
    _, _, listing = device.partition(":")
    return [name.split("(")[0].strip() for name in listing.split(",") if name.strip() and not name.startswith("-")]


def absence(device: str) -> tuple[Sentence, Sentence]:
    """Why ``device`` cannot be opened and what to do, after OpenVINO reported that it is missing."""
    suspects = [family(name) for name in behind(device) if family(name) != "CPU"] or ["CPU"]
    return ABSENT.get(
        suspects[0],
        (sentence("openvino.no_such_device"), sentence("openvino.see_list_targets")),
    )


def option_names(core: Any, device: str) -> Mapping[str, Sentence | str]:
    """What may be set when compiling for ``device``: its own writable properties and those of the devices behind it."""
    writable = _writable(core, [family(device), *(behind(device) or core.available_devices)])
    other = sentence("openvino.option.other")
    return {**{name: DESCRIPTIONS.get(name, other) for name in sorted(writable)}, **CORE_OPTIONS}


def _writable(core: Any, devices: Iterable[str]) -> set[str]:
    names: set[str] = set()
    for device in devices:
        try:
            supported = core.get_property(device, "SUPPORTED_PROPERTIES")
        except RuntimeError:
            continue
        names |= {name for name, access in supported.items() if access in ("RW", "WO")}
    return names


def _described(core: Any, name: str) -> Device:
    try:
        return Device(name, True, str(core.get_property(name, "FULL_DEVICE_NAME")))
    except RuntimeError as error:
        reason = sentence("openvino.device_not_opened", error=str(error).strip().splitlines()[-1])
        return Device(name, False, "", reason, ABSENT.get(family(name), ("", ""))[1])


def exact_memory(request: OpenRequest) -> dict[str, str]:
    """What keeps the CPU plugin, and oneDNN in it, from holding on to a kernel for each length, where the request asks
    for exact memory: up to 1.3 MB a length, where a token of the cache takes kilobytes. Sets oneDNN's variable."""
    if not request.exact_memory or request.device != "CPU":
        return {}
    os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = "0"
    return {"CPU_RUNTIME_CACHE_CAPACITY": "0"}


def takes_zero_points(device: str, options: Mapping[str, str] | None) -> bool:
    """Whether offsets of blocks are to be zero points in floating point (``bench.targets.openvino.attention``): on a
    CPU that computes in less than float32, by ``options`` or by default. In float32 it rounds the inputs of products to
    8 bits, as it cannot with such zero points, and is slower with them. Other devices were not tried."""
    if device != "CPU":
        return False
    from openvino import Core

    given = options or {}
    asked = given.get(PRECISION, "f32" if given.get("EXECUTION_MODE_HINT") == "ACCURACY" else "")
    return (asked or Core().get_property(device, PRECISION).get_type_name()) in ("bf16", "f16")
