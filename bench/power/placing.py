"""Places a meter's log on the machine's clock, and joins it to the runs that were measured meanwhile."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from bench.errors import InputError
from bench.power.alignment import MOST_DOUBT_S, Alignment, NotAligned, aligned_by_marker
from bench.power.asking import LogAsk
from bench.power.doubts import doubts_of, doubts_of_place
from bench.power.idle import Idle, idle_of
from bench.power.joining import About, Joined, Readings, without_energy, without_meter
from bench.power.log import PowerLog, figures_of
from bench.power.marker import Marker
from bench.record.energy import MeterIdle
from bench.record.record import RecordedRun
from bench.words import Sentence, sentence

QUARTER_S, WIDEST_ZONE_S = 900.0, 14 * 3600.0
NS = 1_000_000_000


class Unusable(InputError):
    """The log's doubts forbid any conclusion from its energy."""


class Outcome(Struct, frozen=True):
    """``alignment``: ``None`` where the log was not aligned. ``joined``: of each run, in order. ``ends_before``:
    whether the log ends before the runs do, or before the marker behind them."""

    joined: tuple[Joined, ...]
    alignment: Alignment | None
    idle: Idle
    ends_before: bool = False
    problem: InputError | None = None


def join(log: PowerLog, ask: LogAsk, runs: Sequence[RecordedRun], markers: Sequence[Marker], folder: str) -> Outcome:
    """The records of ``runs`` with the log's energy, in place of what was joined to them before. ``folder``: where they
    are, for messages. Raises ``Unusable``, ``NotAligned`` or another ``InputError``."""
    doubts = doubts_of(log)
    if blocking := [doubt.told for doubt in doubts if doubt.blocks]:
        raise Unusable(sentence("power.join.blocked", file=log.name), sentence("text.sentences", parts=blocking))
    origin, alignment = placed(log, ask, runs, markers, folder)
    readings = Readings(log, alignment, origin)
    seen = markers_seen(markers, origin + round(float(readings.seconds[0]) * NS), runs)
    idle = idle_of(readings.seconds, readings.watts, seen, origin) if seen else Idle(None)
    if ask.idle_watts is not None:
        given = MeterIdle("given", cooldown_s=idle.found.cooldown_s if idle.found is not None else None)
        idle = Idle(ask.idle_watts, given)
    about = _about(ask, log, alignment)
    joined = tuple(readings.joined(without_meter(run.record), idle, about) for run in runs)
    ends_ns = [_end_ns(run) for run in runs] + [marker.ends_unix_ns for marker in markers]
    last = origin / 1e9 + float(readings.seconds[-1])
    return Outcome(joined, alignment, idle, last < max(ends_ns, default=0) / 1e9)


def markers_seen(markers: Sequence[Marker], first_ns: int, runs: Sequence[RecordedRun]) -> Sequence[Marker]:
    """Without those of earlier runs into the same folder, which ended before the log's first reading. All of them, if
    the log begins within a run: then the marker behind it is not the first one at idle."""
    at = next((at for at, marker in enumerate(markers) if marker.ends_unix_ns >= first_ns), 0)
    begins = [ns for run in runs for ns in _begins_ns(run)]
    within = at and any(markers[at - 1].ends_unix_ns <= ns < markers[at].begins_unix_ns for ns in begins)
    return markers if within else markers[at:]


def join_or_say(
    log: PowerLog, ask: LogAsk, runs: Sequence[RecordedRun], markers: Sequence[Marker], folder: str
) -> Outcome:
    """As ``join``; where the log cannot be used, the records say why and have no energy."""
    try:
        return join(log, ask, runs, markers, folder)
    except (NotAligned, Unusable) as error:
        code = "not_aligned" if isinstance(error, NotAligned) else "unusable"
        why = error.advice if isinstance(error, Unusable) and error.advice else error.sentence
        told = tuple(without_energy(log, run.record, _about(ask, log), code, why) for run in runs)
        return Outcome(told, None, Idle(None), problem=error)


def _about(ask: LogAsk, log: PowerLog, alignment: Alignment | None = None) -> About:
    codes = tuple(doubt.code for doubt in (*doubts_of(log), *(doubts_of_place(alignment) if alignment else ())))
    return About(device=ask.meter.device, uncertainty=ask.meter.uncertainty, doubts=codes)


