"""Markdown as GitHub shows it: for a pull request, an issue or a README."""

from collections.abc import Iterator, Sequence

from bench.printable import visible
from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
from bench.reports.view.curves.batches import batch_table
from bench.reports.view.curves.table import curve_listing
from bench.reports.view.details import Detail, detail
from bench.reports.view.emulation import emulated_table
from bench.reports.view.headline import counts_words, headline
from bench.reports.view.lm.cost import cost_table
from bench.reports.view.lm.overview import overview_table
from bench.reports.view.machines import machines
from bench.reports.view.matrix import Matrix, MatrixRow, matrices
from bench.reports.view.notes import notes
from bench.reports.view.operators import operator_listing
from bench.reports.view.provenance import facts, records_table, title
from bench.reports.view.quality import quality_overview
from bench.reports.view.refused import refused_table
from bench.reports.view.rows import Cell, Numbered, Table, columns, numbered
from bench.reports.words.causes import DOUBTED
from bench.reports.words.markdown import escape, table_row
from bench.words import say, sentence, units


class MarkdownReport:
    summary = sentence("report.summary.md")
    suffix = ".md"

    def __init__(self, refused: Sequence[RefusedRecord] = ()) -> None:
        self.refused = tuple(refused)

    def telling(self, refused: Sequence[RefusedRecord]) -> "MarkdownReport":
        return MarkdownReport(refused)

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """UTF-8; text from records is escaped, so that it cannot become markup."""
        items = numbered(runs)
        return visible("\n".join(_page(items, self.refused)).rstrip() + "\n").encode()


def _page(items: Sequence[Numbered], refused: Sequence[RefusedRecord]) -> Iterator[str]:
    yield from (f"# {escape(title(items, refused))}", "", f"**{escape(counts_words(items))}**", "")
    tables = matrices(items)
    for told in headline(tables, items):
        yield f"- **{escape(told.strong)}** {escape(told.rest)}".rstrip()
    yield ""
    made = facts(items, refused)
    if made:
        yield from ("<br>".join(f"{escape(label)}: {escape(value)}" for label, value in made), "")
    if refused:
        yield from _table(refused_table(refused), "##")
    for matrix in tables:
        yield from _matrix(matrix)
    makers = (overview_table, batch_table, emulated_table, cost_table, quality_overview)
    for table in (make(items) for make in makers):
        if table is not None:
            yield from _table(table, "##")
    details = [detail(i) for i in items]
    yield from _notes(details)
    for table in (table for item in items for table in (*curve_listing(item), *operator_listing(item))):
        yield from _table(table, "##")
    yield from _machines(items)
    records = records_table(items)
    if records is not None:
        yield from _table(records, "##")
    yield from _commands(details)


def _matrix(matrix: Matrix) -> Iterator[str]:
    yield from (f"## {escape(matrix.caption)}", "")
    shown = say("report.matrix.shown", figures=matrix.shows) if matrix.shows else say("report.matrix.nothing")
    yield from (escape(shown), "")
    heads = [*(c.title for c in columns(*(("folder",) if matrix.placed else ()), "model")), *matrix.targets]
    heads = [escape(head) for head in heads]
    yield table_row(heads)
    yield table_row(["---"] * len(heads))
    for row in matrix.rows:
        folder = [escape(row.folder)] if matrix.placed else []
        cells = ("<br><br>".join(_cell(c) for c in cells) or units.MISSING for cells in row.cells)
        yield table_row([*folder, _head(row), *cells])
    yield ""


def _head(row: MatrixRow) -> str:
    return "<br>".join([f"**{escape(row.name)}**", *map(escape, row.notes)])


def _cell(cell: Cell) -> str:
    """The value in bold; a value of a run that is not valid struck, after the reason."""
    value = f"**{escape(cell.value)}**" if cell.value != cell.word else ""
    if cell.doubt:
        strike = value and cell.status in DOUBTED and cell.value != units.MISSING
        struck = f"~~{escape(cell.value)}~~" if strike else escape(cell.value)
        value = f"**{escape(cell.doubt)}**<br>{struck}"
    marked = f"{cell.sign} {cell.standing} ({cell.run})"
    return "<br>".join(filter(None, [value, *map(escape, cell.notes), marked]))


def _table(table: Table, level: str) -> Iterator[str]:
    yield from (f"{level} {escape(table.caption)}", "")
    if table.note:
        yield from (escape(table.note), "")
    yield table_row([escape(title) for title in table.titles])
    yield table_row(["---"] * len(table.columns))
    for row in table.rows:
        yield table_row(["<br>".join([_weighed(c), *map(escape, c.notes)]) for c in row])
    yield ""


def _weighed(cell: Cell) -> str:
    """Wrong outputs in bold, so that they stand out in a table."""
    wrong = cell.status in ("wrong", "emulated_wrong")
    return f"**{escape(cell.value)}**" if wrong else escape(cell.value)


def _notes(details: Sequence[Detail]) -> Iterator[str]:
    """Failures and verdict reasons, with what to do; one entry a cause."""
    told = notes(details)
    if not told:
        return
    yield from (f"## {say('report.notes')}", "")
    for note in told:
        yield from (f"**{note.sign} {escape(note.title)}**", "")
        for fact in note.failure:
            yield f"- {fact.label}: {escape(fact.value)}"
        for cause in note.causes:
            weight = say("report.cause_invalidates" if cause.invalidates else "report.cause_noted")
            beside = "; ".join(filter(None, (cause.named, weight)))
            said = f"{cause.message} {cause.remedy}".strip()
            yield f"- **{escape(cause.title)}** ({escape(beside)}): {escape(said)}"
        yield ""


def _machines(items: Sequence[Numbered]) -> Iterator[str]:
    for machine in machines(items):
        yield from (f"## {escape(machine.name)}", "")
        if len(machine.runs) < len(items):
            yield from (say("report.machine_runs", runs=machine.runs), "")
        yield table_row([escape(column.title) for column in columns("what", "value")])
        yield table_row(["---", "---"])
        for label, value in machine.facts:
            yield table_row([escape(label), escape(value)])
        yield ""


def _commands(details: Sequence[Detail]) -> Iterator[str]:
    """Indented code, which no fence inside a command can end."""
    commands = dict.fromkeys(d.command for d in details if d.command)
    if not commands:
        return
    yield from (f"## {say('report.reproduce')}", "")
    for command in commands:
        yield f"    {command}"
    yield ""
