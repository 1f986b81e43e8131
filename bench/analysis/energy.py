"""What one inference took: medians over repeats, and the best tier that was measured."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.contracts import Channel, channel_key
from bench.record.energy import ChannelReading, EnergySummary, RepeatEnergy
from bench.record.record import Repeat
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.analysis.run_processes import Processes

LEAST_ABOVE_IDLE = 0.01
"""Of the whole: an idle of two seconds is not known better, and what is less above it is noise."""


METER = "meter"
"""The domain of an external meter's channel."""
TIER_DOMAINS = (METER, "board", "package", "battery")
"""What may stand for an inference's energy, best first. They hold one another, so they are never added."""
WHOLE = (METER, "board", "battery")
"""Those of the whole device: a package is a part of it."""
NO_SENSOR = sentence("energy.no_sensor")


class Sensed(Struct, frozen=True):
    """``joules``: above idle an inference, of each process; ``None`` where ``channel`` was not read in it, or its idle
    is unknown. ``channel``: what they are of, ``None`` where nothing was measured. ``notes``: why a better one is
    missing. ``totals``, ``watts``: with idle inside, by ``total_channel``, which is ``channel`` where there is one.
    ``metered``: by an external meter; ``whole``: of the whole device, not of a part such as the package."""

    joules: tuple[float | None, ...]
    channel: str | None
    notes: tuple[Sentence, ...]
    totals: tuple[float | None, ...]
    watts: tuple[float | None, ...]
    total_channel: str | None = None
    metered: bool = False
    whole: bool = False


def energy_summary(
    energies: Sequence[RepeatEnergy], macs: int | None, bytes_moved: int | None, channels: Sequence[Channel]
) -> EnergySummary:
    """Medians over repeats of what one inference took, and the best tier that was measured. ``joules_per_inference``
    and ``cpu_seconds_per_inference`` are metrics, and left out.

    ``energies`` may mix counters and sampled power.
    """
    timed = _timed(energies)
    found = sensed([[energy] for energy in timed], channels)
    cpu = [(e.cpu_seconds, e) for e in timed if e.cpu_seconds is not None]
    npu_seconds = _median(b / e.queries for e in timed if (b := _npu_busy(e)) is not None)
    modelled = macs is not None or bytes_moved is not None
    active = bool(cpu) or npu_seconds is not None
    tiers = {"meter": found.metered, "sensor": found.channel is not None, "activity": active}
    tier = next((t for t, measured in {**tiers, "model": modelled}.items() if measured), None)
    notes = found.notes if tier in tiers else (*found.notes, sentence("energy.no_activity"))
    return EnergySummary(
        tier=tier,
        sensor_channel=found.channel,
        cores_busy=_median(s / (e.duration_ns / 1e9) for s, e in cpu),
        npu_busy_seconds_per_inference=npu_seconds,
        macs=macs,
        bytes_moved=bytes_moved,
        reason=sentence("text.sentences", parts=notes) if len(notes) > 1 else notes[0] if notes else "",
        total_sensor_channel=found.total_channel,
        watts=_median(watts for watts in found.watts if watts is not None),
    )


def sensed_of(run: "Processes") -> Sensed:
    """``sensed``, of the processes of a run; computed once by ``run.once(sensed_of)``."""
    return sensed(energies_of(run.repeats))


def energies_of(repeats: Iterable[Repeat]) -> list[list[RepeatEnergy]]:
    """The windows of each process in which energy was read: the timed loop, and the pass that samples power."""
    return [[e for e in (repeat.energy, repeat.power_pass) if e is not None] for repeat in repeats]


def cpu_seconds(energies: Sequence[RepeatEnergy]) -> float | None:
    """CPU time an inference, of one process."""
    return _median(e.cpu_seconds / e.queries for e in _timed(energies) if e.cpu_seconds is not None)


def sensed(energies: Sequence[Sequence[RepeatEnergy]], channels: Sequence[Channel] = ()) -> Sensed:
    """Energy above idle by the best sensor, of each process by its windows.

    It needs a board, package or battery channel with a known idle, in that order of preference. Sockets and batteries
    are added; of several board rails the largest is taken, since it feeds the others; a board that reads less than its
    package is not believed. ``channels``: those that were looked for, to name what is missing.
    """
    timed = [_timed(windows) for windows in energies]
    totals = _domain_totals(timed)
    package_watts = max((median(t.watts for t in v) for (d, _), v in totals.items() if d == "package"), default=0.0)
    notes: list[Sentence] = []
    believed: list[tuple[str, str, list[_Total]]] = []
    for (domain, name), windows in sorted(totals.items(), key=lambda i: (TIER_DOMAINS.index(i[0][0]), -len(i[1]))):
        watts = median(t.watts for t in windows)
        joules = _median(t.joules_per_inference for t in windows if t.joules_per_inference is not None)
        if domain == "board" and watts < package_watts:
            notes.append(sentence("energy.below_package", channel=name, watts=watts, package_watts=package_watts))
            continue
        believed.append((domain, name, windows))
        if joules is None:
            notes.append(sentence("energy.idle_unknown", channel=name))
        elif joules <= LEAST_ABOVE_IDLE * median(t.total_joules_per_inference for t in windows):
            notes.append(sentence("energy.as_at_idle", channel=name))
        else:
            return _sensed((domain, name, windows), len(timed), tuple(notes), above_idle=True)
    flat = [window for windows in timed for window in windows]
    left = (*notes, *_unread(flat, channels))
    if believed:
        return _sensed(believed[0], len(timed), left, above_idle=False)
    nothing = (None,) * len(timed)
    return Sensed(nothing, None, left, nothing, nothing)


