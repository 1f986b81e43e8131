"""Puts a meter's readings into the records of a run: its energy in each repeat's timed window.

The energy of a window is the area under the readings between its ends, which lie between two readings: the power there
is on the line between them. A reading that is a mean stands in the middle of the time that it is the mean of. A window
that the log does not cover, or in which it has a gap, has no energy.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.energy import METER
from bench.analysis.power.uncertainty import reading_of
from bench.power.alignment import Alignment
from bench.power.doubts import GAP, LEAST_GAP_S
from bench.power.idle import Idle
from bench.power.log import PowerLog, figures_of, middles
from bench.record.energy import ChannelReading, JoinedMeter, RepeatEnergy, Unmetered
from bench.record.record import Record, Repeat
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_WINDOW_INTERVALS = 5.0
"""A window shorter than this many of the log's intervals is mostly its own ends."""
NOTHING: Mapping[str, str] = MappingProxyType({})


class Joined(Struct, frozen=True):
    """``record``: with the meter, and its channel in every window that the log covers. ``metered``: whether there is
    one. ``left_out``: why, a sentence a repeat without one."""

    record: Record
    metered: bool
    left_out: tuple[Sentence, ...] = ()


class Missing(Struct, frozen=True):
    """Why a window has no energy."""

    code: str
    told: Sentence


class About(Struct, frozen=True, kw_only=True):
    """What is known of the meter beside its log. ``device``: model, serial and the like, as the user states them.
    ``uncertainty``: of its energy, a fraction. ``doubts``: codes of the log's."""

    device: Mapping[str, str] = NOTHING
    uncertainty: float | None = None
    doubts: tuple[str, ...] = ()


