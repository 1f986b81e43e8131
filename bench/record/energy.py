"""The power proxies in a record. Part of ``bench.record.record``'s layout."""

from bench.record.part import Part
from bench.words import Sentence


class ChannelReading(Part, frozen=True):
    """One sensor channel over the steady state. ``joules`` is above idle when ``idle_watts`` is known.
    ``memory_bytes``: in use on an accelerator, the larger of before and after."""

    sensor: str
    name: str
    domain: str
    joules_total: float | None = None
    idle_watts: float | None = None
    joules: float | None = None
    busy_seconds: float | None = None
    lost: bool = False
    memory_bytes: int | None = None


class RepeatEnergy(Part, frozen=True):
    """Power proxies of one repeat. ``duration_ns`` is the window that ``channels`` and ``cpu_seconds`` cover.
    ``queries``: those of that window; offline those at its two ends by the fraction of their time inside.
    ``began_unix_ns``: when it began, by the machine's clock; null in older records."""

    queries: int | float
    duration_ns: int
    cpu_seconds: float | None = None
    channels: tuple[ChannelReading, ...] = ()
    began_unix_ns: int | None = None


class JoinedMeter(Part, frozen=True):
    """The external meter whose log was joined to the run. ``log``: the file's name; ``sha256``: of its contents;
    ``format``: who wrote it; ``channel``: what was read; ``tier``: ``sensor`` for a chip's own estimate. ``device``:
    what the file says of the meter. ``aligned_by``: ``marker`` or ``clock``; the log's clock plus ``offset_s`` is the
    machine's, known to ``doubt_s``. ``idle_watts``: what was subtracted, null where nothing was; ``volts``: given by
    the user. ``joined_from``: the id of the record without the meter."""

    log: str
    sha256: str
    format: str
    channel: str
    tier: str
    aligned_by: str
    offset_s: float
    doubt_s: float
    joined_from: str
    idle_watts: float | None = None
    volts: float | None = None
    device: dict[str, str] = {}
    doubts: tuple[str, ...] = ()


class EnergySummary(Part, frozen=True):
    """``tier``: the best that was measured here (``meter``, ``sensor``, ``activity``, ``model``); fields of other
    tiers stay apart. ``reason`` says why a better tier is missing."""

    tier: str | None = None
    joules_per_inference: float | None = None
    sensor_channel: str | None = None
    cpu_seconds_per_inference: float | None = None
    cores_busy: float | None = None
    npu_busy_seconds_per_inference: float | None = None
    macs: int | None = None
    bytes_moved: int | None = None
    reason: Sentence | str = ""
