"""The devices OpenVINO drives: those its Core reports here and now, and those it knows but does not find."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.contracts import Device, OpenRequest

OWNER = (
    "Without the device nothing can be shown of it here: OpenVINO has no emulator. Its owner can run the same command "
    "with -o FOLDER and send FOLDER; odb report reads it on any machine."
)
ABSENT = {
    "CPU": ("OpenVINO reports no CPU plugin", "Reinstall openvino; the CPU plugin is part of the wheel."),
    "GPU": (
        "OpenVINO finds no Intel GPU, or no OpenCL driver for it",
        f"Linux: install intel-opencl-icd and join the render group. Windows: install Intel's graphics driver. {OWNER}",
    ),
    "NPU": (
        "OpenVINO finds no Intel NPU, or no driver for it",
        "Linux: install intel-driver-compiler-npu, intel-level-zero-npu and libze1 (kernel 6.6 or newer). "
        f"Windows: install Intel's NPU driver. {OWNER}",
    ),
}
VIRTUAL = {
    "AUTO": "OpenVINO chooses the device; write AUTO:GPU,CPU to limit the choice",
    "HETERO": "one graph split over several devices; write HETERO:GPU,CPU",
}

CORE_OPTIONS = {
    "CACHE_DIR": "folder of compiled models; a second start reads them back",
    "CACHE_MODE": "OPTIMIZE_SIZE or OPTIMIZE_SPEED",
    "ENABLE_MMAP": "map weights from the file instead of reading them",
    "AUTO_BATCH_TIMEOUT": "milliseconds to wait for a batch to fill",
    "ALLOW_AUTO_BATCHING": "let PERFORMANCE_HINT=THROUGHPUT batch queries",
}
DESCRIPTIONS = {
    "PERFORMANCE_HINT": "LATENCY, THROUGHPUT or CUMULATIVE_THROUGHPUT; set from the scenario unless given",
    "PERFORMANCE_HINT_NUM_REQUESTS": "how many queries will be in flight",
    "NUM_STREAMS": "how many queries are executed at the same time",
    "INFERENCE_NUM_THREADS": "CPU threads",
    "INFERENCE_PRECISION_HINT": "f32, f16 or bf16: what floating-point graphs compute in",
    "EXECUTION_MODE_HINT": "PERFORMANCE or ACCURACY",
    "ENABLE_CPU_PINNING": "pin threads to cores",
    "SCHEDULING_CORE_TYPE": "ANY_CORE, PCORE_ONLY or ECORE_ONLY",
    "ENABLE_HYPER_THREADING": "use both threads of a core",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "group size of dynamic quantisation; 0: off",
    "KV_CACHE_PRECISION": "precision of the KV cache",
    "PERF_COUNT": "collect per-operator times; disturbs what is measured",
    "MULTI_DEVICE_PRIORITIES": "devices in order of preference",
}


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


def unavailable(reason: str, remedy: str) -> Sequence[Device]:
    """All known devices, none usable, for one and the same reason."""
    real = [Device(name, False, "", reason, remedy) for name in ABSENT]
    return (*real, *(Device(name, False, text, reason, remedy, default=False) for name, text in VIRTUAL.items()))


def behind(device: str) -> list[str]:
    """The devices that ``device`` names: itself, or what follows AUTO: or HETERO: (nothing, for AUTO alone)."""
    if not virtual(device):
        return [device]
    _, _, listing = device.partition(":")
    return [name.split("(")[0].strip() for name in listing.split(",") if name.strip() and not name.startswith("-")]


def absence(device: str) -> tuple[str, str]:
    """Why ``device`` cannot be opened and what to do, after OpenVINO reported that it is missing."""
    suspects = [family(name) for name in behind(device) if family(name) != "CPU"] or ["CPU"]
    return ABSENT.get(suspects[0], ("OpenVINO knows no such device", "odb list targets shows the devices."))


def option_names(core: Any, device: str) -> Mapping[str, str]:
    """What may be set when compiling for ``device``: its own writable properties and those of the devices behind it."""
    writable = _writable(core, [family(device), *(behind(device) or core.available_devices)])
    return {name: DESCRIPTIONS.get(name, "property of the device") for name in sorted(writable)} | CORE_OPTIONS


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
        reason = f"OpenVINO lists it but cannot open it: {str(error).strip().splitlines()[-1]}"
        return Device(name, False, "", reason, ABSENT.get(family(name), ("", ""))[1])


def exact_memory(request: OpenRequest) -> dict[str, str]:
    """What keeps the CPU plugin, and oneDNN in it, from holding on to a kernel for each length, where the request asks
    for exact memory: up to 1.3 MB a length, where a token of the cache takes kilobytes. Sets oneDNN's variable."""
    if not request.exact_memory or request.device != "CPU":
        return {}
    os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = "0"
    return {"CPU_RUNTIME_CACHE_CAPACITY": "0"}
