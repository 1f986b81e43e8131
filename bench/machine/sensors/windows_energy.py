r"""Energy by Windows' energy meters: the processor's package on Windows 11, and what rails a board's maker shows.

Neither a driver of its own nor an administrator is needed. Where a meter may not be opened, the performance counter
``\Energy Meter(*)\Energy`` shows the same counters. Every channel is listed, and only those of a whole are energy per
inference: a meter for each core lies beside the package's, and added they are too much (265 W for 154 W,
mlco2/codecarbon#1263).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from bench.contracts import Channel
from bench.machine.mirrored import mirrored
from bench.machine.windows import emi
from bench.machine.windows.calls import Calls, is_this_machine, windows_calls
from bench.machine.windows.pdh import raw_values
from bench.words import sentence

Domain = Literal["package", "core", "dram", "gpu", "npu", "board", "other"]

COUNTER = r"\Energy Meter(*)\Energy"
"""Picowatt-hours so far. ``\\Power`` beside it is in milliwatts, over the time since the last reading by anyone."""

TOTAL = "_total"
"""An instance that reads 0 on many machines, and would count rails again on others."""

WORDS: Mapping[str, Domain] = {
    **dict.fromkeys(("pkg", "package", "socket"), "package"),
    **dict.fromkeys(("core", "cores", "pp0", "cpu", "cluster", "vdd"), "core"),
    **dict.fromkeys(("dram", "memory", "ddr"), "dram"),
    **dict.fromkeys(("gpu", "pp1", "gfx"), "gpu"),
    **dict.fromkeys(("npu", "nsp", "vpu"), "npu"),
    "psys": "board",
}
"""Whole words of a channel's name: ``RAPL_Package0_PKG``, ``Current Socket Power``, ``CPU_CLUSTER_0``. The last one
that is known decides, since names go from the whole to the part (``RAPL_Package0_Core3_CORE``)."""

WHOLES = ("sys", "system")
"""Names of the rail that feeds all others, as Snapdragon laptops have one."""

PARTS_OF_BOARD = ("usb", "usbc", "psu", "charger")
"""Words of rails into the device: while it charges they carry more than it draws."""

APU = "apu"
"""AMD's name for the processor with its GPU; a package only where no channel is named as one."""


class Reading(Struct, frozen=True):
    """A channel as it was found. ``path``: how it is read again."""

    name: str
    path: str
    joules: float | None


class WindowsEnergy:
    """Joules of each channel since the machine started, by the names that Windows shows. ``calls``: Windows, unless it
    is stood in for."""

    summary = sentence("machine.summary.windows_energy")

    def __init__(self, calls: Calls | None = None) -> None:
        self._calls = windows_calls() if calls is None else calls

    def channels(self, root: Path) -> Sequence[Channel]:
        if self._calls is None or not is_this_machine(root):
            return ()
        found, refused = _of_meters(self._calls)
        found = found or _of_counter(self._calls)
        if not found:
            return (_nothing(refused),)
        packages = _packages(found)
        repeats = mirrored((r.path, r.joules) for r in found if r.path in packages)
        names = {reading.path: reading.name for reading in found}
        return tuple(
            _channel(r, "package" if r.path in packages else _domain(r.name), names.get(repeats.get(r.path, ""), ""))
            for r in found
        )

    def read(self, root: Path, channel: Channel) -> float:
        if self._calls is None:
            raise OSError(sentence("machine.windows_alone"))
        device, _, place = channel.path.rpartition("|")
        if not device:
            value = raw_values(self._calls.raw_counters(COUNTER)).get(place)
            if value is None:
                raise OSError(sentence("machine.counter_gone", channel=channel.name))
            return value.first * emi.JOULES
        index, _, count = place.partition("/")
        return emi.joules(self._calls, device, int(count))[int(index)]


def _of_meters(calls: Calls) -> tuple[list[Reading], OSError | ValueError | None]:
    """The channels of all meters that may be opened; what the last of the others said."""
    found: list[Reading] = []
    refused: OSError | ValueError | None = None
    try:
        devices = calls.energy_meters()
    except OSError as error:
        return [], error
    for device in devices:
        try:
            meter = emi.describe(calls, device)
            joules = emi.joules(calls, device, len(meter.channels))
        except (OSError, ValueError) as error:
            refused = error
            continue
        for index, name in enumerate(meter.channels):
            path = f"{device}|{index}/{len(meter.channels)}"
            found.append(Reading(name or meter.model or f"channel {index}", path, joules[index]))
    return _named_apart(found), refused


def _of_counter(calls: Calls) -> list[Reading]:
    try:
        values = raw_values(calls.raw_counters(COUNTER))
    except OSError:
        return []
    return [Reading(n, n, v.first * emi.JOULES) for n, v in sorted(values.items()) if n.lower() != TOTAL]


def _named_apart(found: Sequence[Reading]) -> list[Reading]:
    """Meters of several dies name their channels alike."""
    seen: Counter[str] = Counter()
    apart = []
    for reading in found:
        seen[reading.name] += 1
        nth = seen[reading.name]
        apart.append(reading if nth == 1 else structs.replace(reading, name=f"{reading.name} ({nth})"))
    return apart


def _packages(found: Sequence[Reading]) -> set[str]:
    packages = {r.path for r in found if _domain(r.name) == "package"}
    return packages or {r.path for r in found if APU in _words(r.name)}


def _domain(name: str) -> Domain:
    words = _words(name)
    if name.lower() in WHOLES:
        return "board"
    if any(word in PARTS_OF_BOARD for word in words):
        return "other"
    return next((WORDS[word] for word in reversed(words) if word in WORDS), "other")


def _words(name: str) -> list[str]:
    """``RAPL_Package0_PP0`` -> rapl, package, pp0."""
    return re.findall(r"pp\d|[a-z]+", name.lower())


def _channel(reading: Reading, domain: Domain, repeated: str) -> Channel:
    channel = Channel("windows_energy", reading.name, "energy", domain, reading.path)
    if repeated:
        reason = sentence("machine.counter_repeated", channel=repeated)
    elif not reading.joules:
        reason = sentence("machine.counter_at_zero")
    else:
        return channel
    return structs.replace(channel, usable=False, reason=reason)


def _nothing(refused: OSError | ValueError | None) -> Channel:
    if isinstance(refused, PermissionError):
        reason, remedy = sentence("machine.meter_not_opened"), sentence("machine.meter_not_opened.remedy")
    elif refused is not None:
        reason = sentence("machine.meter_not_answering", why=str(refused))
        remedy = sentence("machine.no_energy_meter.remedy")
    else:
        reason, remedy = sentence("machine.no_energy_meter"), sentence("machine.no_energy_meter.remedy")
    return Channel("windows_energy", "package", "energy", "package", "", False, reason, remedy)
