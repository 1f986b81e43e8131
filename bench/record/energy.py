"""The power proxies in a record. Part of ``bench.record.record``'s layout."""

from typing import Literal

from bench.record.part import Part
from bench.words import Sentence


class ChannelReading(Part, frozen=True):
    """One sensor channel over the steady state. ``joules`` is above idle when ``idle_watts`` is known.
    ``memory_bytes``: in use on an accelerator, the larger of before and after. ``doubt_joules``: of a joined meter's
    log, what ``joules_total`` may be wrong by, because of where the window lies between the readings."""

    sensor: str
    name: str
    domain: str
    joules_total: float | None = None
    idle_watts: float | None = None
    joules: float | None = None
    busy_seconds: float | None = None
    lost: bool = False
    memory_bytes: int | None = None
    doubt_joules: float | None = None


class RepeatEnergy(Part, frozen=True):
    """Power proxies of one repeat. ``duration_ns`` is the window that ``channels`` and ``cpu_seconds`` cover.
    ``queries``: those of that window; offline those at its two ends by the fraction of their time inside.
    ``began_unix_ns``: when it began, by the machine's clock; null in older records."""

    queries: int | float
    duration_ns: int
    cpu_seconds: float | None = None
    channels: tuple[ChannelReading, ...] = ()
    began_unix_ns: int | None = None


Quantity = Literal["celsius", "mhz", "watts", "busy"]


class Trace(Part, frozen=True):
    """Readings of one channel between the queries of a long run. ``name``: a thermal zone, ``cores`` for the clock of
    the fastest core, or a channel of a sensor. ``quantity``: also the unit; ``busy`` is the fraction of the time since
    the reading before, as ``watts`` are where the channel counts joules. ``at_ns``: since the first steady query.
    ``values``: null where nothing could be read."""

    name: str
    quantity: Quantity
    at_ns: tuple[int, ...]
    values: tuple[float | None, ...]


class MeterIdle(Part, frozen=True):
    """What the idle power of a joined meter rests on. ``source``: ``marker`` (its idle times) or ``given``.
    ``readings``: how many it is the median of; ``spread_watts``: the range of the medians of the marker's idle times.
    ``cooldown_s``: how long after the last pulse power was at idle again; that time is in no idle. Null: not reached
    while the log lasted, or not looked for."""

    source: str
    readings: int = 0
    spread_watts: float | None = None
    cooldown_s: float | None = None

    @property
    def shows_cooldown(self) -> bool:
        """Whether it was looked for how long the device cools down: after the pulses of a marker."""
        return self.source == "marker" or self.cooldown_s is not None


class Unmetered(Part, frozen=True):
    """A repeat without the meter's energy. ``repeat``: its number, from 1. ``code``: ``gap``, ``not_covered``,
    ``too_short`` or ``no_time``; ``reason``: the same in words."""

    repeat: int
    code: str
    reason: Sentence | str = ""


class JoinedMeter(Part, frozen=True):
    """The external meter whose log was joined to the run. ``log``: the file's name; ``sha256``: of its contents;
    ``format``: who wrote it; ``channel``: what was read; ``tier``: ``sensor`` for a chip's own estimate. ``device``:
    what the file or the user says of the meter: model, serial, date of calibration. ``aligned_by``: ``marker`` or
    ``clock``; the log's clock plus ``offset_s`` is the machine's, known to ``doubt_s``; empty and null where no place
    was found. ``idle_watts``: what was subtracted, null where nothing was; ``volts``: given by the user.
    ``joined_from``: the id of the record without the meter; its own where the log was joined by ``odb run``.
    ``stands_for``: what a reading is: power at a ``moment``, or the mean of the time ``before`` or ``after`` it.
    ``problem``: why no repeat has energy: ``not_aligned``, or ``unusable`` by the log's doubts; ``reason``: in words.
    ``stated_uncertainty``: of the meter's energy, a fraction, as the user stated it; null where nobody did."""

    log: str
    sha256: str
    format: str
    channel: str
    tier: str
    aligned_by: str
    offset_s: float | None
    doubt_s: float | None
    joined_from: str
    idle_watts: float | None = None
    volts: float | None = None
    device: dict[str, str] = {}
    doubts: tuple[str, ...] = ()
    stands_for: str = "moment"
    problem: str = ""
    reason: Sentence | str = ""
    stated_uncertainty: float | None = None
    idle: MeterIdle | None = None
    left_out: tuple[Unmetered, ...] = ()


class EnergySummary(Part, frozen=True):
    """``tier``: the best that was measured here (``meter``, ``sensor``, ``activity``, ``model``); fields of other
    tiers stay apart. ``reason`` says why a better tier is missing. ``joules_per_inference`` is above idle,
    ``total_joules_per_inference`` with idle inside, by ``total_sensor_channel``; ``…_ci95``: their 95 % intervals
    between processes, null below two. ``watts``: the mean power with idle inside, the median over repeats."""

    tier: str | None = None
    joules_per_inference: float | None = None
    sensor_channel: str | None = None
    cpu_seconds_per_inference: float | None = None
    cores_busy: float | None = None
    npu_busy_seconds_per_inference: float | None = None
    macs: int | None = None
    bytes_moved: int | None = None
    reason: Sentence | str = ""
    joules_per_inference_ci95: tuple[float, float] | None = None
    total_joules_per_inference: float | None = None
    total_joules_per_inference_ci95: tuple[float, float] | None = None
    total_sensor_channel: str | None = None
    watts: float | None = None
