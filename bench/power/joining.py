"""Puts a meter's readings into the records of a run: its energy in each repeat's timed window.

The energy of a window is the area under the readings between its ends, which lie between two readings: the power there
is on the line between them. A window that the log does not cover, or in which it has a gap, has no energy.
"""

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.energy import METER
from bench.power.alignment import Alignment
from bench.power.doubts import GAP, LEAST_GAP_S
from bench.power.log import PowerLog, figures_of
from bench.record.energy import ChannelReading, JoinedMeter, RepeatEnergy
from bench.record.record import Record, Repeat
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_WINDOW_INTERVALS = 5.0
"""A window shorter than this many of the log's intervals is mostly its own ends."""


class Joined(Struct, frozen=True):
    """``record``: with the meter's channel; ``None`` where no repeat has one. ``left_out``: why, a sentence a repeat
    without one."""

    record: Record | None
    left_out: tuple[Sentence, ...] = ()


class Readings:
    """A log on the machine's own clock. ``alignment.offset_s`` counts from ``origin_unix_ns``."""

    def __init__(self, log: PowerLog, alignment: Alignment, origin_unix_ns: int) -> None:
        self._log, self._alignment = log, alignment
        self._origin_unix_ns = origin_unix_ns
        self._seconds: NDArray[np.float64] = log.seconds[log.read] + alignment.offset_s
        self._watts: NDArray[np.float64] = log.watts[log.read]
        self._interval_s = figures_of(log).interval_s or 0.0

    def energy(self, window: RepeatEnergy) -> float | Sentence:
        """Joules between the ends of ``window``, or why there are none."""
        if window.began_unix_ns is None:
            return sentence("power.join.no_time")
        begin = (window.began_unix_ns - self._origin_unix_ns) / 1e9
        end = begin + window.duration_ns / 1e9
        doubt = self._alignment.doubt_s
        if begin - doubt < self._seconds[0] or end + doubt > self._seconds[-1]:
            return sentence("power.join.not_covered")
        if end - begin < LEAST_WINDOW_INTERVALS * self._interval_s:
            return sentence("power.join.too_short", window_s=end - begin, interval_s=self._interval_s)
        inside = (self._seconds > begin) & (self._seconds < end)
        seconds = np.concatenate(([begin], self._seconds[inside], [end]))
        gap = float(np.diff(seconds).max())
        if gap > max(GAP * self._interval_s, LEAST_GAP_S):
            return sentence("power.join.gap", gap_s=gap)
        ends = np.interp([begin, end], self._seconds, self._watts)
        watts = np.concatenate(([ends[0]], self._watts[inside], [ends[1]]))
        return float((np.diff(seconds) * (watts[1:] + watts[:-1]) / 2).sum())

    def joined(self, record: Record, idle_watts: float | None, doubts: tuple[str, ...]) -> Joined:
        """The record with a channel of this log in every window that it covers."""
        told: list[Sentence] = []
        repeats: list[Repeat] = []
        found = 0
        for number, repeat in enumerate(record.repeats, 1):
            energy = self._metered(repeat.energy, idle_watts)
            if isinstance(energy, Sentence):
                told.append(sentence("power.join.repeat", number=number, why=energy))
                repeats.append(repeat)
                continue
            found += 1
            prefill = self._metered(repeat.prefill_energy, idle_watts)
            kept = repeat.prefill_energy if isinstance(prefill, Sentence) else prefill
            repeats.append(replace(repeat, energy=energy, prefill_energy=kept))
        if not found:
            return Joined(None, tuple(told))
        log, alignment = self._log, self._alignment
        meter = JoinedMeter(
            log=log.name,
            sha256=log.sha256,
            format=log.format,
            channel=log.channel,
            tier=log.tier,
            aligned_by=alignment.by,
            offset_s=alignment.offset_s,
            doubt_s=alignment.doubt_s,
            joined_from=record.record_id,
            idle_watts=idle_watts,
            volts=log.volts,
            device=dict(log.meter),
            doubts=doubts,
        )
        return Joined(replace(record, repeats=tuple(repeats), meter=meter), tuple(told))

    def _metered(self, window: RepeatEnergy | None, idle_watts: float | None) -> RepeatEnergy | Sentence:
        """``window`` with the channel of this log, or why it has none."""
        if window is None:
            return sentence("power.join.no_time")
        joules = self.energy(window)
        if isinstance(joules, Sentence):
            return joules
        above = None if idle_watts is None else joules - idle_watts * window.duration_ns / 1e9
        domain = METER if self._log.tier == "meter" else "package"
        reading = ChannelReading(self._log.format, self._log.channel, domain, joules, idle_watts, above)
        return replace(window, channels=(*window.channels, reading))
