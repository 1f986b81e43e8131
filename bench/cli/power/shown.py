"""What joining a log came to, in lines."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.printable import clean
from bench.words import say, units

if TYPE_CHECKING:
    from bench.power.placing import Outcome
    from bench.record.record import RecordedRun


def told_of(outcome: "Outcome", runs: "Sequence[RecordedRun]") -> tuple[str, ...]:
    """``runs``: those that were joined, in order."""
    if outcome.problem is not None:
        problem = outcome.problem
        return tuple(filter(None, (f"odb: {problem.message}", problem.remedy, say("power.run.kept"))))
    return (*aligned_lines(outcome), *left_out_lines(outcome, runs))


def aligned_lines(outcome: "Outcome") -> Iterator[str]:
    """Where the log is and what is in doubt about that, what the power at idle is, and how long the cool-down took."""
    from bench.power.doubts import doubts_of_place

    alignment, idle = outcome.alignment, outcome.idle
    if alignment is None:
        return
    yield say(f"power.join.aligned.{alignment.by}", offset_s=alignment.offset_s, doubt_s=alignment.doubt_s)
    yield from (str(doubt.told) for doubt in doubts_of_place(alignment))
    if idle.watts is None:
        yield say("power.join.no_idle")
    else:
        yield say("power.join.idle", watts=units.figure(idle.watts, "watts"))
    cooled = None if idle.found is None else idle.found.cooldown_s
    if idle.found is not None and idle.found.shows_cooldown and not (cooled is None and outcome.ends_before):
        yield say("power.join.no_cooldown") if cooled is None else say("power.join.cooldown", time_ns=cooled * 1e9)
    meters = [joined.record.meter for joined in outcome.joined if joined.metered]
    if any(meter is not None and meter.tier == "meter" and meter.stated_uncertainty is None for meter in meters):
        yield say("power.join.unstated")
    if outcome.ends_before:
        yield say("power.join.ends_before")


def left_out_lines(outcome: "Outcome", runs: "Sequence[RecordedRun]") -> Iterator[str]:
    for run, found in zip(runs, outcome.joined, strict=True):
        plan = run.record.plan
        for why in found.left_out:
            yield say("power.join.left_out", model=clean(plan.model.id), target=clean(plan.target.id), why=why)
