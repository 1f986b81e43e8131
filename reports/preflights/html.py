"""Preflights as one self-contained HTML page that prints on A4."""

from collections.abc import Sequence

from msgspec import Struct

from bench.preflight.found import Preflight
from bench.printable import visible
from bench.reports.preflights.contents import MISSING, Contents, Shown, column_title, contents
from bench.reports.templates import template
from bench.reports.view.rows import Cell, Column, Table
from bench.reports.words.causes import Status
from bench.words import say, sentence

BESIDE = {"spill_fill": "context", "vtcm": "context", "generation": "name"}
"""Figures that stand below another in its cell, so that the table fits a page of paper."""
STATUSES: dict[str, Status] = {"refused": "failed", "failed": "failed", "ran": "plain"}


class Section(Struct, frozen=True):
    """One model on one device."""

    number: int
    contents: Contents
    table: Table


class HtmlPreflight:
    summary = sentence("preflight.format.html")
    suffix = ".html"

    def render(self, found: Sequence[Preflight]) -> bytes:
        """The page, UTF-8, without scripts and without network."""
        sections = [_section(number, contents(one)) for number, one in enumerate(found, 1)]
        date = found[0].created_utc[:10] if found else ""
        page: str = template("preflight.html.j2").render(sections=sections, date=date)
        return visible(page).encode()


def _section(number: int, shown: Contents) -> Section:
    names = ["name", *(name for name in shown.columns if name not in BESIDE)]
    heads = tuple(Column(name, column_title(name)) for name in names)
    rows = tuple(tuple(_cell(row, name, shown.columns) for name in names) for row in shown.rows)
    return Section(number, shown, Table(shown.title, heads, rows))


def _cell(row: Shown, name: str, columns: Sequence[str]) -> Cell:
    if name == "name":
        notes = [" · ".join(filter(None, (row.name, row.part, row.figures["generation"])))]
        notes += [say("preflight.see_reason", mark=row.mark)] if row.mark else []
        return Cell(f"{row.sign} {row.title}", STATUSES.get(row.status, "plain"), tuple(notes))
    beside = [
        say("preflight.beside", title=column_title(one), figure=row.figures[one])
        for one, where in BESIDE.items()
        if where == name and one in columns and row.figures[one] != MISSING
    ]
    notes = [" · ".join(beside)] if beside else []
    if name == "nodes" and row.left:
        notes.append(say("preflight.left_here", operators=row.left))
    if name == "bound" and row.least:
        notes.append(row.least)
    if name == "fidelity" and row.same_as:
        notes.append(say("preflight.same_as", name=row.same_as))
    return Cell(row.figures[name], "plain", tuple(notes))
