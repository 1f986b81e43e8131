"""Which sensors can be read here, and what the machine draws while nothing runs."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from msgspec import structs

from bench.contracts import Channel, Sensor, channel_key
from bench.words import Sentence, sentence

MAX_PLAUSIBLE_WATTS = 1000.0
"""No channel of a machine this tool is for draws more. It decides when a counter's wrap is ambiguous."""


SAMPLE_SECONDS = 0.1
"""Between two power samples: 10 Hz."""


POWER_SECONDS, BATTERY_SECONDS = 2.0, 30.0
"""How long power is sampled, at work and idle. Batteries' gauges are refreshed only every second to half a minute."""


Seconds = Callable[[], float]


def power_seconds(channels: Sequence[Channel]) -> float:
    """How long to sample for these channels to say anything."""
    slow = any(c.usable and c.kind == "power" and c.domain == "battery" for c in channels)
    return BATTERY_SECONDS if slow else POWER_SECONDS


def discover(sensors: Mapping[str, Sensor], root: Path) -> tuple[Channel, ...]:
    """Every channel of every sensor, each usable one read once to prove it. ``Channel.sensor`` becomes the name under
    which the sensor was loaded, by which it is found again when it is read."""
    found: list[Channel] = []
    for name, sensor in sensors.items():
        try:
            channels = sensor.channels(root)
        except Exception as error:  # a plugin of anybody's: it costs its own channels and no more
            found.append(Channel(name, "all", "energy", "other", "", usable=False, reason=_why(error)))
            continue
        found += [_proven(sensor, root, structs.replace(channel, sensor=name)) for channel in channels]
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
    begin, before = clock(), [read_or_lost(sensors, root, c) for c in counters]
    samples: list[list[float | None]] = []
    while (left := begin + seconds - clock()) > 0:
        samples.append([read_or_lost(sensors, root, c) for c in powers])
        sleep(min(left, SAMPLE_SECONDS) if powers else left)
    elapsed, after = clock() - begin, [read_or_lost(sensors, root, c) for c in counters]
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


def counted(first: float | None, last: float | None, seconds: float, wraps_at: float | None) -> float | None:
    """Joules between two readings of a counter, corrected for one wrap at ``wraps_at`` joules.

    ``None`` if a reading is missing, if the counter decreased and its range is unknown, if the difference would need
    more than ``MAX_PLAUSIBLE_WATTS``, or if that power would have allowed another wrap, so that the figure is
    ambiguous.
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


def _why(error: Exception) -> Sentence | str:
    if isinstance(error, ValueError):
        return sentence("machine.file_holds_no_number")
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _proven(sensor: Sensor, root: Path, channel: Channel) -> Channel:
    if not channel.usable:
        return channel
    try:
        sensor.read(root, channel)
    except Exception as error:  # as above
        return structs.replace(channel, usable=False, reason=sentence("machine.cannot_be_read", why=_why(error)))
    return channel


def read_or_lost(sensors: Mapping[str, Sensor], root: Path, channel: Channel) -> float | None:
    try:
        return sensors[channel.sensor].read(root, channel)
    except Exception:  # a reading lost, which the record says
        return None
