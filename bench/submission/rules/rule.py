"""What a rule of ``odb check`` is, and what it gives for each thing that it finds."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bench.errors import OdbError
from bench.record.record import Record, RecordedRun
from bench.scenarios.kinds import KINDS, parse_scenario, scenario_name
from bench.submission.assessment import Assessment, Row
from bench.submission.criterion import Criterion
from bench.submission.figures import FigureKind, figure_kind, later
from bench.submission.form import RECORDS, SUBMISSION, Submission
from bench.submission.matching import matching, targets_of
from bench.submission.rules.context import Context
from bench.submission.rules.finding import Finding, Severity
from bench.submission.units import base_of
from bench.words import Sentence, sentence

MOST_NAMES = 12
"""In one finding; the rest is left out."""


class Hit(Struct, frozen=True):
    """One thing that a rule found. ``where``: as a finding has it; ``figures`` fill in the rule's sentences."""

    where: str
    figures: dict[str, Any] = {}


Check = Callable[[Assessment, Context], Iterable[Hit]]


class Rule(Struct, frozen=True):
    """``id``: ``ODB-S-nnn``, never used for another rule. ``clause``: the part of the form or of a record that it is
    about. ``since``: the version of the rule set that has it first. ``check`` reads nothing but its arguments."""

    id: str
    clause: str
    severity: Severity
    check: Check
    since: int = 1

    @property
    def title(self) -> Sentence:
        """What is wrong, in one line; the symptom of docs/rules.md."""
        return sentence(f"rule.{self.id}.title")

    @property
    def cause(self) -> Sentence:
        """How it comes about, and why it matters."""
        return sentence(f"rule.{self.id}.cause")

    def findings(self, assessment: Assessment, context: Context) -> Iterator[Finding]:
        """Each hit of ``check`` in words."""
        for hit in self.check(assessment, context):
            figures = {name: _few(value) for name, value in hit.figures.items()}
            told = sentence(f"rule.{self.id}.wrong", **figures)
            remedy = sentence(f"rule.{self.id}.remedy", **figures)
            yield Finding(self.id, self.severity, hit.where, told, remedy)


def _few(value: Any) -> Any:
    """A list that is not too long to be read."""
    return [*value[:MOST_NAMES], "…"] if isinstance(value, list) and len(value) > MOST_NAMES else value


class Claim(Struct, frozen=True):
    """A row of the assessment with what its criterion names: ``kind``, ``None`` for a figure that this version does not
    know or cannot measure yet; ``run``, the record that decides it."""

    row: Row
    kind: FigureKind | None
    run: RecordedRun | None

    @property
    def criterion(self) -> Criterion:
        return self.row.criterion

    @property
    def later(self) -> Sentence | None:
        """Why it cannot be measured with this version, if it cannot."""
        return later(self.criterion.metric) or later(self.criterion.scenario)


def claims(assessment: Assessment) -> Iterator[Claim]:
    """Every criterion."""
    runs = {run.record.record_id: run for run in assessment.runs}
    for row in assessment.rows:
        yield Claim(row, known_kind(row.criterion.metric), runs.get(row.record_id))


def decided(assessment: Assessment) -> Iterator[tuple[Criterion, FigureKind, Row, RecordedRun]]:
    """Every criterion that has a figure and a record."""
    for claim in claims(assessment):
        if claim.kind is not None and claim.run is not None:
            yield claim.criterion, claim.kind, claim.row, claim.run


def deciding(assessment: Assessment) -> dict[str, RecordedRun]:
    """Record id -> each record that decides a criterion."""
    return {run.record.record_id: run for _, _, _, run in decided(assessment)}


def without_record(assessment: Assessment) -> Iterator[tuple[Criterion, tuple[Record, ...]]]:
    """Each criterion that can be measured and that no record decides, and the runs that would have, had they succeeded.
    One that names what the form does not have is left to the rules about that."""
    submission = assessment.submission
    if not sound_parts(submission):
        return
    done = [replace(run, record=replace(run.record, status="ok")) for run in assessment.runs]
    for claim in claims(assessment):
        one, kind = claim.criterion, claim.kind
        if kind is None or claim.later is not None or claim.run is not None or base_unit(one.unit) != kind.unit:
            continue
        if _can_be_measured(submission, one):
            yield one, tuple(run.record for run in matching(submission, one, kind, done))


def _can_be_measured(submission: Submission, criterion: Criterion) -> bool:
    models = [model for model in submission.models if criterion.model in ("", model.id)]
    kind = KINDS.get(scenario_name(criterion.scenario))
    try:
        if kind is not None:
            parse_scenario(criterion.scenario, kind)
    except OdbError:
        return False
    return bool(models) and bool(targets_of(submission, criterion))


def sound_parts(submission: Submission) -> bool:
    """Whether the form has models with a source, targets and criteria, without which no record fits."""
    models = submission.models
    return bool(models and submission.targets and submission.criteria) and all(model.source.strip() for model in models)


def known_kind(metric: str) -> FigureKind | None:
    """The figure of that path; ``None`` for one that this version does not have."""
    if later(metric) is not None:
        return None
    try:
        return figure_kind(metric)
    except OdbError:
        return None


def base_unit(unit: str) -> str | None:
    """The record's unit of a criterion's; ``None`` for an unknown one."""
    try:
        return base_of(unit)[0]
    except OdbError:
        return None


def in_form(field: str) -> str:
    """A field of the form, as a finding names it."""
    return f"{SUBMISSION}: {field}"


def of_criterion(criterion: Criterion, field: str = "") -> str:
    """A criterion's field, as a finding names it."""
    return in_form(f"criteria[{criterion.id}]{'.' if field else ''}{field}")


def in_record(record_id: str, field: str = "") -> str:
    """A record's field, as a finding names it."""
    return f"{RECORDS}/{record_id}{': ' if field else ''}{field}"


def amount(value: float, unit: str) -> str:
    """A target or a level with its unit, as the form states them; ``1`` is no unit to show."""
    return f"{value:g}" if unit == "1" else f"{value:g} {unit}"


def weaker(criterion: Criterion, one: float, other: float) -> bool:
    """Whether ``one`` asks for less than ``other``, by the criterion's direction."""
    return one > other if criterion.direction == "at_most" else one < other
