"""The state of the machine now: temperatures, clocks and where its power comes from, cheap enough for once a second.

Linux: thermal zones by type, hwmon sensors by chip and label, cpufreq by cluster, the clocks of Intel's GPUs (i915, xe)
and NPU, and of GPUs and NPUs of devfreq, as on Qualcomm's boards. Only files that leave a sleeping device asleep are
read: the actual clock of a GPU, which is 0 while it sleeps, and not the one requested. Windows: see
``bench.machine.windows.state``.
Kernel: Documentation/driver-api/thermal, Documentation/power/power_supply_class.rst, drivers/gpu/drm/xe/xe_gt_freq.c,
drivers/gpu/drm/i915/gt/intel_gt_sysfs_pm.c, drivers/accel/ivpu/ivpu_sysfs.c and
Documentation/ABI/testing/sysfs-class-devfreq.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

from msgspec import Struct

from bench.machine.files import number_of, text_of
from bench.machine.windows.calls import Calls, is_this_machine, windows_calls
from bench.machine.windows.state import WindowsState

PowerSource = Literal["ac", "battery"]

GPU_CLOCKS = (
    "device/tile*/gt*/freq0/act_freq",  # xe
    "gt/gt*/rps_act_freq_mhz",  # i915
    "gt_act_freq_mhz",  # i915 before Linux 5.18
)
"""Below ``/sys/class/drm/cardN``, in MHz; the first that is there. A card's parts have a clock each."""

CHARGERS = ("Mains", "USB", "Wireless")
"""Types of power supplies; older kernels know ``USB_PD``, ``USB_C`` and others."""

UNKNOWN_CELSIUS = -273.15
"""What is colder is no temperature: the kernel has -274 °C for one that it does not know (THERMAL_TEMP_INVALID)."""


class MachineState(Struct, frozen=True):
    """The machine at one moment. ``celsius`` by sensor; ``mhz`` by clock: ``cpu 0-3`` (the fastest core of a cluster:
    an idle one's clock says nothing; on Windows ``cpu``), ``gpu card0``, ``npu accel0``. What the machine does not tell
    is absent."""

    celsius: dict[str, float] = {}
    mhz: dict[str, float] = {}
    power_source: PowerSource | None = None
    battery_percent: float | None = None


class Traces:
    """Reads ``MachineState`` again and again. Files are looked for once, below ``root``: ``/``, or a recorded tree.
    ``calls``: Windows, unless it is stood in for."""

    def __init__(self, root: Path, calls: Calls | None = None) -> None:
        self._root = root
        linux = sys.platform == "linux"
        self._celsius = temperature_files(root) if linux else {}
        self._mhz = clock_files(root) if linux else {}
        self._linux = linux
        windows = calls or (windows_calls() if is_this_machine(root) else None)
        self._windows = None if windows is None else WindowsState(windows)

    def look(self) -> MachineState:
        """One reading of everything. Never raises; what has vanished is absent."""
        source, percent = power_of(self._root) if self._linux else other_power()
        if self._windows is not None:
            return MachineState(self._windows.celsius(), self._windows.mhz(), source, percent)
        return MachineState(celsius_of(self._celsius), _fastest(self._mhz), source, percent)


def temperature_files(root: Path) -> dict[str, Path]:
    """Thermal zones by type, and hwmon sensors by chip and label; single cores are left out. In 0.001 °C."""
    found: dict[str, Path] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        _add(found, text_of(zone / "type") or zone.name, zone / "temp")
    for sensor in sorted((root / "sys/class/hwmon").glob("hwmon*/temp*_input")):
        index = sensor.name.removesuffix("_input")
        label = text_of(sensor.with_name(f"{index}_label")) or index
        if not label.startswith("Core "):
            _add(found, f"{text_of(sensor.parent / 'name') or sensor.parent.name} {label}", sensor)
    return found


def celsius_of(files: dict[str, Path]) -> dict[str, float]:
    """Degrees of each sensor that can be read now."""
    read = {name: thousandths / 1000 for name, file in files.items() if (thousandths := number_of(file)) is not None}
    return {name: celsius for name, celsius in read.items() if celsius > UNKNOWN_CELSIUS}


