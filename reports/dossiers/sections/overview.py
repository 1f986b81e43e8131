"""What is submitted (과제 개요), and what each target rests on."""

from bench.reports.dossiers.blocks import Block, Facts, Grid, Section, Text
from bench.reports.dossiers.blocks import Fact as Labelled
from bench.reports.dossiers.sections.numbers import stated
from bench.reports.dossiers.sections.targets import target_with_unit, with_unit
from bench.reports.view.rows import Cell, Column, Table
from bench.reports.view.tables import plain_row
from bench.submission.assessment import Assessment
from bench.submission.criterion import Criterion, Level
from bench.submission.dossier.data import DossierData
from bench.submission.form import Submission, SubmittedModel
from bench.submission.matching import is_of
from bench.words import say, units


def overview(dossier: DossierData) -> Section:
    """The project, its models and its targets."""
    form, track = dossier.assessment.submission, dossier.track
    summary = units.clean(form.project.summary)
    blocks: list[Block] = [Text(summary)] if summary else []
    if track is not None:
        facts = (("about", units.clean(track.about)), ("device_class", units.clean(track.device)))
        blocks.append(Facts(tuple(Labelled(say(f"dossier.fact.{name}"), value) for name, value in facts if value)))
    blocks += [Grid(_models(dossier.assessment)), Grid(_targets(form))]
    return Section("overview", say("dossier.section.overview"), tuple(blocks))


def heads(*names: str) -> tuple[Column, ...]:
    """Columns of the dossier's own tables."""
    return tuple(Column(name, say(f"dossier.column.{name}")) for name in names)


def _models(found: Assessment) -> Table:
    rows = tuple(
        plain_row(
            units.clean(model.title or model.id),
            units.clean(model.source),
            _file(found, model),
            units.clean(model.licence) or units.MISSING,
        )
        for model in found.submission.models
    )
    return Table(say("dossier.models"), heads("model", "source", "model_file", "licence"), rows)


def _file(found: Assessment, model: SubmittedModel) -> str:
    """Precision, size and checksum of the file that was measured."""
    plans = [run.record.plan.model for run in found.runs if is_of(run.record, model)]
    facts = {
        ", ".join(
            part
            for part in (
                units.clean(plan.format or ""),
                units.clean(plan.precision or ""),
                units.size(plan.size_bytes) if plan.size_bytes is not None else "",
                f"SHA-256 {units.clean(plan.sha256)}" if plan.sha256 else "",
            )
            if part
        )
        for plan in plans
    }
    return "; ".join(sorted(facts - {""})) or units.MISSING


def _targets(form: Submission) -> Table:
    rows = tuple(
        plain_row(
            units.clean(target.id),
            say("dossier.stand_in" if target.stand_in else "dossier.device"),
            ", ".join(f"{units.clean(k)}={units.clean(v)}" for k, v in target.options.items()) or units.MISSING,
        )
        for target in form.targets
    )
    return Table(say("dossier.run_on"), heads("run_on", "kind", "options"), rows)


def basis(found: Assessment) -> Section:
    """Why each criterion and its target were chosen: the world's best, the level before, the source."""
    rows = tuple(_basis_row(criterion) for criterion in found.submission.criteria)
    columns = heads("criterion", "target", "world_best", "before", "basis")
    table = Table(say("dossier.section.basis"), columns, rows, say("dossier.basis.note"))
    return Section("basis", say("dossier.section.basis"), (Grid(table, titled=False),))


def _basis_row(criterion: Criterion) -> tuple[Cell, ...]:
    proposed = (say("dossier.proposed"),) if criterion.proposed else ()
    source = units.clean(criterion.source)
    sources = (say("dossier.source", source=source),) if source else ()
    return (
        Cell(units.clean(criterion.title)),
        Cell(target_with_unit(criterion), notes=proposed),
        level_cell(criterion, criterion.world_best),
        level_cell(criterion, criterion.before),
        Cell(units.clean(criterion.reason) or units.MISSING, notes=sources),
    )


def level_cell(criterion: Criterion, level: Level) -> Cell:
    """A level that others reached, with who and where, source and conditions."""
    value = units.MISSING if level.value is None else with_unit(stated(level.value), criterion.unit)
    holder = " / ".join(filter(None, (units.clean(level.country), units.clean(level.holder))))
    conditions, source = units.clean(level.conditions), units.clean(level.source)
    notes = (holder, conditions, say("dossier.source", source=source) if source else "")
    return Cell(value, notes=tuple(filter(None, notes)))
