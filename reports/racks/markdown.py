"""Results of a rack in Markdown."""

from collections.abc import Iterator

from bench.printable import visible
from bench.racks.rack import Rack
from bench.reports.racks.contents import Block, Contents, Placed, contents
from bench.reports.view.rows import Table
from bench.reports.words.markdown import escape, table_row
from bench.words import say, sentence, units


class MarkdownRack:
    summary = sentence("rack.format.md")
    suffix = ".md"

    def render(self, rack: Rack) -> bytes:
        """UTF-8; names are escaped, so that they cannot become markup."""
        return visible("\n".join(_page(contents(rack))).rstrip() + "\n").encode()


def _page(found: Contents) -> Iterator[str]:
    yield from (f"# {escape(found.title)}", "", escape(found.summary), "", escape(found.note), "")
    for section in found.sections:
        yield from (f"## {escape(section.caption)}", "")
        for block in section.blocks:
            yield from _block(block)
    for table in found.tables:
        yield from _table(table)


def _block(block: Block) -> Iterator[str]:
    yield table_row([escape(title) for title in (say("rack.column.model"), *block.devices)])
    yield table_row(["---"] * (1 + len(block.devices)))
    for row in block.rows:
        name = "<br>".join([f"**{escape(row.name)}**", *map(escape, row.notes)])
        yield table_row([name, *("<br><br>".join(map(_cell, cells)) or units.MISSING for cells in row.cells)])
    yield ""


def _cell(placed: Placed) -> str:
    """The target, a doubt, then the figure, struck, as on the page."""
    cell = placed.cell
    figure = f"~~{escape(cell.value)}~~" if cell.doubt else f"**{escape(cell.value)}**"
    word = "" if cell.value == cell.word else f"{cell.sign} {cell.standing}".strip()
    first = [escape(placed.target)] if placed.target else []
    first += [f"**{escape(cell.doubt)}**"] if cell.doubt else []
    return "<br>".join([*first, figure, *map(escape, filter(None, (word, *cell.notes)))])


def _table(table: Table) -> Iterator[str]:
    yield from (f"## {escape(table.caption)}", "")
    if table.note:
        yield from (escape(table.note), "")
    yield table_row([escape(title) for title in table.titles])
    yield table_row(["---"] * len(table.columns))
    for row in table.rows:
        yield table_row(["<br>".join(map(escape, filter(None, (cell.value, *cell.notes)))) for cell in row])
    yield ""