def _sensed(
    of: "tuple[str, str, Sequence[_Total]]", processes: int, notes: tuple[Sentence, ...], *, above_idle: bool
) -> Sensed:
    domain, name, windows = of
    return Sensed(
        joules=_of_each(windows, processes, lambda t: t.joules_per_inference) if above_idle else (None,) * processes,
        channel=name if above_idle else None,
        notes=notes,
        totals=_of_each(windows, processes, lambda t: t.total_joules_per_inference),
        watts=_of_each(windows, processes, lambda t: t.watts),
        total_channel=name,
        metered=domain == METER,
        whole=domain in WHOLE,
    )


def _of_each(
    windows: Sequence["_Total"], processes: int, of: "Callable[[_Total], float | None]"
) -> tuple[float | None, ...]:
    own = [[of(t) for t in windows if t.process == process] for process in range(processes)]
    return tuple(_median(value for value in found if value is not None) for found in own)


def _timed(energies: Sequence[RepeatEnergy]) -> list[RepeatEnergy]:
    return [e for e in energies if e.queries > 0 and e.duration_ns > 0]


class _Total(Struct, frozen=True):
    """Energy of one domain in one window of a process: of the whole window, and above idle an inference."""

    process: int
    watts: float
    total_joules_per_inference: float
    joules_per_inference: float | None


def _domain_totals(energies: Sequence[Sequence[RepeatEnergy]]) -> dict[tuple[str, str], list[_Total]]:
    """(domain, channel names) -> one total a window in which all of the domain's channels were read."""
    totals: dict[tuple[str, str], list[_Total]] = {}
    for process, energy in ((process, energy) for process, windows in enumerate(energies) for energy in windows):
        for domain, sensor in {(r.domain, r.sensor): None for r in energy.channels if r.domain in TIER_DOMAINS}:
            readings = [r for r in energy.channels if (r.domain, r.sensor) == (domain, sensor)]
            if any(r.joules_total is None for r in readings):
                continue
            if domain == "board":
                readings = [max(readings, key=lambda r: r.joules_total or 0.0)]
            elif sensor == "hwmon":
                readings = _one_driver(readings)
            names = " + ".join(f"{r.sensor}/{r.name}" for r in readings)
            above = [r.joules for r in readings if r.joules is not None]
            each = sum(above) / energy.queries if len(above) == len(readings) else None
            total = sum(r.joules_total or 0.0 for r in readings)
            summed = _Total(process, total / (energy.duration_ns / 1e9), total / energy.queries, each)
            totals.setdefault((domain, names), []).append(summed)
    return totals


def _one_driver(readings: Sequence[ChannelReading]) -> list[ChannelReading]:
    """The channels of the hwmon driver that reads most: two drivers may both watch one socket, and adding them would
    count it twice. Names begin with the driver's."""
    by_driver: dict[str, list[ChannelReading]] = {}
    for reading in readings:
        by_driver.setdefault(reading.name.partition(" ")[0], []).append(reading)
    return max(by_driver.values(), key=lambda of_driver: sum(r.joules_total or 0.0 for r in of_driver))


def _unread(energies: Sequence[RepeatEnergy], channels: Sequence[Channel]) -> list[Sentence]:
    """Why no channel gave a sensor tier; one sentence a cause."""
    notes = [] if any(c.domain in TIER_DOMAINS for c in channels) else [NO_SENSOR]
    said: dict[tuple[str, Sentence | str], Sentence] = {}
    for channel in channels:
        if not channel.usable:
            code = "energy.unusable" if channel.remedy else "energy.unusable.no_remedy"
            told = sentence(code, channel=channel_key(channel), why=channel.reason, remedy=channel.remedy)
            said.setdefault((channel.sensor, channel.reason), told)
    lost = sorted({f"{r.sensor}/{r.name}" for e in energies for r in e.channels if r.lost and r.domain in TIER_DOMAINS})
    return [
        *notes,
        *said.values(),
        *(sentence("energy.lost", channel=channel) for channel in lost),
    ]


def _npu_busy(energy: RepeatEnergy) -> float | None:
    busy = [r.busy_seconds for r in energy.channels if r.domain == "npu" and not r.lost]
    known = [b for b in busy if b is not None]
    return sum(known) if known else None


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None
