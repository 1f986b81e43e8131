"""Power and energy readings of Linux' hwmon class: INA and other supply monitors, GPUs, AMD's energy driver.

Which rail a monitor watches is known only by its label. A channel whose label does not show it is of domain ``other``,
and is never used for the board. Kernel: Documentation/hwmon/sysfs-interface.rst.

The INA3221 of NVIDIA's Jetson and other boards lacks a ``power*`` file: the driver gives each of its three channels a
bus voltage (``inN_input``, mV), a current (``currN_input``, mA) and a label (``inN_label``). Power is their product.
Its other files are not channels: ``in4`` to ``in6`` are shunt voltages, ``in7`` and ``curr4`` sums over channels.
Kernel: Documentation/hwmon/ina3221.rst.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import structs

from bench.contracts import Channel
from bench.words import sentence

Domain = Literal["package", "core", "dram", "gpu", "npu", "board", "other"]

PAIRED_CHANNELS: dict[str, tuple[int, ...]] = {"ina3221": (1, 2, 3)}
"""Chips that read voltage and current apart, with their channels."""

CHIP_DOMAINS: dict[str, Domain] = {
    "fam15h_power": "package",
    "i915": "gpu",
    "xe": "gpu",
    "amdgpu": "gpu",
    "power_meter": "board",  # ACPI 4.0: the power of the whole system
}

LABEL_DOMAINS: dict[str, Domain] = {
    **dict.fromkeys(("in", "vin", "total", "input", "system", "board"), "board"),
    **dict.fromkeys(("package", "pkg", "socket"), "package"),
    **dict.fromkeys(("cpu", "core"), "core"),
    **dict.fromkeys(("ddr", "dram", "mem", "memory"), "dram"),
    **dict.fromkeys(("npu", "nsp", "cdsp"), "npu"),
    "gpu": "gpu",
}


class Hwmon:
    """Watts now (``power*``, or voltage times current) or joules since start (``energy*``) of each chip's channels,
    named ``chip label``."""

    summary = sentence("machine.summary.hwmon")

    def channels(self, root: Path) -> Sequence[Channel]:
        chips = sorted((root / "sys/class/hwmon").glob("hwmon*"))
        found = [c for chip in chips if not _is_power_supply(chip) for c in _of_chip(root, chip)]
        names = Counter(c.name for c in found)
        return tuple(c if names[c.name] == 1 else structs.replace(c, name=_unique(c)) for c in found)

    def read(self, root: Path, channel: Channel) -> float:
        file = root / channel.path
        if file.name.startswith("curr"):
            return float(file.read_text()) * float(_bus_voltage(file).read_text()) * 1e-6  # mA × mV
        return float(file.read_text()) * 1e-6


def _of_chip(root: Path, chip: Path) -> list[Channel]:
    name = _text(chip / "name") or chip.name
    files = {f.name.partition("_")[0]: f for f in sorted(chip.glob("power*_average"))}
    # The momentary reading is preferred: the driver's average may span minutes.
    files.update({f.name.partition("_")[0]: f for p in ("power*_input", "energy*_input") for f in sorted(chip.glob(p))})
    found = []
    for index, file in files.items():
        label = _text(chip / f"{index}_label") or _text(chip / "label")
        found.append(
            Channel(
                sensor="hwmon",
                name=f"{name} {label or index}",
                kind="energy" if index.startswith("energy") else "power",
                domain=_domain(name, label),
                path=file.relative_to(root).as_posix(),
            )
        )
    paired = (_pair(root, chip, name, i) for i in PAIRED_CHANNELS.get(name, ()) if f"power{i}" not in files)
    return found + [channel for channel in paired if channel is not None]


def _pair(root: Path, chip: Path, name: str, index: int) -> Channel | None:
    """A channel that is read as voltage and current; ``None`` where the board has left it out."""
    current = chip / f"curr{index}_input"
    if not (current.exists() and _bus_voltage(current).exists()):
        return None
    label = _text(chip / f"in{index}_label")
    if label.upper() == "NC":  # not connected
        return None
    off = _text(chip / f"in{index}_enable") == "0"
    return Channel(
        sensor="hwmon",
        name=f"{name} {label or f'channel {index}'}",
        kind="power",
        domain=_domain(name, label),
        path=current.relative_to(root).as_posix(),
        usable=not off,
        reason=sentence("machine.channel_switched_off") if off else "",
        remedy=sentence("machine.as_root_enable", path=(chip / f"in{index}_enable").relative_to(root).as_posix())
        if off
        else "",
    )


def _bus_voltage(current: Path) -> Path:
    return current.with_name(current.name.replace("curr", "in", 1))


def _domain(chip: str, label: str) -> Domain:
    chip = re.sub(r"_gt\d+$", "", chip)  # i915 has a chip for each part of a card as well
    if chip in CHIP_DOMAINS:
        return CHIP_DOMAINS[chip]
    if chip == "amd_energy":  # Esocket0, Ecore000
        return "package" if label.startswith("Esocket") else "core"
    if label.upper().startswith("VIN_SYS"):  # one rail of several that a Jetson AGX is fed through, not their sum
        return "other"
    if label.upper() == "SYS":  # of Snapdragon laptops; a part of another name it is not the whole
        return "board"
    words = re.split(r"[^a-z]+", label.lower())
    if any(word in ("usb", "usbc", "psu") for word in words):  # into the battery as well while it charges
        return "other"
    named = {LABEL_DOMAINS[w] for w in words if w in LABEL_DOMAINS}
    return named.pop() if len(named) == 1 else "other"


def _is_power_supply(chip: Path) -> bool:
    """A battery or charger shown a second time; the battery sensor knows which way the current flows."""
    return (chip / "device/type").exists()


def _unique(channel: Channel) -> str:
    return f"{channel.name} ({Path(channel.path).parent.name})"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
