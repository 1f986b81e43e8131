"""What a second measurement of a suspect, in a new session, says.

Where the base can still be measured, both sides take turns on this machine, and the rule is that of ``odb compare``:
nothing of the machine's state, tonight's or the base's, is left in the answer. That needs a difference that the two
sides have and the session can reproduce: another model file, or another environment for the base. Where something else
changed (a driver, a kernel, a runtime without the base's environment, or nothing that is known), two sides that are
measured now would be the same; so tonight's side is measured again, and both sessions must exceed the margin.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from bench.comparison.comparison import Change, Comparison
from bench.gate.finding import Calibration, Confirmation, MetricFinding, SeriesFinding
from bench.words import Sentence, sentence

How = Literal["alternating", "again"]
OF_THE_MODEL = "model"
OF_THE_ENVIRONMENT = ("runtime ", "python", "tool", "rules")


def how_to_confirm(one: SeriesFinding, base_python: bool) -> How:
    """``base_python``: the user gave the base's environment."""
    changed = {event.what for event in one.events}
    return "alternating" if OF_THE_MODEL in changed or base_python else "again"


def explained(one: SeriesFinding, base_python: bool) -> bool:
    """Whether all that changed since the base differs between the sides of an alternation, too; then nothing else can
    be the cause of a difference that it does not show."""
    can = (OF_THE_MODEL, *OF_THE_ENVIRONMENT) if base_python else (OF_THE_MODEL,)
    return all(event.what.startswith(can) for event in one.events)


def suspected(one: SeriesFinding) -> tuple[MetricFinding, ...]:
    return tuple(metric for metric in one.metrics if metric.word == "worse")


def by_alternation(one: SeriesFinding, found: Comparison, began_utc: str, records: Sequence[str]) -> Confirmation:
    """What ``found``, tonight's side against the base in alternation, says of the metrics that were suspected."""
    asked = {metric.metric: metric for metric in suspected(one)}
    changes = [change for change in found.changes if change.metric in asked]
    metrics = tuple(shown_metric(change, asked[change.metric].calibration) for change in changes)
    done = Confirmation(
        how="alternating",
        confirmed=None,
        began_utc=began_utc,
        records=tuple(records),
        metrics=metrics,
        reason=sentence("gate.confirm.undecided"),
    )
    worse = [change for change in changes if change.word in ("slower", "worse")]
    if worse:
        return replace(done, confirmed=True, reason=sentence("gate.confirm.alternating", ratio=ratio_of(worse[0])))
    if metrics and all(metric.word in ("same", "better") for metric in metrics):
        return replace(done, confirmed=False, reason=sentence("gate.confirm.alternating_same"))
    if not metrics:
        return replace(done, reason=sentence("gate.confirm.not_compared"))
    return done


def ratio_of(change: Change) -> float:
    """New over base; of a fraction 1 and the difference."""
    if change.ratio is not None:
        return change.ratio
    return 1 + (change.difference or 0.0)


def shown_metric(change: Change, calibration: Calibration) -> MetricFinding:
    """One metric of a comparison as the gate shows it."""
    fraction = change.difference is not None
    interval = change.difference_interval if fraction else change.interval
    shift = 0 if fraction else 1
    word: Literal["worse", "better", "same", "cannot_tell"] = "cannot_tell"
    if change.word in ("slower", "worse"):
        word = "worse"
    elif change.word in ("faster", "better"):
        word = "better"
    elif change.word == "same":
        word = "same"
    return MetricFinding(
        metric=change.metric,
        word=word,
        base=change.base,
        new=change.new,
        change=ratio_of(change) - 1,
        interval=None if interval is None else (interval[0] - shift, interval[1] - shift),
        p_corrected=change.p_corrected,
        calibration=calibration,
    )


def by_session(
    one: SeriesFinding, metrics: Sequence[MetricFinding], began_utc: str, records: Sequence[str]
) -> Confirmation:
    """What another session of tonight's side says; ``metrics``: its figures, of those that were suspected."""
    done = Confirmation(
        how="again",
        confirmed=None,
        began_utc=began_utc,
        records=tuple(records),
        metrics=tuple(metrics),
        reason=sentence("gate.confirm.not_measured"),
    )
    if not metrics:
        return done
    worse = [metric for metric in metrics if metric.word == "worse"]
    if worse and any(metric.residual is not None for metric in one.metrics):
        return replace(done, reason=sentence("gate.confirm.machine_moved"))
    if worse:
        return replace(done, confirmed=True, reason=sentence("gate.confirm.again", ratio=1 + worse[0].change))
    if all(metric.word in ("same", "better") for metric in metrics):
        return replace(done, confirmed=False, reason=sentence("gate.confirm.again_same"))
    return replace(done, reason=sentence("gate.confirm.undecided"))


def not_done(how: How, began_utc: str, why: Sentence | str) -> Confirmation:
    """A second measurement that did not come about."""
    return Confirmation(how=how, confirmed=None, began_utc=began_utc, reason=why)
