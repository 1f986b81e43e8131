"""Power proxies of one repeat: energy and busy counters around the timed loop, power sampled in a pass of its own.

Energy above idle is total joules − idle watts × seconds; without a measured idle it stays null. A reading that
vanished, restarted or could have wrapped more than once is ``lost`` and null: never guessed, never an exception.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

from msgspec import Struct, structs

from bench.contracts import Channel, Sensor
from bench.energy_record import ChannelReading, EnergySummary, RepeatEnergy

MAX_PLAUSIBLE_WATTS = 1000.0
"""No channel of a machine this tool is for draws more. It decides when a counter's wrap is ambiguous."""

SAMPLE_SECONDS = 0.1
"""Between two power samples: 10 Hz."""

LEAST_ABOVE_IDLE = 0.01
"""Of the whole: an idle of two seconds is not known better, and what is less above it is noise."""

TIER_DOMAINS = ("board", "package", "battery")
"""What may stand for an inference's energy, best first. They hold one another, so they are never added."""

NO_SENSOR = "No sensor of package, board or battery was found; virtual machines and most of Windows show none."

POWER_SECONDS, BATTERY_SECONDS = 2.0, 30.0
"""How long power is sampled, at work and idle. Batteries' gauges are refreshed only every second to half a minute."""

Seconds = Callable[[], float]


def channel_key(channel: Channel) -> str:
    """The name of a channel across sensors, e.g. ``rapl/package-0``."""
    return f"{channel.sensor}/{channel.name}"


def power_seconds(channels: Sequence[Channel]) -> float:
    """How long to sample for these channels to say anything."""
    slow = any(c.usable and c.kind == "power" and c.domain == "battery" for c in channels)
    return BATTERY_SECONDS if slow else POWER_SECONDS


def discover(sensors: Mapping[str, Sensor], root: Path) -> tuple[Channel, ...]:
    """Every channel of every sensor, each usable one read once to prove it."""
    found: list[Channel] = []
    for name, sensor in sensors.items():
        try:
            channels = sensor.channels(root)
        except Exception as error:  # a plugin of anybody's: it costs its own channels and no more
            found.append(Channel(name, "all", "energy", "other", "", usable=False, reason=_why(error)))
            continue
        found += [_proven(sensor, root, channel) for channel in channels]
    return tuple(found)


def idle_baseline(
    sensors: Mapping[str, Sensor],
    channels: Sequence[Channel],
    root: Path,
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Seconds = time.monotonic,
) -> dict[str, float]:
    """Watts of each energy and power channel while this process only waits, by ``channel_key``.

    Counters by difference over ``seconds``, power by the mean of samples at 10 Hz. A channel that could not be read
    throughout is absent.
    """
    counters = [c for c in channels if c.usable and c.kind == "energy"]
    powers = [c for c in channels if c.usable and c.kind == "power"]
    if not counters and not powers:
        return {}
    begin, before = clock(), [_read(sensors, root, c) for c in counters]
    samples: list[list[float | None]] = []
    while (left := begin + seconds - clock()) > 0:
        samples.append([_read(sensors, root, c) for c in powers])
        sleep(min(left, SAMPLE_SECONDS) if powers else left)
    elapsed, after = clock() - begin, [_read(sensors, root, c) for c in counters]
    watts: dict[str, float] = {}
    for channel, first, last in zip(counters, before, after, strict=True):
        joules = counted(first, last, elapsed, channel.wraps_at)
        if joules is not None and elapsed > 0:
            watts[channel_key(channel)] = joules / elapsed
    for channel, column in zip(powers, zip(*samples, strict=True), strict=False):
        known = [w for w in column if w is not None]
        if len(known) == len(column):
            watts[channel_key(channel)] = fmean(known)
    return watts


class EnergyMeter:
    """Counters of energy and busy time around one timed loop; nothing runs in between.

    ``start()``, the loop, ``stop(queries)``; as often as wanted. ``channels`` come from ``discover``; those that read
    power are left to ``sample_power``. Busy time is the device's, whoever gave it work.
    """

    def __init__(
        self,
        sensors: Mapping[str, Sensor],
        channels: Sequence[Channel],
        root: Path,
        idle_watts: Mapping[str, float],
        *,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
        cpu_clock: Seconds = time.process_time,
    ) -> None:
        self._sensors, self._root, self._idle_watts = sensors, root, idle_watts
        self._channels = tuple(c for c in channels if c.usable and c.kind != "power")
        self._clock_ns, self._cpu_clock = clock_ns, cpu_clock
        self._before: tuple[list[float | None], float, int] | None = None

    def start(self) -> None:
        """Read every counter; the clocks last."""
        counters = [_read(self._sensors, self._root, c) for c in self._channels]
        self._before = counters, self._cpu_clock(), self._clock_ns()

    def stop(self, queries: int) -> RepeatEnergy:
        """Read the clocks, then every counter; what the ``queries`` since ``start`` took."""
        end_ns, end_cpu = self._clock_ns(), self._cpu_clock()
        if self._before is None:
            raise RuntimeError("EnergyMeter.stop without start")
        after = [_read(self._sensors, self._root, c) for c in self._channels]
        before, begin_cpu, begin_ns = self._before
        self._before = None
        seconds = (end_ns - begin_ns) / 1e9
        readings = [self._reading(*item, seconds) for item in zip(self._channels, before, after, strict=True)]
        return RepeatEnergy(queries, end_ns - begin_ns, end_cpu - begin_cpu, tuple(readings))

    def _reading(self, channel: Channel, first: float | None, last: float | None, seconds: float) -> ChannelReading:
        if channel.kind == "energy":
            return _energy_reading(channel, counted(first, last, seconds, channel.wraps_at), seconds, self._idle_watts)
        busy = None if first is None or last is None or last < first else last - first
        return ChannelReading(channel.sensor, channel.name, channel.domain, busy_seconds=busy, lost=busy is None)


