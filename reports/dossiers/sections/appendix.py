"""What ``odb check`` found, and the files that the dossier rests on, with their hashes."""

from bench.reports.dossiers.blocks import Block, Grid, Section, Text
from bench.reports.dossiers.sections.overview import heads
from bench.reports.view.rows import Cell, Table
from bench.reports.view.tables import plain_row
from bench.submission.dossier.data import DossierData
from bench.submission.rules.finding import SEVERITIES
from bench.words import say, units


def files(dossier: DossierData) -> Section:
    """Every file by name, with its size and its whole SHA-256; then the models by their own."""
    rows = tuple(plain_row(units.clean(one.name), units.size(one.size_bytes), one.sha256) for one in dossier.files)
    plans = {
        (run.record.plan.model.id, run.record.plan.model.sha256): run.record.plan.model
        for run in dossier.assessment.runs
    }
    models = tuple(
        plain_row(units.clean(name), units.size(plan.size_bytes), units.clean(sha256))
        for (name, sha256), plan in sorted(plans.items(), key=lambda one: (one[0][0], one[0][1] or ""))
        if sha256
    )
    blocks: list[Block] = [Text(say("dossier.files.note"))]
    columns = heads("file", "size", "sha256")
    if rows:
        blocks.append(Grid(Table(say("dossier.files"), columns, rows)))
    if models:
        columns = heads("model", "size", "sha256")
        blocks.append(Grid(Table(say("dossier.model_files"), columns, models, say("dossier.model_files.note"))))
    return Section("files", say("dossier.section.files"), tuple(blocks))


def findings(dossier: DossierData) -> tuple[Section, ...]:
    """What ``odb check`` found, the gravest first; nothing where it did not run."""
    if dossier.findings is None:
        return ()
    title = say("dossier.section.findings")
    if not dossier.findings:
        return (Section("findings", title, (Text(say("dossier.findings.none")),), level=3),)
    order = sorted(dossier.findings, key=lambda one: (SEVERITIES.index(one.severity), one.rule, one.where))
    rows = tuple(
        (
            Cell(units.clean(one.rule), notes=(say(f"severity.{one.severity}"),)),
            Cell(units.clean(one.told), notes=(units.clean(one.where),)),
            Cell(units.clean(one.remedy) or units.MISSING),
        )
        for one in order
    )
    table = Table(title, heads("rule", "found", "remedy"), rows)
    return (Section("findings", title, (Grid(table, titled=False),), level=3),)