class Readings:
    """A log on the machine's own clock. ``alignment.offset_s`` counts from ``origin_unix_ns``."""

    def __init__(self, log: PowerLog, alignment: Alignment, origin_unix_ns: int) -> None:
        self._log, self._alignment = log, alignment
        self._origin_unix_ns = origin_unix_ns
        self.seconds: NDArray[np.float64] = middles(log.seconds[log.read], alignment.stands_for) + alignment.offset_s
        self.watts: NDArray[np.float64] = log.watts[log.read]
        self._interval_s = figures_of(log).interval_s or 0.0

    def energy(self, window: RepeatEnergy) -> float | Missing:
        """Joules between the ends of ``window``, or why there are none."""
        if window.began_unix_ns is None:
            return Missing("no_time", sentence("power.join.no_time"))
        begin = (window.began_unix_ns - self._origin_unix_ns) / 1e9
        end = begin + window.duration_ns / 1e9
        doubt = self._alignment.doubt_s
        if begin - doubt < self.seconds[0] or end + doubt > self.seconds[-1]:
            return Missing("not_covered", sentence("power.join.not_covered"))
        if end - begin < LEAST_WINDOW_INTERVALS * self._interval_s:
            told = sentence("power.join.too_short", window_s=end - begin, interval_s=self._interval_s)
            return Missing("too_short", told)
        first, last = np.searchsorted(self.seconds, [begin, end])
        gap = float(np.diff(self.seconds[max(0, int(first) - 1) : int(last) + 1]).max())
        if gap > max(GAP * self._interval_s, LEAST_GAP_S):
            return Missing("gap", sentence("power.join.gap", gap_s=gap))
        return self._area(begin, end)

    def _area(self, begin: float, end: float) -> float:
        inside = (self.seconds > begin) & (self.seconds < end)
        seconds = np.concatenate(([begin], self.seconds[inside], [end]))
        ends = np.interp([begin, end], self.seconds, self.watts)
        watts = np.concatenate(([ends[0]], self.watts[inside], [ends[1]]))
        return float((np.diff(seconds) * (watts[1:] + watts[:-1]) / 2).sum())

    def doubt_joules(self, window: RepeatEnergy) -> float:
        """What the window's energy may be wrong by, if the offset is wrong by its doubt, and if the power at its ends
        was that of the reading before or after them and not between these."""
        begin = ((window.began_unix_ns or 0) - self._origin_unix_ns) / 1e9
        end = begin + window.duration_ns / 1e9
        here = self._area(begin, end)
        doubts = np.linspace(-self._alignment.doubt_s, self._alignment.doubt_s, 5)
        found = [self._area(begin + doubt, end + doubt) for doubt in doubts]
        by_clock = max(abs(one - here) for one in found)
        return math.hypot(by_clock, self._at_end(begin, 0), self._at_end(end, -1))

    def _at_end(self, at: float, side: int) -> float:
        """Joules that the interpolation at one end of a window may be wrong by: between that moment and the reading
        inside the window, power may have been that of either of its neighbours all the time. ``side``: of that reading,
        0 behind the moment and -1 before it."""
        after = min(max(1, int(np.searchsorted(self.seconds, at))), len(self.seconds) - 1)
        inside, pair = after + side, self.watts[after - 1 : after + 1]
        between = (float(np.interp(at, self.seconds, self.watts)) + float(self.watts[inside])) / 2
        return abs(float(self.seconds[inside]) - at) * max(between - float(pair.min()), float(pair.max()) - between)

    def joined(self, record: Record, idle: Idle, about: About) -> Joined:
        """The record with a channel of this log in every window that it covers."""
        told: list[Sentence] = []
        left_out: list[Unmetered] = []
        repeats: list[Repeat] = []
        metered = False
        for number, repeat in enumerate(record.repeats, 1):
            energy = self._metered(repeat.energy, idle.watts)
            if isinstance(energy, Missing):
                told.append(sentence("power.join.repeat", number=number, why=energy.told))
                left_out.append(Unmetered(number, energy.code, energy.told))
                repeats.append(repeat)
                continue
            metered = True
            prefill = self._metered(repeat.prefill_energy, idle.watts)
            kept = repeat.prefill_energy if isinstance(prefill, Missing) else prefill
            repeats.append(replace(repeat, energy=energy, prefill_energy=kept))
        meter = replace(
            metered_by(self._log, record, about),
            aligned_by=self._alignment.by,
            offset_s=self._alignment.offset_s,
            doubt_s=self._alignment.doubt_s,
            idle_watts=idle.watts,
            stands_for=self._alignment.stands_for,
            idle=idle.found,
            left_out=tuple(left_out),
        )
        return Joined(replace(record, repeats=tuple(repeats), meter=meter), metered, tuple(told))

    def _metered(self, window: RepeatEnergy | None, idle_watts: float | None) -> RepeatEnergy | Missing:
        """``window`` with the channel of this log, or why it has none."""
        if window is None:
            return Missing("no_time", sentence("power.join.no_time"))
        joules = self.energy(window)
        if isinstance(joules, Missing):
            return joules
        above = None if idle_watts is None else joules - idle_watts * window.duration_ns / 1e9
        domain = METER if self._log.tier == "meter" else "package"
        reading = ChannelReading(
            self._log.format,
            self._log.channel,
            domain,
            joules,
            idle_watts,
            above,
            doubt_joules=self.doubt_joules(window),
        )
        return replace(window, channels=(*window.channels, reading))


def without_meter(record: Record) -> Record:
    """The record as it was before a log was joined to it."""
    meter = record.meter
    if meter is None:
        return record

    def unread(window: RepeatEnergy | None) -> RepeatEnergy | None:
        reading = reading_of(window, meter)
        if window is None or reading is None:
            return window
        return replace(window, channels=tuple(one for one in window.channels if one is not reading))

    repeats = tuple(
        replace(repeat, energy=unread(repeat.energy), prefill_energy=unread(repeat.prefill_energy))
        for repeat in record.repeats
    )
    return replace(record, repeats=repeats, meter=None)


def metered_by(log: PowerLog, record: Record, about: About) -> JoinedMeter:
    """What is known of the meter before its log has a place."""
    return JoinedMeter(
        log=log.name,
        sha256=log.sha256,
        format=log.format,
        channel=log.channel,
        tier=log.tier,
        aligned_by="",
        offset_s=None,
        doubt_s=None,
        joined_from=record.record_id,
        volts=log.volts,
        device={**log.meter, **about.device},
        doubts=about.doubts,
        stated_uncertainty=about.uncertainty,
    )


def without_energy(log: PowerLog, record: Record, about: About, problem: str, why: Sentence | str) -> Joined:
    """The record of a run whose log cannot be used: it says so, and has no energy."""
    meter = replace(metered_by(log, record, about), problem=problem, reason=why)
    return Joined(replace(record, meter=meter), False)
