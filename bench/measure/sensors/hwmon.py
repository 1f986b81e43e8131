"""Power and energy readings of Linux' hwmon class: INA and other supply monitors, GPUs, AMD's energy driver.

Which rail a monitor watches is known only by its label. A channel whose label does not say is of domain ``other``, and
never stands for the board. Kernel: Documentation/hwmon/sysfs-interface.rst.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import structs

from bench.contracts import Channel

Domain = Literal["package", "core", "dram", "gpu", "npu", "board", "other"]

CHIP_DOMAINS: dict[str, Domain] = {
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
    """Watts now (``power*``) or joules since start (``energy*``) of each chip's channels, named ``chip label``."""

    summary = "Supply monitors (INA), GPU and board power through hwmon (Linux)"

    def channels(self, root: Path) -> Sequence[Channel]:
        chips = sorted((root / "sys/class/hwmon").glob("hwmon*"))
        found = [c for chip in chips if not _is_power_supply(chip) for c in _of_chip(root, chip)]
        names = Counter(c.name for c in found)
        return tuple(c if names[c.name] == 1 else structs.replace(c, name=_unique(c)) for c in found)

    def read(self, root: Path, channel: Channel) -> float:
        return float((root / channel.path).read_text()) * 1e-6


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
    return found


def _domain(chip: str, label: str) -> Domain:
    if chip in CHIP_DOMAINS:
        return CHIP_DOMAINS[chip]
    if chip == "amd_energy":  # Esocket0, Ecore000
        return "package" if label.startswith("Esocket") else "core"
    named = {LABEL_DOMAINS[w] for w in re.split(r"[^a-z]+", label.lower()) if w in LABEL_DOMAINS}
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
