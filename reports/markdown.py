"""Markdown as GitHub shows it: for a pull request, an issue or a README."""

from collections.abc import Iterator, Sequence

from bench.printable import visible
from bench.record import RecordedRun
from bench.refused_record import RefusedRecord
from bench.reports import units
from bench.reports.details import Detail, detail
from bench.reports.emulation import emulated_table
from bench.reports.headline import counts_words, headline
from bench.reports.machines import machines
from bench.reports.markdown_text import escape, table_row
from bench.reports.quality import quality_overview
from bench.reports.refused import refused_table
from bench.reports.rows import Cell, Matrix, MatrixRow, Numbered, Table, matrices, numbered
from bench.reports.text_overview import overview_table


class MarkdownReport:
    summary = "tables for a pull request or a README"
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
    yield from ("# Measured on the device", "", escape(counts_words(items)), "")
    tables = matrices(items)
    for sentence in headline(tables, items):
        yield f"- **{escape(sentence.strong)}** {escape(sentence.rest)}".rstrip()
    yield ""
    if refused:
        yield from _table(refused_table(refused), "##")
    for matrix in tables:
        yield from _matrix(matrix)
    overview = overview_table(items)
    if overview is not None:
        yield from _table(overview, "##")
    emulated = emulated_table(items)
    if emulated is not None:
        yield from _table(emulated, "##")
    quality = quality_overview(items)
    if quality is not None:
        yield from _table(quality, "##")
    details = [detail(i) for i in items]
    yield from _notes(details)
    yield from _machines(items)
    yield from _commands(details)


def _matrix(matrix: Matrix) -> Iterator[str]:
    yield from (f"## {escape(matrix.caption)}", "", f"Shown: {escape(matrix.shows)}.", "")
    yield table_row(["Model", *map(escape, matrix.targets)])
    yield table_row(["---"] * (1 + len(matrix.targets)))
    for row in matrix.rows:
        yield table_row(
            [_head(row), *("<br><br>".join(_cell(c) for c in cells) or units.MISSING for cells in row.cells)]
        )
    yield ""


def _head(row: MatrixRow) -> str:
    return "<br>".join([f"**{escape(row.name)}**", *map(escape, row.notes)])


def _cell(cell: Cell) -> str:
    value = f"**{escape(cell.value)}**" if cell.value != cell.word else ""
    marked = f"{cell.sign} {cell.word} ({cell.run})"
    return "<br>".join(filter(None, [value, *map(escape, cell.notes), marked]))


def _table(table: Table, level: str) -> Iterator[str]:
    yield from (f"{level} {escape(table.caption)}", "")
    if table.note:
        yield from (escape(table.note), "")
    yield table_row([escape(c) for c in table.columns])
    yield table_row(["---"] * len(table.columns))
    for row in table.rows:
        yield table_row(["<br>".join([escape(c.value), *map(escape, c.notes)]) for c in row])
    yield ""


def _notes(details: Sequence[Detail]) -> Iterator[str]:
    """Failures and verdict reasons, with what to do."""
    told = [d for d in details if d.failure or d.reasons]
    if not told:
        return
    yield from ("## Notes", "")
    for one in told:
        where = f"{one.number}. {one.model} on {one.target}: {one.word}"
        yield from (f"**{escape(where)}**", "")
        for fact in one.failure:
            yield f"- {fact.label}: {escape(fact.value)}"
        for reason in one.reasons:
            weight = "makes it invalid" if reason.invalidates else "to be known"
            yield f"- **{escape(reason.code)}** ({weight}): {escape(f'{reason.message} {reason.remedy}'.strip())}"
        yield ""


def _machines(items: Sequence[Numbered]) -> Iterator[str]:
    for machine in machines(items):
        yield from (f"## {machine.name}", "")
        if len(machine.runs) < len(items):
            yield from (f"Runs {', '.join(map(str, machine.runs))}.", "")
        yield table_row(["What", "Value"])
        yield table_row(["---", "---"])
        for label, value in machine.facts:
            yield table_row([escape(label), escape(value)])
        yield ""


def _commands(details: Sequence[Detail]) -> Iterator[str]:
    """Indented code, which no fence inside a command can end."""
    commands = dict.fromkeys(d.command for d in details if d.command)
    if not commands:
        return
    yield from ("## To run it again", "")
    for command in commands:
        yield f"    {command}"
    yield ""
