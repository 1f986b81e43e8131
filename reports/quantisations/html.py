"""The page of ``odb quantise``: tries, loss, layers, quality, placement and lineage."""

from collections.abc import Sequence

from bench.contracts import Lineage
from bench.printable import visible
from bench.quantising.outcome import Quantised
from bench.quantising.told import (
    agreement_told,
    choice_told,
    failures_told,
    layer_rows,
    loss_told,
    lost_rows,
    method_told,
    placed_told,
    samples_told,
    size_told,
    state_told,
)
from bench.reports.quantisations.charts import layers_figure, tries_figure
from bench.reports.templates import template
from bench.reports.view.lineage import lineage_lines
from bench.reports.view.rows import Cell, Column, Table
from bench.words import say, sentence, units

MOST_LAYERS = 40
"""Rows of the table of layers; the JSON has all."""


class HtmlQuantisation:
    summary = sentence("quantise.summary.html")
    suffix = ".html"

    def render(self, outcome: Quantised) -> bytes:
        """The page, UTF-8, without scripts and without network. The same outcome gives the same bytes."""
        figures = [figure for figure in (tries_figure(outcome), layers_figure(outcome.layers)) if figure is not None]
        page: str = template("quantisation.html.j2").render(
            title=say("quantise.title", file=units.clean(outcome.source.name), scheme=outcome.scheme),
            facts=_facts(outcome),
            samples=samples_told(outcome.sampled),
            figures=figures,
            tables=[table for table in (_tries(outcome), _quality(outcome), _layers(outcome)) if table is not None],
            said=_said(outcome),
            lineage=lineage_lines(Lineage(outcome.lineage, True)) if outcome.lineage else (),
            command=outcome.command,
        )
        return visible(page).encode()


def _facts(outcome: Quantised) -> list[tuple[str, str]]:
    source, result = outcome.source, outcome.result
    facts = [
        (say("quantise.fact.source"), f"{units.clean(source.name)}, {units.size(source.size_bytes)}"),
        (say("quantise.fact.made"), units.when(outcome.created_utc)),
    ]
    if result is not None:
        facts.insert(1, (say("quantise.fact.result"), f"{units.clean(result.name)}, {units.size(result.size_bytes)}"))
    if outcome.chosen is not None:
        facts.append((say("quantise.fact.method"), method_told(outcome.tries[outcome.chosen])))
        found, interval = loss_told(outcome.tries[outcome.chosen].judging)
        facts.append((say("quantise.fact.loss"), found if interval == units.MISSING else f"{found} ({interval})"))
    return facts


def _said(outcome: Quantised) -> list[str]:
    lines = [*failures_told(outcome), *choice_told(outcome)]
    if outcome.agreement is not None:
        lines.append(agreement_told(outcome.agreement))
    if outcome.lost.reason:
        lines.append(say("quantise.no_quality", reason=outcome.lost.reason))
    return [*lines, *(line for placed in outcome.placed for line in placed_told(placed))]


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Table:
    columns = tuple(Column(head, say(f"quantise.column.{head}")) for head in heads)
    return Table(caption, columns, tuple(tuple(Cell(units.clean(cell)) for cell in row) for row in rows), note)


def _tries(outcome: Quantised) -> Table:
    loss = "loss" if outcome.sampled.held_back else "loss_seen"
    rows = [
        [method_told(one), size_told(one), *loss_told(one.judging), state_told(outcome, index)]
        for index, one in enumerate(outcome.tries)
    ]
    note = say("quantise.tries_note", reference=units.clean(outcome.reference))
    return _table(say("quantise.tries"), ("method", "size", loss, "interval", "state"), rows, note)


def _quality(outcome: Quantised) -> Table | None:
    lost = outcome.lost
    if lost.reason:
        return None
    title = say("quantise.quality_of", samples=lost.samples, dataset=units.clean(lost.dataset))
    heads = ("metric", "float", "quantised", "difference", "interval", "word")
    return _table(title, heads, lost_rows(lost))


def _layers(outcome: Quantised) -> Table | None:
    if not outcome.layers:
        return None
    rows = layer_rows(outcome.layers[:MOST_LAYERS])
    return _table(
        say("quantise.worst_layers"), ("layer", "operator", "own", "total"), rows, say("quantise.layers_note")
    )
