"""Findings of a gate in words that all its writers share."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from bench.analysis.metrics import METRICS
from bench.gate.finding import Confirmation, Drift, Gate, MachineShift, MetricFinding, SeriesFinding, Stated, Word
from bench.nights.events import Event
from bench.words import say, units

Outcome = Literal["failed", "error", "skipped", "passed"]

OUTCOMES: Mapping[Word, Outcome] = MappingProxyType(
    {
        "worse": "failed",
        "drifting": "failed",
        "wrong": "failed",
        "broken": "error",
        "dead": "error",
        "suspect": "skipped",
        "cannot_tell": "skipped",
        "machine": "skipped",
        "invalid": "skipped",
        "missing": "skipped",
        "new": "skipped",
        "no_base": "skipped",
        "better": "passed",
        "same": "passed",
    }
)
"""What a test of that word is: a failure is worse, an error is broken, and skipped is what cannot be told."""

ORDER: tuple[Word, ...] = tuple(OUTCOMES)
_METRICS = MappingProxyType({metric.name: metric for metric in METRICS})


def word(of: Word) -> str:
    return say(f"gate.word.{of}")


def name(finding: SeriesFinding) -> str:
    return units.clean(finding.series.name)


def first(finding: SeriesFinding) -> MetricFinding | None:
    """The metric that explains the word: the worst that is worse, otherwise the leading one."""
    worse = [one for one in finding.metrics if one.word == "worse"]
    leading = [one for one in finding.metrics if one.metric == finding.leading]
    return next(iter((*(one for one in leading if one in worse), *worse, *leading, *finding.metrics)), None)


def title(metric: str) -> str:
    return str(_METRICS[metric].title) if metric in _METRICS else units.clean(metric)


def figure(value: float, metric: str) -> str:
    return units.figure(value, _METRICS[metric].unit) if metric in _METRICS else units.digits(value)


def change(found: MetricFinding) -> str:
    return _changed(found.change, found.metric)


def interval(found: MetricFinding) -> str:
    """The 95 % interval of the change; empty where there is none."""
    if found.interval is None:
        return ""
    low, high = found.interval
    if _METRICS[found.metric].fraction:
        return units.points_interval(low, high)
    return units.change_interval(1 + low, 1 + high)


def _changed(value: float, metric: str) -> str:
    fraction = metric in _METRICS and _METRICS[metric].fraction
    return units.points(value) if fraction else units.percent_change(1 + value)


def moved(found: MetricFinding) -> str:
    """``latency p50 4.00 ms → 4.43 ms: +10.8 % (95 % interval +8.1 % to +12.3 %)``."""
    told = say(
        "gate.moved",
        metric=title(found.metric),
        base=figure(found.base, found.metric),
        new=figure(found.new, found.metric),
        change=change(found),
    )
    known = interval(found)
    told = say("gate.moved.with_interval", moved=told, interval=known) if known else told
    return told if found.residual is None else say("gate.moved.beyond", moved=told, ratio=1 + found.residual)


def since(found: Drift) -> str:
    """``since 2026-04-20, +6.0 %``."""
    return say("gate.since", night=found.night, change=_changed(found.change, found.metric))


def told(finding: SeriesFinding) -> str:
    """One line: the word, what moved, and what there is beside."""
    found = first(finding)
    shown = found is not None and finding.word in ("worse", "suspect", "drifting", "better", "machine")
    parts = (word(finding.word), moved(found) if found is not None and shown else "", beside(finding, False))
    return "; ".join(part for part in parts if part)


def beside(finding: SeriesFinding, with_word: bool = True) -> str:
    """Since when, whether it was confirmed, what changed meanwhile, and the reasons; ``with_word`` the word first."""
    parts = [word(finding.word)] if with_word else []
    if finding.drift is not None:
        parts.append(since(finding.drift))
    again = finding.confirmation
    if again is not None and again.reason not in finding.reasons:  # which would say the same
        parts.append(confirmed(again))
    if finding.events and OUTCOMES[finding.word] != "passed":
        parts.append(say("gate.changed", events=events(finding.events)))
    parts += [units.clause(reason) for reason in finding.reasons]
    return "; ".join(parts)


def confirmed(found: Confirmation) -> str:
    answer = {True: "yes", False: "no", None: "undecided"}[found.confirmed]
    return say(f"gate.confirmation.{answer}", how=say(f"gate.confirmation.how.{found.how}"))


def events(found: tuple[Event, ...]) -> str:
    """``runtime openvino 2026.3 → 2026.4, kernel 6.8 → 6.9``."""
    return ", ".join(f"{units.clean(one.what)} {_value(one.before)} → {_value(one.after)}" for one in found)


def _value(version: str | None) -> str:
    return units.MISSING if version is None else units.clean(version)


def machine(found: MachineShift) -> str:
    """One sentence on a machine whose series moved together."""
    changed = events(found.changed) or ", ".join(
        f"{units.clean(what)} {units.digits(before)} → {units.digits(after)}"
        for what, (before, after) in found.conditions.items()
    )
    code = "gate.machine" if changed else "gate.machine.unknown"
    place = units.clean(found.machine) or units.MISSING
    return say(
        code,
        machine=place,
        change=units.percent_change(1 + found.change),
        moved=found.moved,
        series=found.series,
        changed=changed,
    )


def stated(found: Stated | None) -> str:
    """The rate of false alarms and the smallest change that are promised, or that there is too little to promise."""
    if found is None or found.rate_at_most is None:
        return say("gate.stated.none")
    told = say("gate.stated", nights=found.nights, false_alarms=found.false_alarms, rate=found.rate_at_most)
    if found.smallest_change is None:
        return told
    return f"{told} {say('gate.stated.smallest', change=found.smallest_change)}"


def counts(gate: Gate) -> str:
    """``2 worse, 1 invalid, 37 same``, in the order of ``ORDER``."""
    found = [(of, sum(finding.word == of for finding in gate.findings)) for of in ORDER]
    return ", ".join(f"{count} {word(of)}" for of, count in found if count) or say("gate.nothing")
