"""The machine and its state: what decides whether measurements may be compared.

On Linux everything but load and core counts is read from files under ``root``, so that tests can use a recorded folder
instead of a machine. Elsewhere the system's own calls are asked. What cannot be read is null, with its reason in
``unavailable``. No user names, host names, environment variables or paths are taken.
"""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.machine.emulation import emulation
from bench.machine.files import number_of as _number
from bench.machine.files import text_of as _text
from bench.machine.processor import board_name, cpu_name, soc_name
from bench.machine.traces import Traces, celsius_of, other_power, power_of, temperature_files
from bench.record.record import Environment
from bench.words import Sentence, sentence

BUSY_WINDOW_SECONDS = 0.2
"""``cpu_busy_share`` is taken over this window; the caller waits for it."""

DRIVER_MODULES = ("intel_vpu", "i915", "xe", "amdxdna", "amdgpu", "qaic", "fastrpc", "msm")

Number = str | int | float | None


def capture(root: Path = Path("/")) -> Environment:
    """The environment now. Takes ``BUSY_WINDOW_SECONDS`` and little more; never raises.

    ``runtime`` and ``accelerator`` are the caller's to fill. ``frequency_mhz`` is the widest range over all cores and
    their mean now.
    """
    linux = sys.platform == "linux"
    source, percent = power_of(root) if linux else other_power()
    fields: dict[str, Any] = {
        "host": _host(root),
        "driver": _linux_drivers(root) if linux else {},
        "power_source": source,
        "battery_percent": percent,
        "governor": _linux_governor(root) if linux else None,
        "frequency_mhz": _linux_frequency(root) if linux else _other_frequency(),
        "temperature_celsius": celsius_of(temperature_files(root)) if linux else Traces(root).look().celsius,
        "load": _load(),
    }
    unavailable: dict[str, Sentence | str] = {
        name: _reason(name, linux) for name, value in fields.items() if value is None or value == {}
    }
    unavailable |= {f"host.{name}": sentence("machine.not_told") for name, v in fields["host"].items() if v is None}
    return Environment(**fields, unavailable=unavailable)


def _host(root: Path) -> dict[str, Number]:
    import psutil

    linux = sys.platform == "linux"
    name, version = _linux_os(root) if linux else _other_os()
    emulated, soc = emulation(root), soc_name(root) if linux else None
    return {
        "cpu": cpu_name(root) if linux else _other_cpu(),
        "board": board_name(root) if linux else None,
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_logical": psutil.cpu_count(),
        "cores_usable": _cores_usable(),
        "memory_bytes": psutil.virtual_memory().total,
        "os": name,
        "os_version": version,
        "kernel": _kernel(root),
        "machine": platform.machine() or None,
        "python": platform.python_version(),
        "virtualised": _linux_virtualised(root) if linux else None,
        "emulated": emulated.emulated,
        **({"emulator": emulated.emulator} if emulated.emulator else {}),
        **({"soc": soc} if soc else {}),
    }


def _cores_usable() -> int | None:
    """Those this process may run on, where a container or ``taskset`` may have taken some away."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _kernel(root: Path) -> str | None:
    return _text(root / "proc/sys/kernel/osrelease") or platform.release() or None


def _linux_os(root: Path) -> tuple[str | None, str | None]:
    lines = [line.partition("=") for line in (_text(root / "etc/os-release") or "").splitlines()]
    values = {key: value.strip("\"'") for key, _, value in lines}
    return values.get("NAME", "Linux"), values.get("VERSION_ID")


def _other_os() -> tuple[str | None, str | None]:
    return platform.system() or None, platform.mac_ver()[0] or platform.version() or None


VIRTUAL_BOARDS = ("linux,dummy-virt", "QEMU", "Apple Virtualization")
"""How virtual machines for Arm, whose processors do not say that they are virtual, call their board."""


def _linux_virtualised(root: Path) -> bool | None:
    cpuinfo = _cpuinfo(root)
    if "hypervisor" in cpuinfo.get("flags", "").split() or "microsoft" in (_kernel(root) or "").lower():
        return True
    if (board_name(root) or "").startswith(VIRTUAL_BOARDS):
        return True
    return False if "flags" in cpuinfo else None


def _cpuinfo(root: Path) -> dict[str, str]:
    """Of the first processor."""
    first = (_text(root / "proc/cpuinfo") or "").split("\n\n", 1)[0]
    pairs = [line.partition(":") for line in first.splitlines()]
    return {key.strip(): value.strip() for key, _, value in pairs}


def _other_cpu() -> str | None:
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
                return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
        except OSError:
            return platform.processor() or None
    else:
        return platform.processor() or None


def _linux_governor(root: Path) -> str | None:
    policies = (root / "sys/devices/system/cpu/cpufreq").glob("policy*")
    found = {g for p in policies if (g := _text(p / "scaling_governor"))}
    return ", ".join(sorted(found)) or None


def _linux_frequency(root: Path) -> dict[str, float]:
    policies = list((root / "sys/devices/system/cpu/cpufreq").glob("policy*"))
    found: dict[str, list[float]] = {}
    for key, file in (("min", "cpuinfo_min_freq"), ("max", "cpuinfo_max_freq"), ("current", "scaling_cur_freq")):
        found[key] = [khz / 1000 for p in policies if (khz := _number(p / file)) is not None]
    pick: dict[str, Callable[[list[float]], float]] = {"min": min, "max": max, "current": fmean}
    return {key: pick[key](values) for key, values in found.items() if values}


def _other_frequency() -> dict[str, float]:
    import psutil

    try:
        frequency: Any = psutil.cpu_freq()
    except (OSError, RuntimeError):  # macOS in a virtual machine
        return {}
    values = {key: getattr(frequency, key, None) for key in ("min", "max", "current")}
    return {key: float(value) for key, value in values.items() if value}


def _linux_drivers(root: Path) -> dict[str, str]:
    """Version of each accelerator driver; one that is part of the kernel has the kernel's."""
    modules = [m for m in DRIVER_MODULES if (root / "sys/module" / m).is_dir()]
    found = {m: _text(root / "sys/module" / m / "version") or f"kernel {_kernel(root)}" for m in modules}
    firmware = [v for f in sorted((root / "sys/kernel/debug/accel").glob("*/fw_version")) if (v := _text(f))]
    return found | ({"npu_firmware": ", ".join(firmware)} if firmware else {})


def _load() -> dict[str, float]:
    import psutil

    found = {"cpu_busy_share": psutil.cpu_percent(interval=BUSY_WINDOW_SECONDS) / 100}
    if sys.platform != "win32":  # elsewhere psutil emulates it, from zero
        found["load_1min"] = psutil.getloadavg()[0]
    return found


def _reason(field: str, linux: bool) -> Sentence:
    told = ("temperature_celsius",) if sys.platform == "win32" else ()
    if not linux and field in {"governor", "temperature_celsius", "driver"}.difference(told):
        return sentence("machine.not_read_on", system=platform.system())
    codes = {
        "driver": "machine.no_accelerator_driver_loaded",
        "power_source": "machine.no_battery_and_no_charger",
        "battery_percent": "machine.no_battery",
        "governor": "machine.no_frequency_scaling",
        "frequency_mhz": "machine.frequencies_not_told",
        "temperature_celsius": "machine.no_thermal_sensor",
    }
    return sentence(codes.get(field, "machine.not_told"))