def clock_files(root: Path) -> dict[str, tuple[tuple[Path, ...], float]]:
    """Name of a clock -> the files that tell it, of which the highest counts, and how many MHz their unit is."""
    found: dict[str, tuple[tuple[Path, ...], float]] = {}
    for cores, policies in _clusters(root):
        found[f"cpu {cores}"] = tuple(p / "scaling_cur_freq" for p in policies), 1e-3
    for card in sorted((root / "sys/class/drm").glob("card*")):
        files = next((f for pattern in GPU_CLOCKS if (f := tuple(sorted(card.glob(pattern))))), ())
        if files:
            found[f"gpu {card.name}"] = files, 1.0
    for accel in sorted((root / "sys/class/accel").glob("accel*")):
        file = accel / "device/npu_current_frequency_mhz"
        if file.exists():
            found[f"npu {accel.name}"] = (file,), 1.0
    for device in sorted((root / "sys/class/devfreq").glob("*")):
        kind = re.search(r"(?:^|[.-])(gpu|npu)\b", device.name)
        if kind and (device / "cur_freq").exists():
            found[f"{kind[1]} {device.name}"] = (device / "cur_freq",), 1e-6
    return found


def power_of(root: Path) -> tuple[PowerSource | None, float | None]:
    """Battery when one discharges; mains when a charger is online, or batteries are and none discharges. And what of
    100 % is left."""
    supplies = sorted((root / "sys/class/power_supply").glob("*"))
    batteries = [s for s in supplies if text_of(s / "type") == "Battery" and text_of(s / "scope") != "Device"]
    chargers = [s for s in supplies if (text_of(s / "type") or "").startswith(CHARGERS)]
    percents = [p for s in batteries if (p := number_of(s / "capacity")) is not None]
    percent = fmean(percents) if percents else None
    states = {text_of(s / "status") for s in batteries}
    if "Discharging" in states:
        return "battery", percent
    charged = bool(states & {"Charging", "Full", "Not charging"})
    return "ac" if charged or any(text_of(s / "online") == "1" for s in chargers) else None, percent


def other_power() -> tuple[PowerSource | None, float | None]:
    """The same where the system's own call is asked: Windows and macOS."""
    import psutil

    battery = psutil.sensors_battery()
    if battery is None:
        return None, None
    source: PowerSource | None = None
    if battery.power_plugged is not None:
        source = "ac" if battery.power_plugged else "battery"
    return source, float(battery.percent)


def _clusters(root: Path) -> Iterable[tuple[str, Sequence[Path]]]:
    """Cores with the same highest clock, which are of one kind, and their policies: ``0-3``. A policy has one core, or
    a whole cluster."""
    by_limit: dict[float | None, list[Path]] = {}
    for policy in (root / "sys/devices/system/cpu/cpufreq").glob("policy*"):
        if (policy / "scaling_cur_freq").exists():
            by_limit.setdefault(number_of(policy / "cpuinfo_max_freq"), []).append(policy)
    named = [(sorted({core for p in policies for core in _cores(p)}), policies) for policies in by_limit.values()]
    return [(_ranges(cores), policies) for cores, policies in sorted(named, key=lambda one: one[0])]


def _cores(policy: Path) -> list[int]:
    listed = (text_of(policy / "related_cpus") or "").split()
    own = policy.name.removeprefix("policy")
    return [int(core) for core in listed if core.isdigit()] or [int(own) if own.isdigit() else 0]


def _ranges(cores: Sequence[int]) -> str:
    """``0-3,8``."""
    runs: list[list[int]] = []
    for core in cores:
        if runs and core == runs[-1][-1] + 1:
            runs[-1].append(core)
        else:
            runs.append([core])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _fastest(files: dict[str, tuple[tuple[Path, ...], float]]) -> dict[str, float]:
    read = {name: [f for file in of if (f := number_of(file)) is not None] for name, (of, _) in files.items()}
    return {name: max(values) * files[name][1] for name, values in read.items() if values}


def _add(found: dict[str, Path], name: str, file: Path) -> None:
    found[name if name not in found else f"{name} ({file.parent.name})"] = file
