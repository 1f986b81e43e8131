"""What ``odb check`` found, and the files that the dossier rests on, with their hashes."""

from itertools import groupby

from bench.reports.dossiers.blocks import Block, Grid, Section, Text
from bench.reports.dossiers.sections.overview import heads
from bench.reports.view.rows import Cell, Table
from bench.reports.view.tables import plain_row
from bench.submission.dossier.data import DossierData
from bench.submission.rules.finding import SEVERITIES, Finding
from bench.words import say, units


def files(dossier: DossierData) -> Section:
    """Every file by name, with its size and its whole SHA-256; then the models by their own."""
    rows = tuple(plain_row(units.clean(one.name), units.size(one.size_bytes), one.sha256) for one in dossier.files)
    plans = {
        (run.record.plan.model.id, run.record.plan.model.sha256): run.record.plan.model
        for run in dossier.assessment.own
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
    rows = tuple(_finding(tuple(alike)) for _, alike in groupby(order, key=lambda one: (one.rule, one.severity)))
    table = Table(title, heads("rule", "found", "remedy"), rows)
    return (Section("findings", title, (Grid(table, titled=False),), level=3),)


def _finding(found: tuple[Finding, ...]) -> tuple[Cell, ...]:
    """All that one rule found."""
    first = found[0]
    rule = Cell(units.clean(first.rule), notes=(say(f"severity.{first.severity}"),))
    remedies = dict.fromkeys(units.clean(one.remedy) for one in found)
    remedy = Cell(" ".join(filter(None, remedies)) or units.MISSING)
    if len(found) == 1:
        return rule, Cell(units.clean(first.told), notes=(units.clean(first.where),)), remedy
    places = tuple(say("text.at", where=units.clean(one.where), message=units.clean(one.told)) for one in found)
    return rule, Cell(say("dossier.findings.count", count=len(found)), notes=places), remedy
