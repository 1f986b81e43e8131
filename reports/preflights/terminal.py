"""Preflights for a terminal: the answer first, one table of all chips, then why some have no figures."""

from collections.abc import Iterator, Sequence

from bench.preflight.found import Preflight
from bench.reports.preflights.contents import Contents, Shown, column_title, contents
from bench.words import say, sentence
from bench.words.cells import cells, padded, wrapped

FEWEST_CELLS = 60
PLAIN_CELLS = 160
GAP = "  "


class TerminalPreflight:
    summary = sentence("preflight.format.terminal")
    suffix = ".txt"

    def __init__(self, width: int = PLAIN_CELLS) -> None:
        self.width = max(width, FEWEST_CELLS)

    def at_terminal(self, columns: int, color: bool = False) -> "TerminalPreflight":
        """The writer for a terminal of that many columns. It uses no colours."""
        return TerminalPreflight(columns)

    def render(self, found: Sequence[Preflight]) -> bytes:
        """A table for each model, in lines of at most ``width`` cells."""
        parts = ["\n".join(_lines(contents(one), self.width)) for one in found]
        return ("\n\n".join(parts) + "\n").encode()


def _lines(shown: Contents, width: int) -> Iterator[str]:
    yield from wrapped(shown.title, width)
    yield from wrapped(shown.about, width)
    yield ""
    yield from wrapped(shown.answer, width)
    if len(shown.fit) > 1:
        yield from _indented(say("preflight.in_order", fit=shown.fit), width)
    yield ""
    columns = _fitting(shown, width)
    hidden = [name for name in shown.columns if name not in columns]
    yield from _table(shown, columns)
    for reason in shown.reasons:
        yield ""
        head = say("preflight.reason", mark=reason.mark, text=reason.text)
        yield from wrapped(head, width)
        yield from _indented(", ".join(reason.names), width)
        if reason.remedy:
            yield from _indented(reason.remedy, width)
    for title, texts in (("preflight.found", shown.findings), ("preflight.sources", shown.sources)):
        if texts:
            yield ""
            yield say(title)
            for text in texts:
                yield from _indented(text, width)
    left = _by_left([row for row in shown.rows if row.left])
    if left or shown.left:
        yield ""
        yield say("preflight.left")
        yield from _indented(shown.left, width)
        for text, names in left.items():
            yield from _indented(say("preflight.left_on", operators=text, names=names), width)
    if shown.notes or hidden:
        yield ""
    for note in shown.notes:
        yield from wrapped(note, width)
    if hidden:
        yield from wrapped(say("preflight.hidden", columns=[column_title(name) for name in hidden]), width)


def _by_left(rows: Sequence[Shown]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.left, []).append(row.name)
    return found


def _fitting(shown: Contents, width: int) -> list[str]:
    """As many columns as ``width`` cells hold."""
    columns = list(shown.columns)
    while columns and _width(shown, columns) > width:
        columns.pop()
    return columns


def _table(shown: Contents, columns: Sequence[str]) -> Iterator[str]:
    head = ["", column_title("name"), *map(column_title, columns)]
    rows = [_cells(row, columns) for row in shown.rows]
    widths = [max(cells(row[index]) for row in [head, *rows]) for index in range(len(head))]
    for row in [head, *rows]:
        yield GAP.join(
            padded(cell, size) if index < 2 else " " * (size - cells(cell)) + cell
            for index, (cell, size) in enumerate(zip(row, widths, strict=True))
        ).rstrip()


def _cells(row: Shown, columns: Sequence[str]) -> list[str]:
    mark = f" [{row.mark}]" if row.mark else ""
    figures = [
        f"{row.figures[name]} {row.least}".rstrip() if name == "bound" else row.figures[name] for name in columns
    ]
    return [row.sign, f"{row.name}{mark}", *figures]


def _width(shown: Contents, columns: Sequence[str]) -> int:
    head = ["", column_title("name"), *map(column_title, columns)]
    rows = [head, *(_cells(row, columns) for row in shown.rows)]
    return sum(max(cells(row[index]) for row in rows) for index in range(len(head))) + len(GAP) * (len(head) - 1)


def _indented(text: str, width: int) -> Iterator[str]:
    yield from (f"    {line}" for line in wrapped(text, width - 4))
