"""Runs with a power meter's log joined: those that its verdict codes are given, and those that come close."""

from typing import Any

from judged_runs import replace, run_of, sound_record

from bench.record.energy import ChannelReading, EnergySummary, JoinedMeter, MeterIdle, RepeatEnergy, Unmetered
from bench.record.record import RecordedRun

SECONDS, WATTS, IDLE = 10.0, 12.0, 4.0


def metered(watts: float = WATTS, doubt: float = 0.004, **changes: Any) -> RecordedRun:
    """Each repeat drew ``watts`` for ten seconds; idle 4 W, the idle times 0.1 W apart. ``doubt``: of each window's
    energy, a fraction. ``changes``: of the meter."""
    meter = JoinedMeter(
        log="spl.txt",
        sha256="a" * 64,
        format="ptdaemon",
        channel="Watts",
        tier="meter",
        aligned_by="marker",
        offset_s=0.1,
        doubt_s=0.05,
        joined_from="r",
        idle_watts=IDLE,
        stands_for="before",
        stated_uncertainty=0.004,
        idle=MeterIdle("marker", 12, 0.1, 3.0),
    )
    meter, record = replace(meter, **changes), sound_record()
    idle = meter.idle_watts
    total = watts * SECONDS
    above = None if idle is None else total - idle * SECONDS
    channel = ChannelReading("ptdaemon", "Watts", "meter", total, idle, above, doubt_joules=doubt * abs(total))
    energy = RepeatEnergy(300, round(SECONDS * 1e9), 1.0, (channel,), 1_700_000_000_000_000_000)
    repeats = tuple(replace(repeat, energy=energy) for repeat in record.repeats)
    energy_of = EnergySummary(
        tier="meter",
        sensor_channel=None if above is None else "ptdaemon/Watts",
        joules_per_inference=None if above is None else above / 300,
        total_sensor_channel="ptdaemon/Watts",
        total_joules_per_inference=total / 300,
    )
    summary = replace(record.summary, energy=energy_of)
    return run_of(replace(record, repeats=repeats, meter=meter, summary=summary))


def unmetered(problem: str) -> RecordedRun:
    """The log could not be used."""
    meter = replace(metered().record.meter, aligned_by="", offset_s=None, doubt_s=None, idle=None, idle_watts=None)
    meter = replace(meter, problem=problem, reason="spl.txt: the marker was not found")
    return run_of(replace(sound_record(), meter=meter))


GAP = Unmetered(2, "gap", "the log has a gap of 4 s in the repeat")
SHORT = Unmetered(2, "too_short", "the repeat took 1 s, too short for a reading every 1 s")

METER_PROVOKED: dict[str, tuple[RecordedRun, str]] = {
    "meter_not_aligned": (
        unmetered("not_aligned"),
        "The power meter's log spl.txt was not aligned with the run, so there is no energy: spl.txt: the marker",
    ),
    "meter_gap": (
        metered(left_out=(GAP,)),
        "1 of 3 repeats got no energy from the power meter's log spl.txt: the log has a gap of 4 s in the repeat.",
    ),
    "meter_uncertain": (
        metered(doubt=0.06),
        "The uncertainty of the meter's energy is 6 % (0.4 % by the meter itself, 6 % by where the run lies "
        "between its readings)",
    ),
    "idle_not_idle": (
        metered(idle=MeterIdle("marker", 12, 2.0, 3.0)),
        "The idle times of the marker differ by 2.00 W, 25 % of the power above idle (4.00 W at idle)",
    ),
}
"""Code -> a run that is given it, and how its sentence begins."""

METER_SILENT: dict[str, RecordedRun] = {
    "meter_not_aligned": unmetered("unusable"),
    "meter_gap": metered(left_out=(SHORT,)),
    "meter_uncertain": metered(),
    "idle_not_idle": metered(idle=MeterIdle("marker", 12, 0.39, None)),
}
