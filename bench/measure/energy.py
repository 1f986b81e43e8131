"""Power proxies of one repeat: counters around the timed loop, power sampled in a separate pass.

Energy above idle is total joules − idle watts × seconds; without a measured idle it stays null. A reading that
disappeared, restarted or could have wrapped more than once is ``lost`` and null; it is not guessed and does not raise.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from bench.contracts import Channel, Sensor, channel_key
from bench.machine.channels import SAMPLE_SECONDS, Seconds, counted, read_or_lost
from bench.record.energy import ChannelReading, RepeatEnergy


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
        unix_clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._sensors, self._root, self._idle_watts = sensors, root, idle_watts
        self._channels = tuple(c for c in channels if c.usable and c.kind != "power")
        self._clock_ns, self._cpu_clock, self._unix_clock_ns = clock_ns, cpu_clock, unix_clock_ns
        self._began_unix_ns = 0
        self._before: tuple[list[float | None], float, int] | None = None

    def start(self) -> None:
        """Read every counter; the clocks last."""
        counters = [read_or_lost(self._sensors, self._root, c) for c in self._channels]
        self._began_unix_ns = self._unix_clock_ns()
        self._before = counters, self._cpu_clock(), self._clock_ns()

    def stop(self, queries: int) -> RepeatEnergy:
        """Read the clocks, then every counter; what the ``queries`` since ``start`` took."""
        end_ns, end_cpu = self._clock_ns(), self._cpu_clock()
        if self._before is None:
            raise RuntimeError("EnergyMeter.stop without start")
        after = [read_or_lost(self._sensors, self._root, c) for c in self._channels]
        before, begin_cpu, begin_ns = self._before
        self._before = None
        seconds = (end_ns - begin_ns) / 1e9
        readings = [self._reading(*item, seconds) for item in zip(self._channels, before, after, strict=True)]
        took_ns, took_cpu = end_ns - begin_ns, end_cpu - begin_cpu
        return RepeatEnergy(queries, took_ns, took_cpu, tuple(readings), self._began_unix_ns)

    def _reading(self, channel: Channel, first: float | None, last: float | None, seconds: float) -> ChannelReading:
        if channel.kind == "energy":
            return _energy_reading(channel, counted(first, last, seconds, channel.wraps_at), seconds, self._idle_watts)
        if channel.kind == "memory":
            held = None if first is None or last is None else round(max(first, last))
            return ChannelReading(*_names(channel), memory_bytes=held, lost=held is None)
        busy = None if first is None or last is None or last < first else last - first
        return ChannelReading(*_names(channel), busy_seconds=busy, lost=busy is None)


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

    This is a separate pass, because sampling disturbs timing. ``cpu_seconds`` is null, because it would include the
    sampling. ``None`` when no channel reads power. What ``call`` raises is raised, after the thread has ended.
    """
    powers = [c for c in channels if c.usable and c.kind == "power"]
    if not powers:
        return None
    rows: list[list[tuple[float, float | None]]] = []

    def sample() -> None:
        rows.append([(clock(), read_or_lost(sensors, root, c)) for c in powers])

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


def trapezoid(samples: Sequence[tuple[float, float | None]]) -> float | None:
    """Joules under (seconds, watts) samples in order; ``None`` when one is missing or there are fewer than two."""
    points = [(t, w) for t, w in samples if w is not None]
    if len(points) < len(samples) or len(points) < 2:
        return None
    return sum((t1 - t0) * (w0 + w1) / 2 for (t0, w0), (t1, w1) in pairwise(points))


def _energy_reading(
    channel: Channel, total: float | None, seconds: float, idle_watts: Mapping[str, float]
) -> ChannelReading:
    idle = idle_watts.get(channel_key(channel))
    above = None if total is None or idle is None else total - idle * seconds
    return ChannelReading(*_names(channel), total, idle, above, lost=total is None)


def _names(channel: Channel) -> tuple[str, str, str]:
    return channel.sensor, channel.name, channel.domain
