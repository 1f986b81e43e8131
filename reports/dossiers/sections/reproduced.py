"""What others found who measured the submission again: who, on what, and each criterion's answer."""

from collections.abc import Mapping

from msgspec.structs import replace

from bench.record.record import RecordedRun
from bench.reports.dossiers.blocks import Block, Fact, Facts, Grid, Text
from bench.reports.dossiers.sections.numbers import in_unit, landmarks, shown
from bench.reports.dossiers.sections.overview import heads
from bench.reports.dossiers.sections.targets import with_unit
from bench.reports.view.machines import host_words
from bench.reports.view.rows import Cell, Table
from bench.reports.words.causes import emulated
from bench.submission.assessment import Row
from bench.submission.criterion import Criterion
from bench.submission.dossier.data import DossierData
from bench.submission.dossier.reproduction import Answer, Reproduction, audit_told
from bench.submission.figures import figure_kind
from bench.words import say, units


def reproductions(dossier: DossierData) -> tuple[Block, ...]:
    """Each reproduction, in the order in which they were named."""
    runs = {run.record.record_id: run for run in dossier.assessment.runs}
    rows = {row.criterion.id: (row, runs.get(row.record_id)) for row in dossier.assessment.rows}
    found: list[Block] = []
    for number, one in enumerate(dossier.reproductions, 1):
        found += [Facts(_facts(one)), Grid(_answers(one, number, rows))]
        found += [Text(units.clean(audit_told(audit))) for audit in one.audits]
    return tuple(found)


def _facts(found: Reproduction) -> tuple[Fact, ...]:
    told = [
        ("bundle", units.clean(found.subject), f"SHA-256 {units.clean(found.subject_sha256)}"),
        ("measured_again", units.when(found.created_utc), ""),
        ("machine", host_words(found.host) or units.MISSING, ""),
        ("tool", f"ondevice-bench {units.clean(found.tool_version)}", ""),
        ("answer", say(f"reproduce.word.{found.word}"), ""),
    ]
    if found.seed is not None:
        told.insert(4, ("own_seed", str(found.seed), ""))
    return tuple(Fact(say(f"dossier.fact.{name}"), value, note) for name, value, note in told)


def _answers(found: Reproduction, number: int, rows: Mapping[str, tuple[Row, RecordedRun | None]]) -> Table:
    cells = tuple(_cells(one, *rows[one.criterion]) for one in found.answers if one.criterion in rows)
    columns = heads("criterion", "claimed", "again", "ratio", "answer")
    return Table(say("dossier.reproduction", number=number), columns, cells)


def _cells(answer: Answer, row: Row, run: RecordedRun | None) -> tuple[Cell, ...]:
    """An emulator's time, memory or energy is shown nowhere, whatever the file states."""
    criterion = row.criterion
    if run is not None and emulated(run.record) and figure_kind(criterion.metric).of_device:
        answer = replace(answer, claimed=None, again=None, ratio=None)
    reason, record = units.clean(answer.reason), units.clean(answer.again_record)
    return (
        Cell(units.clean(criterion.title)),
        Cell(_figure(answer.claimed, criterion)),
        Cell(_figure(answer.again, criterion), notes=(record,) if record else ()),
        Cell(_ratio(answer)),
        Cell(say(f"reproduce.word.{answer.word}"), notes=(reason,) if reason else ()),
    )


def _figure(value: float | None, criterion: Criterion) -> str:
    if value is None:
        return units.MISSING
    (number,) = shown([in_unit(value, criterion)], landmarks(criterion))
    return with_unit(number, criterion.unit)


def _ratio(answer: Answer) -> str:
    if answer.ratio is None:
        return units.MISSING
    if answer.interval is None:
        return f"{units.digits(answer.ratio)}×"
    low, high = map(units.digits, answer.interval)
    code = "reproduce.ratio.yardstick" if answer.by_yardstick else "reproduce.ratio"
    return say(code, ratio=units.digits(answer.ratio), low=low, high=high)
