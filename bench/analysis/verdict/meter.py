"""Whether the energy that an external meter's log gives can be believed.

A run without energy, because the log was not aligned or has gaps, is only noted: no number is untrue. Energy that is
not known to a twentieth makes the run's energy invalid, and so does an idle power that was none; times stay as they
are.
"""

import math
from collections.abc import Mapping
from statistics import median
from types import MappingProxyType

from bench.analysis.power.uncertainty import WHOLE, Uncertainty, reading_of, uncertainties
from bench.analysis.verdict.codes import reason
from bench.analysis.verdict.times import Check
from bench.record.energy import JoinedMeter
from bench.record.record import Reason, RecordedRun
from bench.words import Sentence, sentence

STATED_MOST, KNOWN_LEAST = 0.01, 0.05
"""MLPerf's bound on a meter's uncertainty, above which it is noted; and of what makes energy invalid."""
IDLE_SAID, IDLE_INVALID = 0.05, 0.2
"""By how much the idle times may differ, as a fraction of the power above idle."""
(TOTAL, *_) = WHOLE
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
    found = uncertainties(run.record)
    total = found.get(TOTAL)
    if total is None:
        return None
    if total.of_window is None:
        told = sentence("verdict.meter_uncertain.nothing", log=meter.log)
        return reason("meter_uncertain", told, {"log": meter.log}, remedy=sentence("verdict.meter_uncertain.signs"))
    worst = max(found, key=lambda name: found[name].known)
    if total.of_meter is not None and found[worst].known <= STATED_MOST:
        return None
    figures: dict[str, float | int | str] = {"of_window": total.of_window}
    if total.of_meter is not None:
        figures |= {"uncertainty": total.known, "of_meter": total.of_meter}
    told = _told(meter, total)
    if STATED_MOST < found[worst].known < math.inf and worst not in WHOLE:
        figures |= {"least_known": worst, "least_known_uncertainty": found[worst].known}
        also = "verdict.meter_uncertain.also" if total.of_meter is not None else "verdict.meter_uncertain.also.at_least"
        more = sentence(also, metric=sentence(f"metric.{worst}.title"), uncertainty=found[worst].known)
        told = sentence("text.two", first=told, second=more)
    remedy = sentence("verdict.meter_uncertain.state", log=meter.log) if total.of_meter is None else ""
    return reason("meter_uncertain", told, figures, total.known > KNOWN_LEAST, remedy)


def _told(meter: JoinedMeter, total: Uncertainty) -> Sentence:
    """How uncertain the energy of an inference is, idle inside."""
    if total.of_meter is None:
        return sentence("verdict.meter_uncertain.unstated", window=total.of_window)
    code = "verdict.meter_uncertain.estimate" if meter.stated_uncertainty is None else "verdict.meter_uncertain"
    return sentence(code, both=total.known, meter=total.of_meter, window=total.of_window, most=STATED_MOST)


def _idle(run: RecordedRun) -> Reason | None:
    meter = run.record.meter
    if meter is None or meter.idle_watts is None:
        return None
    each = [
        reading.joules_total / (repeat.energy.duration_ns / 1e9)
        for repeat in run.record.repeats
        if repeat.energy is not None and repeat.energy.duration_ns > 0
        if (reading := reading_of(repeat.energy, meter)) is not None and reading.joules_total is not None
    ]
    if not each:
        return None
    watts = median(each)
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


METER_CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "meter_not_aligned": _not_aligned,
        "meter_gap": _gap,
        "meter_uncertain": _uncertain,
        "idle_not_idle": _idle,
    }
)
