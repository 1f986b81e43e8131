"""What was measured (시험결과), and apart from it what an emulator shows."""

from msgspec.structs import replace

from bench.reports.charts.figures import figures
from bench.reports.dossiers.blocks import Block, Drawings, Facts, Grid, Section, Text
from bench.reports.dossiers.blocks import Fact as Labelled
from bench.reports.dossiers.sections.environment import measured_runs, run_name
from bench.reports.view.curves.table import curve_table
from bench.reports.view.details import Detail, detail
from bench.reports.view.emulation import emulated_table
from bench.reports.view.lm.cost import divergence_table
from bench.reports.view.lm.tables import agreement_table, text_table
from bench.reports.view.power.tables import energy_table, meter_table
from bench.reports.view.quality import quality_table
from bench.reports.view.rows import Numbered
from bench.reports.view.staged.tables import stages_table
from bench.reports.view.tables import (
    cold_start_table,
    fidelity_table,
    latency_table,
    memory_table,
    placement_table,
)
from bench.reports.words.causes import emulated
from bench.submission.assessment import Assessment
from bench.words import say, units

TABLES = (
    *(curve_table, stages_table, latency_table, text_table),
    *(cold_start_table, memory_table, energy_table, meter_table),
    *(quality_table, placement_table, fidelity_table, agreement_table, divergence_table),
)


def results(found: Assessment) -> tuple[Section, ...]:
    """A part for each record that decides a criterion and is of a device; the others are named."""
    items = [item for item in measured_runs(found) if not emulated(item.record)]
    deciding = {row.record_id for row in found.rows}
    shown = [item for item in items if item.record.record_id in deciding]
    others = [run_name(item) for item in items if item.record.record_id not in deciding]
    blocks: list[Block] = [Text(say("dossier.results.note" if shown else "dossier.results.none"))]
    if others:
        blocks.append(Text(say("dossier.results.others", records=others), "note"))
    head = Section("results", say("dossier.section.results"), tuple(blocks))
    return (head, *(_result(item) for item in shown))


def _result(item: Numbered) -> Section:
    found = detail(item)
    blocks: list[Block] = [Text(say("dossier.results.record", record=units.clean(item.record.record_id)), "note")]
    if found.facts:
        blocks.append(Facts(tuple(_fact(found, n) for n in range(len(found.facts))), prominent=True))
    drawn = figures(item.run, f"r{item.number}")
    if drawn:
        blocks.append(Drawings(drawn))
    blocks += [Grid(table) for table in (make(item.record) for make in TABLES) if table is not None]
    return Section(f"result-{item.number}", run_name(item), tuple(blocks), level=3)


def _fact(found: Detail, number: int) -> Labelled:
    """A figure to see first; one of an invalid record says so."""
    fact = found.facts[number]
    if fact.doubted:
        return Labelled(fact.label, say("dossier.doubted", value=fact.value, status=found.word), fact.note)
    return Labelled(fact.label, fact.value, fact.note)


def emulation(found: Assessment) -> Section:
    """What the emulator proves; none of its times."""
    table = emulated_table(measured_runs(found))
    blocks: tuple[Block, ...] = (Text(say("dossier.emulation.none")),)
    if table is not None:
        rows = tuple(tuple(replace(cell, run=None) for cell in row) for row in table.rows)  # no part of its own
        blocks = (Text(say("dossier.emulation.note"), "warning"), Grid(replace(table, rows=rows)))
    return Section("emulation", say("dossier.section.emulation"), blocks, emulated=table is not None)
