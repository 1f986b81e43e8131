"""The power proxies in a record. Part of ``bench.record.record``'s layout."""

from bench.record.part import Part
from bench.words import Sentence


class ChannelReading(Part, frozen=True):
    """One sensor channel over the steady state. ``joules`` is above idle when ``idle_watts`` is known."""

    sensor: str
    name: str
    domain: str
    joules_total: float | None = None
    idle_watts: float | None = None
    joules: float | None = None
    busy_seconds: float | None = None
    lost: bool = False


class RepeatEnergy(Part, frozen=True):
    """Power proxies of one repeat. ``duration_ns`` is the window that ``channels`` and ``cpu_seconds`` cover.
    ``queries``: those of that window; offline those at its two ends by the fraction of their time inside."""

    queries: int | float
    duration_ns: int
    cpu_seconds: float | None = None
    channels: tuple[ChannelReading, ...] = ()


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
