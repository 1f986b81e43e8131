"""The ladder of proof: how far a submission is shown to hold.

Its words follow ACM's badges: complete (every criterion has its record), consistent (what the records state follows
from their samples), rerun by the applicant, reproduced by another.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from bench.record.record import Record, RecordedRun
from bench.submission.assessment import Assessment, Row
from bench.submission.decision import Word, decide
from bench.submission.figures import Seen, figure_kind, later
from bench.words import Sentence, sentence

Rung = Literal["complete", "consistent", "rerun", "reproduced"]


class Step(Struct, frozen=True):
    """``reached``: null where it is not known. ``reason``: why it is not reached, or not known."""

    rung: Rung
    reached: bool | None
    reason: Sentence | str = ""


def ladder(assessment: Assessment, rejected: Sequence[str] = ()) -> tuple[Step, ...]:
    """The four steps, by what the submission's folder shows. ``rejected``: rules of ``odb check`` that reject it."""
    measurable = [row for row in assessment.rows if not _later(row)]
    return (
        _complete(measurable, rejected),
        _consistent(assessment),
        _rerun(assessment, measurable),
        Step("reproduced", None, _unknown(assessment)),
    )


def _later(row: Row) -> bool:
    return (later(row.criterion.metric) or later(row.criterion.scenario)) is not None


def _unknown(assessment: Assessment) -> Sentence:
    """Why the last step is not known before anybody measured it again, and what will keep it so."""
    told = sentence("submission.step.reproduced_unknown")
    unmeasurable = [row.criterion.id for row in assessment.rows if _later(row)]
    if not unmeasurable:
        return told
    return sentence("text.two", first=told, second=unmeasurable_told(unmeasurable))


def unmeasurable_told(criteria: Sequence[str]) -> Sentence:
    """That ``criteria`` cannot be measured with this version, and what would decide them."""
    settled = sentence("submission.later_settled")
    return sentence("submission.step.later", criteria=list(criteria), settled=settled)


def _complete(rows: Sequence[Row], rejected: Sequence[str]) -> Step:
    without = [row.criterion.id for row in rows if not row.record_id]
    if not rows:
        return Step("complete", False, sentence("submission.step.no_criteria"))
    if without:
        return Step("complete", False, sentence("submission.step.without_record", criteria=without))
    if rejected:
        return Step("complete", False, sentence("submission.step.rejected", rules=list(rejected)))
    return Step("complete", True)


def _consistent(assessment: Assessment) -> Step:
    if assessment.refused:
        return Step("consistent", False, sentence("submission.step.refused", count=len(assessment.refused)))
    if not assessment.runs:
        return Step("consistent", None, sentence("submission.step.no_records"))
    edited = [run.record.record_id for run in assessment.runs if any(one.edited for one in run.corrections)]
    if edited:
        return Step("consistent", False, sentence("submission.step.edited", records=edited))
    return Step("consistent", True)


def _rerun(assessment: Assessment, rows: Sequence[Row]) -> Step:
    decided = [row for row in rows if row.record_id]
    if not decided:
        return Step("rerun", None, sentence("submission.step.no_records"))
    once = [row.criterion.id for row in decided if len(measured_by(assessment, row)) < 2]
    if once:
        return Step("rerun", False, sentence("submission.step.measured_once", criteria=once))
    changed = [row.criterion.id for row in decided if len({words for _, _, words in reruns(assessment, row)}) > 1]
    if changed:
        return Step("rerun", False, sentence("submission.step.decided_differently", criteria=changed))
    return Step("rerun", True)


def measured_by(assessment: Assessment, row: Row) -> tuple[RecordedRun, ...]:
    """The record that decides ``row``, and the others of the same model and target, newest first. A copy of another's
    samples was not measured."""
    wanted = (row.record_id, *row.others)
    runs = {run.record.record_id: run for run in assessment.runs}
    found = [runs[one] for one in wanted if one in runs]
    alike = [run for run in found if _alike(run.record) == _alike(found[0].record)]
    return tuple({_samples_of(run.record): run for run in reversed(alike)}.values())[::-1]


def _samples_of(record: Record) -> str:
    """What is equal only of copies."""
    return record.record_id if record.samples_file is None else record.samples_file.sha256


def _alike(record: Record) -> tuple[str | None, str]:
    return record.plan.model.sha256, record.plan.target.id


def reruns(assessment: Assessment, row: Row) -> tuple[tuple[RecordedRun, Seen, Word], ...]:
    """Each record of ``measured_by`` with its figure, and how it would decide."""
    kind = figure_kind(row.criterion.metric)
    found = [(run, kind.see(run)) for run in measured_by(assessment, row)]
    return tuple((run, seen, decide(row.criterion, kind, seen, run.record).word) for run, seen in found)
