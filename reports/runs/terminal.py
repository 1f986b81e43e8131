"""Tables for a terminal, as text of a fixed width."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
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
from bench.reports.view.rows import Column, Table, numbered
from bench.reports.words.causes import Status
from bench.words import say, sentence, units

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


_KEPT = "\ue000"
"""Stands for the space between a number and its unit until lines are broken; rich breaks them at every other space."""


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
        return "".join(f"{line.rstrip()}\n" for line in out.getvalue().replace(_KEPT, " ").splitlines()).encode()


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

    return Text(units.together(text, _KEPT), style=_STYLES.get(status, ""))


def _cell(text: str, status: Status) -> "Text":
    """``_text`` of a cell; a word that is wider than its column is broken after a sign between its parts."""
    from rich.text import Text

    class Cell(Text):
        def wrap(self, console: "Console", width: int, **how: Any) -> "Lines":
            return self.blank_copy(parted(self.plain, width)).wrap(console, width, **how)

    return Cell(units.together(text, _KEPT), style=_STYLES.get(status, ""))


def parted(text: str, width: int) -> str:
    """``text`` with each word that is longer than ``width`` broken into lines of at most that, after ``_ = / , : .`` or
    a hyphen; a part that is still too long is left whole."""

    def lines(word: "re.Match[str]") -> str:
        made = [""]
        for part in re.findall(r"[^_=/,:.-]*[_=/,:.-]|[^_=/,:.-]+", word[0]):
            if made[-1] and len(made[-1]) + len(part) > width:
                made.append("")
            made[-1] += part
        return "\n".join(made)

    return re.sub(rf"\S{{{width + 1},}}", lines, text)


def _print_table(console: "Console", found: Table, complete: bool) -> None:
    from rich.text import Text

    table, left_out = _drawn(found, ()), list[Column]()
    unbounded = console.options.update(width=10_000)
    for key in () if complete else _DISPENSABLE:
        if console.measure(table, options=unbounded).maximum <= console.width:
            break
        left_out += [column for column in found.columns if column.key == key]
        table = _drawn(found, left_out)
    console.print(Text(found.caption, style="bold"))
    console.print(table)
    if left_out:
        console.print(_text(say("report.left_out", columns=[column.title for column in left_out]), "skipped"))
    if found.note:
        console.print(_text(found.note, "skipped"))
    console.print()


def _drawn(found: Table, left_out: Sequence[Column]) -> "RichTable":
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    shown = [index for index, column in enumerate(found.columns) if column not in left_out]
    for index in shown:
        column = found.columns[index]
        table.add_column(column.title, overflow="fold", no_wrap=column.key not in _WRAPPED)
    for row in found.rows:
        table.add_row(*(_cell("\n".join((row[i].value, *row[i].notes)), row[i].status) for i in shown))
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
