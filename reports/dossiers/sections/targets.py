"""The table of targets (정량적 목표 달성표): each criterion, what was measured, and whether it is met."""

from bench.record.record import RecordedRun
from bench.reports.dossiers.blocks import Fact, Target, Targets
from bench.reports.dossiers.sections.numbers import in_unit, landmarks, shown, stated, unit_words
from bench.reports.words.causes import emulated
from bench.submission.assessment import Assessment, Row
from bench.submission.criterion import Criterion
from bench.submission.decision import Word, invalid_codes
from bench.submission.figures import figure_kind
from bench.words import say, units

SIGNS: dict[Word, str] = {"met": "✓", "not_met": "✕", "cannot_tell": "?"}
HEADS = ("criterion", "unit", "weight", "target", "measured", "achievement", "decision", "method", "evidence")


def targets(assessment: Assessment) -> Targets:
    """The table, with its sums."""
    runs = {run.record.record_id: run for run in assessment.runs}
    rows = tuple(_row(n, row, runs.get(row.record_id)) for n, row in enumerate(assessment.rows, start=1))
    proposed = sum(row.criterion.proposed for row in assessment.rows)
    note = say("dossier.targets.note")
    if proposed:
        note = f"{note} {say('dossier.targets.proposed_note', count=proposed)}"
    return Targets(tuple(say(f"dossier.column.{head}") for head in HEADS), rows, totals(assessment), note)


def totals(assessment: Assessment) -> tuple[Fact, ...]:
    """Sums of weights, and the whole's achievement."""
    count = {word: sum(row.decision.word == word for row in assessment.rows) for word in SIGNS}
    sums: dict[Word, float] = {
        "met": assessment.met,
        "not_met": assessment.not_met,
        "cannot_tell": assessment.undecided,
    }
    facts = [
        Fact(
            decision_word(word),
            say("dossier.weight_of", percent=stated(sums[word])),
            say("dossier.criteria_of", count=n),
        )
        for word, n in count.items()
    ]
    reached = assessment.achievement
    note = say("dossier.achievement.unknown" if reached is None else "dossier.achievement.note")
    return (*facts, Fact(say("dossier.achievement.whole"), units.percent(reached), note))


def decision_word(word: Word) -> str:
    return say(f"dossier.decision.{word}")


def target_words(criterion: Criterion) -> str:
    """``33.3 이하``, ``≤ 33.3``."""
    return say(f"dossier.target.{criterion.direction}", number=stated(criterion.target))


def target_with_unit(criterion: Criterion) -> str:
    """``33.3 ms 이하``."""
    number = with_unit(stated(criterion.target), criterion.unit)
    return say(f"dossier.target.{criterion.direction}", number=number)


def with_unit(number: str, unit: str) -> str:
    """A number and its unit; the number alone where it has none."""
    return number if unit == "1" else say("dossier.with_unit", number=number, unit=unit_words(unit))


def _row(number: int, row: Row, run: RecordedRun | None) -> Target:
    criterion, decision = row.criterion, row.decision
    measured, note, doubt = measured_words(row, run)
    return Target(
        number=number,
        title=units.clean(criterion.title),
        metric=units.clean(criterion.metric),
        unit=unit_words(criterion.unit),
        weight=stated(criterion.weight),
        target=target_words(criterion),
        proposed=say("dossier.proposed") if criterion.proposed else "",
        measured=measured,
        measured_note=note,
        doubt=doubt,
        achievement=units.percent(decision.achievement),
        state=decision.word,
        word=decision_word(decision.word),
        sign=SIGNS[decision.word],
        reason=units.clean(decision.reason),
        method=units.clean(criterion.method) or units.MISSING,
        conditions=units.clean(criterion.conditions),
        record_id=units.clean(row.record_id),
        sha256=units.clean(row.record_sha256) or (say("report.not_sealed") if row.record_id else ""),
    )


def measured_words(row: Row, run: RecordedRun | None) -> tuple[str, str, str]:
    """The figure in the criterion's unit; its interval and from how many; and why it may not be used. An emulator's
    time, memory or energy is not shown at all."""
    if row.seen.value is None or run is None:
        return units.MISSING, "", ""
    kind = figure_kind(row.criterion.metric)
    if kind.of_device and emulated(run.record):
        return units.MISSING, say("dossier.measured.emulated"), ""
    doubt = say("dossier.measured.invalid") if invalid_codes(kind, run.record) else ""
    number, note = figure_words(row)
    return number, note, doubt


def figure_words(row: Row) -> tuple[str, str]:
    """The figure, and its interval with the number of processes, samples or readings."""
    seen, criterion = row.seen, row.criterion
    found = [one for one in (seen.value, seen.low, seen.high) if one is not None]
    words = shown([in_unit(one, criterion) for one in found], landmarks(criterion))
    if seen.interval == "exact":
        return words[0], say("dossier.measured.exact")
    kind = figure_kind(criterion.metric)
    one = "reading" if kind.idle else "sample" if kind.about == "quality" else "process"
    counted = units.counted(seen.n, one)
    if len(words) < 3:
        return words[0], say("dossier.measured.no_interval", counted=counted)
    _, low, high = words
    return words[0], say(f"dossier.measured.{seen.interval}", low=low, high=high, counted=counted)