def placed(
    log: PowerLog, ask: LogAsk, runs: Sequence[RecordedRun], markers: Sequence[Marker], folder: str
) -> tuple[int, Alignment]:
    """The origin that seconds count from, and the log's place. Raises ``InputError`` where it is not known, or not well
    enough."""
    began = round(datetime.fromisoformat(log.began).timestamp() * NS) if log.clock == "utc" else None
    if ask.clock_doubt is not None:
        if began is None:
            raise InputError(sentence("power.join.no_clock", file=log.name), sentence("power.join.no_clock.remedy"))
        refuse_other_time(log, began, runs, ask.clock_doubt)
        return began, by_clock(log, ask.clock_doubt)
    if not markers:
        raise InputError(sentence("power.join.no_marker", folder=folder), sentence("power.join.no_marker.remedy"))
    if began is not None:
        refuse_other_time(log, began, runs, ask.within_s)
        return began, aligned_by_marker(log, markers, began, ask.within_s)
    # Without a clock the log may have begun at any time before the marker that it still contains.
    origin = markers[0].begins_unix_ns
    return origin, aligned_by_marker(log, markers, origin, float(log.seconds[-1]) + ask.within_s)


def by_clock(log: PowerLog, doubt_s: float) -> Alignment:
    """As the user states it; and half an interval more where the format does not say whether a reading is a mean."""
    interval = figures_of(log).interval_s or 0.0
    whole = doubt_s + (0.0 if log.stands_for else interval / 2)
    if whole > MOST_DOUBT_S:
        told = sentence("power.kind_not_stated", file=log.name, interval_s=interval, doubt_s=whole, most_s=MOST_DOUBT_S)
        raise NotAligned(told, sentence("power.kind_unclear.remedy"))
    return Alignment("clock", 0.0, whole, stands_for=log.stands_for or "moment")


def refuse_other_time(log: PowerLog, began_ns: int, runs: Sequence[RecordedRun], within_s: float) -> None:
    """Raises ``NotAligned`` where the log, by its own clock, was read at another time than all runs, and names the
    zone by which it would not have been."""
    begins = [ns for run in runs for ns in _begins_ns(run)]
    if not begins:
        return
    first, last = min(begins) / NS, max(_end_ns(run) for run in runs) / NS
    log_first, log_last = began_ns / NS, began_ns / NS + float(log.seconds[-1])
    if log_last + within_s >= first and log_first - within_s <= last:
        return
    apart = first - log_last if log_last < first else last - log_first
    hours = float(f"{abs(apart) / 3600:.3g}")
    told = sentence("power.other_time", file=log.name, log=_when(log_first), run=_when(first), hours=hours)
    raise NotAligned(told, _other_zone((log_first, log_last), (first, last)))


def _other_zone(log: tuple[float, float], run: tuple[float, float]) -> Sentence:
    """The least shift by whole quarters of an hour by which the log covers the runs."""
    steps = range(1, round(WIDEST_ZONE_S / QUARTER_S) * 2 + 1)
    for shift in sorted((sign * step * QUARTER_S for step in steps for sign in (1, -1)), key=abs):
        if log[0] + shift <= run[0] and log[1] + shift >= run[1]:
            return sentence("power.other_time.zone", hours=shift / 3600)
    return sentence("power.other_time.remedy")


def _when(unix_s: float) -> str:
    try:
        return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{unix_s:.0f}"


def _begins_ns(run: RecordedRun) -> list[int]:
    energies = (repeat.energy for repeat in run.record.repeats)
    return [one.began_unix_ns for one in energies if one is not None and one.began_unix_ns is not None]


def _end_ns(run: RecordedRun) -> int:
    energies = (repeat.energy for repeat in run.record.repeats)
    return max(
        (one.began_unix_ns + one.duration_ns for one in energies if one is not None and one.began_unix_ns is not None),
        default=0,
    )


def with_id(joined: Joined, record_id: str) -> Joined:
    """The joined record under another id, without the samples that it does not have there yet."""
    return replace(joined, record=replace(joined.record, record_id=record_id, samples_file=None))
