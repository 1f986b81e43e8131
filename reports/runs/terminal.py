"""Tables for a terminal, as text of a fixed width."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
from bench.reports.runs.fitting import KEPT, blocks, is_one_line, parts_of, stacked, widths_of, without
from bench.reports.view.curves.batches import batch_table
from bench.reports.view.curves.table import MOST_ROWS, curve_listing
from bench.reports.view.details import detail
from bench.reports.view.emulation import emulated_table
from bench.reports.view.headline import counts_words, headline
from bench.reports.view.listing import listing
from bench.reports.view.lm.cost import cost_listing
from bench.reports.view.lm.tables import differences_words
from bench.reports.view.matrix import matrices
from bench.reports.view.notes import Note, notes
from bench.reports.view.operators import operator_listing
from bench.reports.view.provenance import facts, short_hashes
from bench.reports.view.quality import quality_listing
from bench.reports.view.refused import refused_table
from bench.reports.view.rows import Table, numbered
from bench.reports.words.causes import Status
from bench.words import say, sentence, units
from bench.words.cells import wrapped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.containers import Lines
    from rich.table import Table as RichTable
    from rich.text import Text

_STYLES: dict[Status, str] = {
    "valid": "green",
    "invalid": "yellow",
    "wrong": "bold red",
    "emulated_wrong": "bold red",
    "emulated_invalid": "yellow",
    "unjudged": "yellow",
    "emulated": "magenta",
    "failed": "red",
    "skipped": "bright_black",
}


_WRAPPED = frozenset(
    {"model", "target", "ran_in", "verdict", "result", "record", "why", "chip", "outputs", "folder", "operator", "note"}
)
"""Columns whose cells are broken into lines."""


_POINTS_AT_TERMINAL = 16
"""Rows of a curve at a terminal: the whole report has more."""


_DISPENSABLE = ("cold_start", "peak_rss", "tokens_per_s", "interval95", "macs_per_s", "kernel")
"""Columns that are left out where a table is too wide, in this order."""


class TerminalReport:
    """``width`` in columns; ``color`` writes ANSI colours, which carry no meaning that words do not. ``complete`` folds
    what is too wide; otherwise columns are left out, and a line names them."""

    summary = sentence("report.summary.terminal")
    suffix = ".txt"

    def __init__(
        self, width: int = 120, color: bool = False, complete: bool = True, refused: Sequence[RefusedRecord] = ()
    ) -> None:
        self.width = width
        self.color = color
        self.complete = complete
        self.refused = tuple(refused)

    def at_terminal(self, columns: int, color: bool) -> "TerminalReport":
        return TerminalReport(columns, color, complete=False, refused=self.refused)

    def telling(self, refused: Sequence[RefusedRecord]) -> "TerminalReport":
        return TerminalReport(self.width, self.color, self.complete, refused)

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        out = io.StringIO()
        console = _console(out, self.width, self.color)
        items = numbered(runs)
        tables = matrices(items)
        for table in (
            *(listing(m) for m in tables),
            batch_table(items),
            emulated_table(items),
            cost_listing(items),
            quality_listing(items),
        ):
            if table is not None:
                _print_table(console, table, self.complete)
        for note in notes([detail(item) for item in items]):
            _print_note(console, note)
        points = MOST_ROWS if self.complete else _POINTS_AT_TERMINAL
        for item in items:
            for table in (*curve_listing(item, points), *operator_listing(item)):
                _print_table(console, table, self.complete)
        for item in items:
            if parted := differences_words(item.record):
                console.print(_text(say("report.divergence.of_run", run=item.number, said=parted)))
        if self.refused:
            _print_table(console, refused_table(self.refused), complete=True)
        for told in headline(tables, items):
            console.print(_text(told.text, told.status))
        console.print(_text(counts_words(items)))
        for label, value in facts(items, self.refused):
            console.print(_text(f"{label}: {value}", "skipped"))
        if items:
            console.print(_text(say("report.checksums", checksums=short_hashes(items)), "skipped"))
        return "".join(f"{line.rstrip()}\n" for line in out.getvalue().replace(KEPT, " ").splitlines()).encode()


def _console(out: io.StringIO, width: int, color: bool) -> "Console":
    """A console that asks nothing of the environment."""
    from rich.console import Console

    return Console(
        file=out,
        width=width,
        height=100,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=not color,
        force_jupyter=False,
        force_interactive=False,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )


def _text(text: str, status: Status = "plain") -> "Text":
    from rich.text import Text

    return Text(units.together(text, KEPT), style=_STYLES.get(status, ""))


def _cell(text: str, status: Status) -> "Text":
    """The text of a cell; a word that is wider than its column is broken after a sign between its parts."""
    from rich.text import Text

    class Cell(Text):
        def wrap(self, console: "Console", width: int, **how: Any) -> "Lines":
            return self.blank_copy(parted(self.plain, width)).wrap(console, width, **how)

    return Cell(text, style=_STYLES.get(status, ""))


def parted(text: str, width: int) -> str:
    """``text`` with each word that is longer than ``width`` broken into lines of at most that, after ``_ = / , : . +``
    or a hyphen; a part that is still too long is left whole."""

    def lines(word: "re.Match[str]") -> str:
        made = [""]
        for part in parts_of(word[0]):
            if made[-1] and len(made[-1]) + len(part) > width:
                made.append("")
            made[-1] += part
        return "\n".join(made)

    return re.sub(rf"\S{{{width + 1},}}", lines, text)


def _print_table(console: "Console", found: Table, complete: bool) -> None:
    from rich.text import Text

    parts = _fitted(_kept(found), console.width, complete)
    shown = {column.key for part in parts for column in part.columns}
    left_out = [one for key in _DISPENSABLE for one in found.columns if one.key == key and key not in shown]
    console.print(Text(found.caption, style="bold"))
    for part in parts:
        console.print(_drawn(part, console.width))
    if left_out:
        console.print(_text(say("report.left_out", columns=[column.title for column in left_out]), "skipped"))
    if found.note:
        console.print(_text(found.note, "skipped"))
    console.print()


def _kept(found: Table) -> Table:
    """With what belongs together in one line."""
    rows = tuple(
        tuple(
            replace(
                cell,
                value=units.together(cell.value, KEPT),
                notes=tuple(units.together(note, KEPT) for note in cell.notes),
            )
            for cell in row
        )
        for row in found.rows
    )
    return replace(found, rows=rows)


def _fitted(found: Table, width: int, complete: bool) -> list[Table]:
    """The table as it is shown: in one line a row where that can be, if need be without columns that are dispensable;
    else with lines that are broken, then with targets below models, then as several tables below each other."""
    fewer = [found, *(() if complete else (without(found, _DISPENSABLE[: n + 1]) for n in range(len(_DISPENSABLE))))]
    for one in fewer:
        if is_one_line(one, width):
            return [one]
    for one in (found, *map(stacked, fewer)):
        if widths_of(one, _WRAPPED, width) is not None:
            return [one]
    return blocks(stacked(fewer[-1]), _WRAPPED, width)


def _drawn(found: Table, width: int) -> "RichTable":
    """In one line a row, or as wide as it has to be; where even that is too wide, words are broken."""
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    widths = widths_of(found, _WRAPPED, width) or [None] * len(found.columns)
    for column, own in zip(found.columns, widths, strict=True):
        title = column.title if own is None else "\n".join(wrapped(column.title, own))
        table.add_column(title, overflow="fold", no_wrap=column.key not in _WRAPPED, width=own)
    for row in found.rows:
        table.add_row(*(_cell("\n".join((cell.value, *cell.notes)), cell.status) for cell in row))
    return table


def _print_note(console: "Console", found: Note) -> None:
    """What failed and what the verdict says, with what to do."""
    console.print(_text(f"{found.sign} {found.title}", found.status))
    for fact in found.failure:
        _print_indented(console, f"{say(f'report.failed.line.{fact.key}')}: {fact.value}", 4)
    for cause in found.causes:
        beside = ", ".join(filter(None, (cause.named, "" if cause.invalidates else say("report.cause_noted"))))
        _print_indented(console, f"{cause.title}{f' ({beside})' if beside else ''}: {cause.message}", 4)
        if cause.remedy:
            _print_indented(console, cause.remedy, 8)
    console.print()


def _print_indented(console: "Console", text: str, indent: int) -> None:
    """Every line ``indent`` cells from the left; all but the first two more."""
    lines = _text(text).wrap(console, max(20, console.width - indent - 2))
    for index, line in enumerate(lines):
        line.rstrip()
        console.print(_text(" " * (indent + 2 * (index > 0))) + line, soft_wrap=True)
