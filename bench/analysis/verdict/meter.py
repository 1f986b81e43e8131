"""Whether the energy that an external meter's log gives can be believed.

A run without energy, because the log was not aligned or has gaps, is only noted: no number is untrue. Energy that is
not known to a twentieth makes the run's energy invalid, and so does an idle power that was none; times stay as they
are.
"""

import math
from collections.abc import Mapping
from statistics import median
from types import MappingProxyType

from bench.analysis.energy import METER
from bench.analysis.verdict.codes import reason
from bench.analysis.verdict.times import Check
from bench.record.energy import ChannelReading, JoinedMeter, RepeatEnergy
from bench.record.record import Reason, RecordedRun
from bench.words import sentence

STATED_MOST, KNOWN_LEAST = 0.01, 0.05
"""MLPerf's bound on a meter's uncertainty, above which it is noted; and of what makes energy invalid."""
IDLE_SAID, IDLE_INVALID = 0.05, 0.2
"""By how much the idle times may differ, as a fraction of the power above idle."""
GAPS = ("gap", "not_covered")


def _not_aligned(run: RecordedRun) -> Reason | None:
    meter = run.record.meter
    if meter is None or meter.problem != "not_aligned":
        return None
    return reason(
        "meter_not_aligned", sentence("verdict.meter_not_aligned", log=meter.log, why=meter.reason), {"log": meter.log}
    )


def _gap(run: RecordedRun) -> Reason | None:
    meter = run.record.meter
    lost = [one for one in meter.left_out if one.code in GAPS] if meter is not None else []
    if meter is None or not lost:
        return None
    figures = {"repeats_without": len(lost), "repeats": len(run.record.repeats), "first": lost[0].repeat}
    code = "verdict.meter_gap.all" if len(lost) == len(run.record.repeats) else "verdict.meter_gap"
    told = sentence(code, log=meter.log, lost=len(lost), repeats=len(run.record.repeats), why=lost[0].reason)
    return reason("meter_gap", told, figures)


def _uncertain(run: RecordedRun) -> Reason | None:
    meter = run.record.meter
    if meter is None:
        return None
    if meter.problem == "unusable":
        told = sentence("verdict.meter_uncertain.unusable", log=meter.log, why=meter.reason)
        return reason("meter_uncertain", told, {"log": meter.log}, invalidates=False)
    stated, clock = meter.stated_uncertainty or 0.0, meter.clock_uncertainty or 0.0
    both = math.hypot(stated, clock)
    if both <= STATED_MOST:
        return None
    figures = {"uncertainty": both, "of_meter": stated, "of_clock": clock}
    told = sentence("verdict.meter_uncertain", both=both, meter=stated, clock=clock, most=STATED_MOST)
    return reason("meter_uncertain", told, figures, invalidates=both > KNOWN_LEAST)


def _idle(run: RecordedRun) -> Reason | None:
    meter = run.record.meter
    if meter is None or meter.idle_watts is None:
        return None
    windows = [(window, channel) for window, channel in _metered(run, meter) if channel.joules_total is not None]
    if not windows:
        return None
    watts = median((channel.joules_total or 0.0) / (window.duration_ns / 1e9) for window, channel in windows)
    idle, spread = meter.idle_watts, meter.idle.spread_watts if meter.idle is not None else None
    figures: dict[str, float | int | str] = {"idle_watts": idle, "run_watts": watts}
    if idle >= watts:
        told = sentence("verdict.idle_not_idle.above", idle_watts=idle, run_watts=watts)
        return reason("idle_not_idle", told, figures, invalidates=False)
    if spread is None or spread <= IDLE_SAID * (watts - idle):
        return None
    fraction = spread / (watts - idle)
    told = sentence("verdict.idle_not_idle", spread_watts=spread, idle_watts=idle, fraction=fraction)
    figures |= {"spread_watts": spread, "fraction": fraction}
    return reason("idle_not_idle", told, figures, invalidates=fraction > IDLE_INVALID)


def _metered(run: RecordedRun, meter: JoinedMeter) -> list[tuple[RepeatEnergy, ChannelReading]]:
    """The windows that the log covers, with its channel."""
    return [
        (repeat.energy, channel)
        for repeat in run.record.repeats
        if repeat.energy is not None and repeat.energy.duration_ns > 0
        for channel in repeat.energy.channels
        if channel.name == meter.channel and (channel.domain == METER or channel.sensor == meter.format)
    ]


METER_CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "meter_not_aligned": _not_aligned,
        "meter_gap": _gap,
        "meter_uncertain": _uncertain,
        "idle_not_idle": _idle,
    }
)