def sample_power(
    call: Callable[[], None],
    sensors: Mapping[str, Sensor],
    channels: Sequence[Channel],
    root: Path,
    seconds: float,
    idle_watts: Mapping[str, float],
    clock: Seconds = time.monotonic,
) -> RepeatEnergy | None:
    """Run ``call`` for ``seconds`` while a thread samples the power channels at 10 Hz; joules by the trapezoid rule.

    A pass of its own: sampling perturbs timing. ``cpu_seconds`` is null, for it would hold the sampling's own work.
    ``None`` when no channel reads power. What ``call`` raises is raised, after the thread has ended.
    """
    powers = [c for c in channels if c.usable and c.kind == "power"]
    if not powers:
        return None
    rows: list[list[tuple[float, float | None]]] = []

    def sample() -> None:
        rows.append([(clock(), _read(sensors, root, c)) for c in powers])

    def sample_until_done() -> None:
        while not done.wait(SAMPLE_SECONDS):
            sample()

    done = threading.Event()
    thread = threading.Thread(target=sample_until_done, name="power-samples", daemon=True)
    queries = 0
    sample()
    begin = clock()
    thread.start()
    try:
        while clock() - begin < seconds:
            call()
            queries += 1
    finally:
        done.set()
        thread.join()
    sample()
    duration = clock() - begin
    readings = [
        _energy_reading(channel, trapezoid(column), column[-1][0] - column[0][0], idle_watts)
        for channel, column in zip(powers, zip(*rows, strict=True), strict=True)
    ]
    return RepeatEnergy(queries, round(duration * 1e9), None, tuple(readings))


def counted(first: float | None, last: float | None, seconds: float, wraps_at: float | None) -> float | None:
    """Joules between two readings of a counter, corrected for one wrap at ``wraps_at`` joules.

    ``None`` when a reading is missing, when the counter went back and has no known range, when the difference needs
    more than ``MAX_PLAUSIBLE_WATTS``, or when that power would have allowed another wrap, so that the true figure is
    one of several.
    """
    if first is None or last is None:
        return None
    joules = last - first
    most = MAX_PLAUSIBLE_WATTS * seconds
    if joules < 0:
        if wraps_at is None:
            return None
        joules += wraps_at
    ambiguous = wraps_at is not None and joules + wraps_at <= most
    return joules if 0 <= joules <= most and not ambiguous else None


def trapezoid(samples: Sequence[tuple[float, float | None]]) -> float | None:
    """Joules under (seconds, watts) samples in order; ``None`` when one is missing or there are fewer than two."""
    points = [(t, w) for t, w in samples if w is not None]
    if len(points) < len(samples) or len(points) < 2:
        return None
    return sum((t1 - t0) * (w0 + w1) / 2 for (t0, w0), (t1, w1) in pairwise(points))


def energy_summary(
    energies: Sequence[RepeatEnergy], macs: int | None, bytes_moved: int | None, channels: Sequence[Channel]
) -> EnergySummary:
    """Medians over repeats of what one inference took, and the best tier that was measured.

    ``sensor`` needs a board, package or battery channel with a known idle, in that order of preference. Sockets and
    batteries are added; of several board rails the largest is taken, since it feeds the others; a board that reads
    less than its package is not believed. ``energies`` may mix counters and sampled power.
    """
    timed = [e for e in energies if e.queries > 0 and e.duration_ns > 0]
    joules, name, notes = _sensor_tier(timed, channels)
    cpu = [(e.cpu_seconds, e) for e in timed if e.cpu_seconds is not None]
    cpu_seconds = _median(s / e.queries for s, e in cpu)
    npu_seconds = _median(b / e.queries for e in timed if (b := _npu_busy(e)) is not None)
    modelled = macs is not None or bytes_moved is not None
    tiers = {"sensor": joules is not None, "activity": cpu_seconds is not None or npu_seconds is not None}
    tier = next((t for t, measured in {**tiers, "model": modelled}.items() if measured), None)
    if tier not in tiers:
        notes.append("No repeat measured CPU or accelerator time.")
    return EnergySummary(
        tier=tier,
        joules_per_inference=joules,
        sensor_channel=name,
        cpu_seconds_per_inference=cpu_seconds,
        cores_busy=_median(s / (e.duration_ns / 1e9) for s, e in cpu),
        npu_busy_seconds_per_inference=npu_seconds,
        macs=macs,
        bytes_moved=bytes_moved,
        reason=" ".join(notes),
    )


