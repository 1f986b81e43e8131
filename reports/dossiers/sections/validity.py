"""How sure the figures are (측정불확도 및 유효성), whether they come again (재현성), and what they do not show."""

from bench.reports.dossiers.blocks import Block, Grid, Section, Steps, Text
from bench.reports.dossiers.sections.environment import measured_runs, run_name
from bench.reports.dossiers.sections.numbers import in_unit, landmarks, shown
from bench.reports.dossiers.sections.overview import heads
from bench.reports.dossiers.sections.reproduced import reproductions
from bench.reports.dossiers.sections.targets import decision_word, with_unit
from bench.reports.view.details import reasons
from bench.reports.view.rows import Cell, Numbered, Table
from bench.reports.view.tables import plain_row
from bench.reports.words.causes import STATUS_SIGNS, causes, emulated, status, status_word
from bench.submission.assessment import Assessment, Row
from bench.submission.dossier.data import DossierData
from bench.submission.dossier.ladder import Step, reruns
from bench.submission.figures import figure_kind, later
from bench.words import say, units


def validity(found: Assessment) -> Section:
    """What the intervals mean, and each record's verdict with its reasons."""
    items = measured_runs(found)
    blocks: list[Block] = [Text(say(f"dossier.validity.{part}")) for part in ("interval", "decision", "not_covered")]
    if items:
        rows = tuple(row for item in items for row in _verdict_rows(item))
        columns = heads("record", "verdict", "reason", "remedy")
        blocks.append(Grid(Table(say("dossier.verdicts"), columns, rows, say("dossier.verdicts.note"))))
    return Section("validity", say("dossier.section.validity"), tuple(blocks))


def _verdict_rows(item: Numbered) -> list[tuple[Cell, ...]]:
    """One row for each cause; one without reasons where nothing was found."""
    state = status(item.record)
    verdict = Cell(f"{STATUS_SIGNS.get(state, '')} {status_word(state)}".strip(), state)
    told = [cause for cause in causes(reasons(item.record)) if cause.key != "emulated"]
    if not told:
        return [(Cell(run_name(item)), verdict, Cell(say("dossier.verdicts.nothing")), Cell(units.MISSING))]
    return [
        (
            Cell(run_name(item)),
            verdict,
            Cell(
                cause.title,
                notes=(
                    cause.message,
                    say("report.page.invalidates" if cause.invalidates else "report.page.noted"),
                ),
            ),
            Cell(cause.remedy or units.MISSING),
        )
        for cause in told
    ]


def reproducibility(dossier: DossierData) -> Section:
    """The ladder's last two steps, each criterion that the applicant measured again, and what others found."""
    found = dossier.assessment
    margin = found.submission.measuring.margin_percent
    blocks: list[Block] = [Text(say("dossier.reproducibility.note", margin=margin / 100))]
    told = [
        say(f"dossier.rung.{step.rung}.told", state=_told(step))
        for step in dossier.steps
        if step.rung in ("rerun", "reproduced")
    ]
    blocks += [Text(words) for words in told]
    rows = tuple(cells for row in found.rows if row.record_id for cells in _rerun_rows(found, row))
    if rows:
        columns = heads("criterion", "record", "measured", "decision")
        blocks.append(Grid(Table(say("dossier.reruns"), columns, rows)))
    blocks += reproductions(dossier)
    return Section("reproducibility", say("dossier.section.reproducibility"), tuple(blocks))


def _told(step: Step) -> str:
    state = {True: "reached", False: "not_reached", None: "unknown"}[step.reached]
    word = say(f"dossier.step.{state}")
    return say("dossier.step.because", word=word, reason=step.reason) if step.reason else word


def _rerun_rows(found: Assessment, row: Row) -> list[tuple[Cell, ...]]:
    every, kind = reruns(found, row), figure_kind(row.criterion.metric)
    if len(every) < 2 or kind.about == "size":
        return []
    criterion, hidden = row.criterion, kind.of_device
    rows: list[tuple[Cell, ...]] = []
    for run, seen, word in every:
        value = units.MISSING
        if seen.value is not None and not (hidden and emulated(run.record)):
            (number,) = shown([in_unit(seen.value, criterion)], landmarks(criterion))
            value = with_unit(number, criterion.unit)
        rows.append(
            (
                Cell(units.clean(criterion.title)),
                Cell(units.clean(run.record.record_id), notes=(units.when(run.record.created_utc),)),
                Cell(value),
                Cell(decision_word(word)),
            )
        )
    return rows


def limits(found: Assessment) -> Section:
    """What the dossier does not show, as far as a program can tell."""
    told = [say("dossier.limits.self"), say("dossier.limits.devices")]
    proposed = [units.clean(row.criterion.title) for row in found.rows if row.criterion.proposed]
    if proposed:
        told.append(say("dossier.limits.proposed", criteria=proposed))
    for row in found.rows:
        reason = later(row.criterion.metric) or later(row.criterion.scenario)
        if reason is not None:
            told.append(say("dossier.limits.later", criterion=units.clean(row.criterion.title), reason=reason))
    if any(emulated(run.record) for run in found.runs):
        told.append(say("dossier.limits.emulated"))
    failed = [run for run in found.own if run.record.status != "ok"]
    if failed:
        names = [
            f"{units.clean(run.record.plan.model.id)} / {units.clean(run.record.plan.target.id)}" for run in failed
        ]
        told.append(say("dossier.limits.failed", runs=list(dict.fromkeys(names))))
    blocks: list[Block] = [Steps(tuple(told))]
    if found.refused:
        rows = tuple(plain_row(units.clean(one.name), units.clean(str(one.message))) for one in found.refused)
        blocks.append(Grid(Table(say("dossier.refused"), heads("record", "reason"), rows)))
    return Section("limits", say("dossier.section.limits"), tuple(blocks))
