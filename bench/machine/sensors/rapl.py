"""RAPL: the energy counters of Intel and AMD processors, from Linux' powercap tree.

Both vendors' drivers use the control type ``intel-rapl``. The second tree on some Intel laptops, ``intel-rapl-mmio``,
counts the same package again and is used only for what the first lacks.
Kernel: Documentation/power/powercap/powercap.rst.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import structs

from bench.contracts import Channel
from bench.machine.files import number_of
from bench.machine.mirrored import mirrored
from bench.words import Sentence, sentence

Domain = Literal["package", "core", "gpu", "dram", "board", "other"]

REASON = sentence("machine.rapl_for_root_only")
REMEDY = sentence("machine.rapl_permission")


class Rapl:
    """Joules since boot of each package and its parts; a counter starts over at ``wraps_at``."""

    summary = sentence("machine.summary.rapl")

    def channels(self, root: Path) -> Sequence[Channel]:
        tree = root / "sys/class/powercap"
        # The kernel shows every zone both flat and inside its parent; a recorded tree may have only one of them.
        zones = {z.name: z for z in [*tree.glob("intel-rapl*:*/intel-rapl*:*:*"), *tree.glob("intel-rapl*:*")]}
        found: dict[str, Channel] = {}
        for zone in sorted(zones.values(), key=lambda z: (z.name.startswith("intel-rapl-mmio"), z.name)):
            if (zone / "energy_uj").exists():
                channel = _channel(root, zone, zones)
                found.setdefault(channel.name, channel)
        return _each_once(root, tuple(found.values()))

    def read(self, root: Path, channel: Channel) -> float:
        return float((root / channel.path).read_text()) * 1e-6


def _each_once(root: Path, channels: Sequence[Channel]) -> Sequence[Channel]:
    """Packages that repeat another, as some processors of several dies show them, are not used."""
    packages = [c for c in channels if c.domain == "package" and c.usable]
    repeats = mirrored((c.name, _joules(root / c.path)) for c in packages)
    return tuple(
        structs.replace(c, usable=False, reason=sentence("machine.counter_repeated", channel=repeats[c.name]))
        if c.name in repeats
        else c
        for c in channels
    )


def _joules(counter: Path) -> float | None:
    microjoules = number_of(counter)
    return None if microjoules is None else microjoules * 1e-6


def _channel(root: Path, zone: Path, zones: dict[str, Path]) -> Channel:
    own = _name(zone)
    parent = zones.get(zone.name.rpartition(":")[0])
    path = zone / "energy_uj"
    reason: Sentence | str = ""
    remedy: Sentence | str = ""
    try:
        path.read_bytes()
    except PermissionError:
        reason, remedy = REASON, REMEDY
    except OSError as error:
        reason = sentence("machine.counter_cannot_be_read", strerror=error.strerror)
    return Channel(
        sensor="rapl",
        name=f"{_name(parent)}/{own}" if parent else own,
        kind="energy",
        domain=_domain(own),
        path=path.relative_to(root).as_posix(),
        usable=not reason,
        reason=reason,
        remedy=remedy,
        wraps_at=_wraps_at(zone),
    )


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return zone.name


def _domain(name: str) -> Domain:
    if name.startswith("package"):
        return "package"
    known: dict[str, Domain] = {"core": "core", "uncore": "gpu", "dram": "dram", "psys": "board"}
    return known.get(name, "other")


def _wraps_at(zone: Path) -> float | None:
    try:
        return float((zone / "max_energy_range_uj").read_text()) * 1e-6
    except (OSError, ValueError):
        return None
