"""Readings of the device between the queries of a long run: temperatures, clocks, power, and what feeds the machine.

Power and busy time come from the channels of sensors, counters as their difference since the look before; memory in use
is no part of it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.contracts import Channel, Sensor, channel_key
from bench.machine.channels import counted, read_or_lost
from bench.machine.traces import MachineState, Traces
from bench.record.energy import Quantity, Trace

MOST_TRACES = 24
"""Of one quantity; zones beyond these are left out: a server's board has dozens."""


class TraceLog:
    """``look(now_ns)`` as often as wanted; ``traces()`` is what was read. ``root``: ``/``, or a recorded tree."""

    def __init__(
        self, root: Path, sensors: Mapping[str, Sensor] | None = None, channels: Sequence[Channel] = ()
    ) -> None:
        self._root, self._sensors, self._machine = root, sensors or {}, Traces(root)
        told = [channel for channel in channels if channel.usable and channel.kind != "memory"]
        self._channels = tuple(told[:MOST_TRACES])
        self._counts: dict[str, tuple[int, float | None]] = {}
        self._at_ns: list[int] = []
        self._read: dict[tuple[str, Quantity], dict[int, float | None]] = {}
        self._state = MachineState()
        self.power_sources: list[str] = []

    def look(self, now_ns: int) -> None:
        """Read everything once. ``now_ns``: since the first query."""
        self._at_ns.append(now_ns)
        self._state = self._machine.look()
        for name, celsius in list(self._state.celsius.items())[:MOST_TRACES]:
            self._note(name, "celsius", celsius)
        for name, mhz in list(self._state.mhz.items())[:MOST_TRACES]:
            self._note(name, "mhz", mhz)
        for channel in self._channels:
            self._note_channel(channel, now_ns)
        source = self._state.power_source
        if source is not None and self.power_sources[-1:] != [source]:
            self.power_sources.append(source)

    @property
    def hottest_celsius(self) -> float | None:
        """The highest temperature of the last look."""
        return max(self._state.celsius.values(), default=None)

    def traces(self) -> tuple[Trace, ...]:
        """What was read, each channel at every look since its first reading."""
        found = []
        for (name, quantity), values in self._read.items():
            at_ns = tuple(at for at in self._at_ns if at >= min(values))
            found.append(Trace(name, quantity, at_ns, tuple(values.get(at) for at in at_ns)))
        return tuple(found)

    def _note(self, name: str, quantity: Quantity, value: float | None) -> None:
        if value is not None:
            self._read.setdefault((name, quantity), {})[self._at_ns[-1]] = round(value, 4)

    def _note_channel(self, channel: Channel, now_ns: int) -> None:
        name, now = channel_key(channel), read_or_lost(self._sensors, self._root, channel)
        if channel.kind == "power":
            self._note(name, "watts", now)
            return
        before = self._counts.get(name)
        self._counts[name] = now_ns, now
        if before is None or now_ns <= before[0]:
            return
        seconds = (now_ns - before[0]) / 1e9
        if channel.kind == "energy":
            joules = counted(before[1], now, seconds, channel.wraps_at)
            self._note(name, "watts", None if joules is None else joules / seconds)
        elif before[1] is not None and now is not None and now >= before[1]:
            self._note(name, "busy", (now - before[1]) / seconds)