class _Total(Struct, frozen=True):
    """One repeat's energy of one domain: of the whole window, and above idle an inference."""

    watts: float
    total_joules_per_inference: float
    joules_per_inference: float | None


def _sensor_tier(
    energies: Sequence[RepeatEnergy], channels: Sequence[Channel]
) -> tuple[float | None, str | None, list[str]]:
    totals = _domain_totals(energies)
    package_watts = max((median(t.watts for t in v) for (d, _), v in totals.items() if d == "package"), default=0.0)
    notes: list[str] = []
    for (domain, name), repeats in sorted(totals.items(), key=lambda i: (TIER_DOMAINS.index(i[0][0]), -len(i[1]))):
        watts = median(t.watts for t in repeats)
        joules = _median(t.joules_per_inference for t in repeats if t.joules_per_inference is not None)
        if domain == "board" and watts < package_watts:
            notes.append(f"{name} reads {watts:.3g} W, less than the package's {package_watts:.3g} W: not believed.")
        elif joules is None:
            notes.append(
                f"{name} was read, but not its idle power, so energy above idle is unknown; measure idle first."
            )
        elif joules <= LEAST_ABOVE_IDLE * median(t.total_joules_per_inference for t in repeats):
            notes.append(f"{name} read no more than at idle; close other programs and measure longer.")
        else:
            return joules, name, notes
    return None, None, notes + _unread(energies, channels)


def _domain_totals(energies: Sequence[RepeatEnergy]) -> dict[tuple[str, str], list[_Total]]:
    """(domain, channel names) -> one total a repeat in which all of the domain's channels were read."""
    totals: dict[tuple[str, str], list[_Total]] = {}
    for energy in energies:
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
            summed = _Total(total / (energy.duration_ns / 1e9), total / energy.queries, each)
            totals.setdefault((domain, names), []).append(summed)
    return totals


def _one_driver(readings: Sequence[ChannelReading]) -> list[ChannelReading]:
    """The channels of the hwmon driver that reads most: two drivers may both watch one socket, and adding them would
    count it twice. Names begin with the driver's."""
    by_driver: dict[str, list[ChannelReading]] = {}
    for reading in readings:
        by_driver.setdefault(reading.name.partition(" ")[0], []).append(reading)
    return max(by_driver.values(), key=lambda of_driver: sum(r.joules_total or 0.0 for r in of_driver))


def _unread(energies: Sequence[RepeatEnergy], channels: Sequence[Channel]) -> list[str]:
    """Why no channel gave a sensor tier; one sentence a cause."""
    notes = [] if any(c.domain in TIER_DOMAINS for c in channels) else [NO_SENSOR]
    said: dict[tuple[str, str], str] = {}
    for channel in channels:
        if not channel.usable:
            sentence = f"{channel_key(channel)}: {channel.reason}. {channel.remedy}"
            said.setdefault((channel.sensor, channel.reason), sentence.strip())
    lost = sorted({f"{r.sensor}/{r.name}" for e in energies for r in e.channels if r.lost and r.domain in TIER_DOMAINS})
    return [
        *notes,
        *said.values(),
        *(f"{n} lost its reading: it vanished, restarted or may have wrapped." for n in lost),
    ]


def _npu_busy(energy: RepeatEnergy) -> float | None:
    busy = [r.busy_seconds for r in energy.channels if r.domain == "npu" and not r.lost]
    known = [b for b in busy if b is not None]
    return sum(known) if known else None


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None


def _why(error: Exception) -> str:
    if isinstance(error, ValueError):
        return "the file holds no number"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _proven(sensor: Sensor, root: Path, channel: Channel) -> Channel:
    if not channel.usable:
        return channel
    try:
        sensor.read(root, channel)
    except Exception as error:  # as above
        return structs.replace(channel, usable=False, reason=f"it cannot be read: {_why(error)}")
    return channel


def _read(sensors: Mapping[str, Sensor], root: Path, channel: Channel) -> float | None:
    try:
        return sensors[channel.sensor].read(root, channel)
    except Exception:  # a reading lost, which the record says
        return None


def _energy_reading(
    channel: Channel, total: float | None, seconds: float, idle_watts: Mapping[str, float]
) -> ChannelReading:
    idle = idle_watts.get(channel_key(channel))
    above = None if total is None or idle is None else total - idle * seconds
    return ChannelReading(channel.sensor, channel.name, channel.domain, total, idle, above, lost=total is None)
