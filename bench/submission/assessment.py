"""A submission assessed: each criterion with the record that decides it, its figure and the decision.

Nothing here reads a stored decision: everything is computed from the records, whose figures are computed from their
samples. What a bundle states is compared with this.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench.errors import OdbError
from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
from bench.scenarios.kinds import scenario_name, scenario_text
from bench.store.records import every_record, record_folders
from bench.submission.criterion import Criterion
from bench.submission.decision import Decision, decide
from bench.submission.figures import FigureKind, Seen, figure_kind, later
from bench.submission.form import RECORDS, Submission, read_submission
from bench.submission.matching import matching
from bench.submission.measuring.yardstick import is_yardstick
from bench.submission.units import base_of
from bench.words import Sentence, sentence, words_of


class Row(Struct, frozen=True, kw_only=True):
    """A criterion and what decides it. ``record_id`` is empty where no record fits; ``others``: ids of further records
    that fit, older than the one that decides."""

    criterion: Criterion
    decision: Decision
    seen: Seen = Seen()
    unit: str = ""
    record_id: str = ""
    record_sha256: str = ""
    others: tuple[str, ...] = ()


class Assessment(Struct, frozen=True, kw_only=True):
    """``met``, ``not_met`` and ``undecided``: sums of weights in percent. ``achievement``: mean of the decided and
    undecided criteria's achievements, each at most 1, by weight; null while one of them has none. A weight that is not
    above 0, or no number, has no part in the sums, and leaves no mean."""

    submission: Submission
    rows: tuple[Row, ...]
    runs: tuple[RecordedRun, ...] = ()
    refused: tuple[RefusedRecord, ...] = ()

    @property
    def own(self) -> tuple[RecordedRun, ...]:
        """The runs of what is submitted: all but those of yardsticks."""
        return tuple(run for run in self.runs if not is_yardstick(run.record))

    @property
    def met(self) -> float:
        return self._weight("met")

    @property
    def not_met(self) -> float:
        return self._weight("not_met")

    @property
    def undecided(self) -> float:
        return self._weight("cannot_tell")

    @property
    def achievement(self) -> float | None:
        found = [(row.decision.achievement, row.criterion.weight) for row in self.rows]
        total = sum(weight for _, weight in found)
        if not total or any(reached is None or not _is_weight(weight) for reached, weight in found):
            return None
        return sum(min(1.0, reached or 0.0) * weight for reached, weight in found) / total

    def _weight(self, word: str) -> float:
        weights = [row.criterion.weight for row in self.rows if row.decision.word == word]
        return sum(weight for weight in weights if _is_weight(weight))


def _is_weight(weight: float) -> bool:
    return 0 < weight < math.inf


def assess(folder: Path) -> Assessment:
    """The submission in ``folder``, with the records in it. Raises ``InputError`` for a form that cannot be read;
    records that cannot be read are in ``refused``."""
    submission = read_submission(folder)
    where = folder / RECORDS
    runs, refused = every_record(where) if record_folders(where) else ([], [])
    return assessed(submission, runs, refused)


def assessed(submission: Submission, runs: Sequence[RecordedRun], refused: Sequence[RefusedRecord] = ()) -> Assessment:
    """``submission`` assessed by ``runs``."""
    return Assessment(
        submission=submission,
        rows=tuple(_row(submission, criterion, runs) for criterion in submission.criteria),
        runs=tuple(runs),
        refused=tuple(refused),
    )


def _row(submission: Submission, criterion: Criterion, runs: Sequence[RecordedRun]) -> Row:
    reason = later(criterion.metric) or later(criterion.scenario)
    if reason is not None:
        return Row(criterion=criterion, decision=Decision("cannot_tell", None, reason))
    try:
        kind = figure_kind(criterion.metric)
        stated = base_of(criterion.unit)[0]
    except OdbError as error:
        return Row(criterion=criterion, decision=Decision("cannot_tell", None, words_of(error)))
    if stated != kind.unit:
        reason = sentence("submission.unit_of_another_figure", unit=criterion.unit, metric=criterion.metric)
        return Row(criterion=criterion, decision=Decision("cannot_tell", None, reason), unit=kind.unit)
    found = matching(submission, criterion, kind, runs)
    if not found:
        reason = _no_record(submission, criterion, kind, runs)
        return Row(criterion=criterion, decision=Decision("cannot_tell", None, reason), unit=kind.unit)
    newest, *older = found
    seen = kind.see(newest)
    return Row(
        criterion=criterion,
        decision=decide(criterion, kind, seen, newest.record),
        seen=seen,
        unit=kind.unit,
        record_id=newest.record.record_id,
        record_sha256=newest.record.record_sha256 or "",
        others=tuple(run.record.record_id for run in older),
    )


def _no_record(submission: Submission, criterion: Criterion, kind: FigureKind, runs: Sequence[RecordedRun]) -> Sentence:
    """Where the scenario was played with other parameters, such as for a shorter time, that is said."""
    fitting = matching(submission, replace(criterion, scenario=""), kind, runs)
    played = [run.record.plan.scenario for run in fitting]
    others = [scenario_text(one) for one in played if one.name == scenario_name(criterion.scenario)]
    if not criterion.scenario or not others:
        return sentence("submission.no_record")
    found = list(dict.fromkeys(others))
    return sentence("submission.other_parameters", wanted=criterion.scenario, found=found)
