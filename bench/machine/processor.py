"""What Linux tells of the processor and of the chip that it is part of."""

import re
from collections import Counter
from pathlib import Path

from bench.machine.files import text_of

ARM, QUALCOMM = 0x41, 0x51
CORES = {
    (ARM, 0xD03): "Cortex-A53",
    (ARM, 0xD04): "Cortex-A35",
    (ARM, 0xD05): "Cortex-A55",
    (ARM, 0xD07): "Cortex-A57",
    (ARM, 0xD08): "Cortex-A72",
    (ARM, 0xD09): "Cortex-A73",
    (ARM, 0xD0A): "Cortex-A75",
    (ARM, 0xD0B): "Cortex-A76",
    (ARM, 0xD0C): "Neoverse-N1",
    (ARM, 0xD0D): "Cortex-A77",
    (ARM, 0xD0E): "Cortex-A76AE",
    (ARM, 0xD40): "Neoverse-V1",
    (ARM, 0xD41): "Cortex-A78",
    (ARM, 0xD42): "Cortex-A78AE",
    (ARM, 0xD44): "Cortex-X1",
    (ARM, 0xD46): "Cortex-A510",
    (ARM, 0xD47): "Cortex-A710",
    (ARM, 0xD48): "Cortex-X2",
    (ARM, 0xD49): "Neoverse-N2",
    (ARM, 0xD4B): "Cortex-A78C",
    (ARM, 0xD4C): "Cortex-X1C",
    (ARM, 0xD4D): "Cortex-A715",
    (ARM, 0xD4E): "Cortex-X3",
    (ARM, 0xD4F): "Neoverse-V2",
    (ARM, 0xD80): "Cortex-A520",
    (ARM, 0xD81): "Cortex-A720",
    (ARM, 0xD82): "Cortex-X4",
    (QUALCOMM, 0x001): "Oryon",
    (QUALCOMM, 0x800): "Falkor-V1/Kryo",
    (QUALCOMM, 0x801): "Kryo-V2",
    (QUALCOMM, 0x802): "Kryo-3XX-Gold",
    (QUALCOMM, 0x803): "Kryo-3XX-Silver",
    (QUALCOMM, 0x804): "Kryo-4XX-Gold",
    (QUALCOMM, 0x805): "Kryo-4XX-Silver",
}
"""Implementer and part of Arm's MIDR register, and the core's name (util-linux, sys-utils/lscpu-arm.c)."""


def cpu_name(root: Path) -> str | None:
    """The processor's own name; on Arm, where it has none, its cores: ``4 × Cortex-A55 + 4 × Cortex-A78``."""
    text = text_of(root / "proc/cpuinfo") or ""
    named = re.search(r"^model name[ \t]*:[ \t]*(\S.*)$", text, re.MULTILINE)
    return named[1].strip() if named else _cores(text)


def soc_name(root: Path) -> str | None:
    """The chip as the kernel's driver for it names it, such as ``Snapdragon QCS6490``; ``None`` without one."""
    folder = root / "sys/devices/soc0"
    family, machine = text_of(folder / "family"), text_of(folder / "machine")
    return " ".join(dict.fromkeys(part for part in (family, machine) if part)) or None


def board_name(root: Path) -> str | None:
    """The product, e.g. a laptop's name; on Arm boards the model of the device tree, or what it is compatible with."""
    dmi, tree = root / "sys/class/dmi/id", root / "proc/device-tree"
    named = " ".join(t for t in (text_of(dmi / "sys_vendor"), text_of(dmi / "product_name")) if t)
    return named or _first(tree / "model") or _first(tree / "compatible") or None


def _first(path: Path) -> str:
    """The first of the strings in a property of a device tree, which end with a zero byte."""
    return (text_of(path) or "").split("\0", 1)[0].strip()


def _cores(cpuinfo: str) -> str | None:
    found: Counter[str] = Counter()
    for block in cpuinfo.split("\n\n"):
        facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        if "CPU implementer" in facts and "CPU part" in facts:
            found[_core(facts["CPU implementer"], facts["CPU part"])] += 1
    return " + ".join(f"{count} × {name}" for name, count in found.items()) or None


def _core(implementer: str, part: str) -> str:
    try:
        known = CORES.get((int(implementer, 0), int(part, 0)))
    except ValueError:
        known = None
    return known or f"core {part} of {implementer}"
