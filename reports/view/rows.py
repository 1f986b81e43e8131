"""What every writer shows: runs as rows, cells and tables, so that a page, a text and a terminal say the same.

A cell is a value, a status and notes."""

from collections.abc import Mapping, Sequence
from itertools import compress
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from bench.analysis.verdict.outputs import MADE_UP
from bench.record.record import Fidelity, PlacementSummary, Record, RecordedRun
from bench.reports.words.causes import STATUS_SIGNS, Status, emulated, status_word
from bench.words import say, units

SHOWN_HASH = 8  # digits of a checksum that distinguish files of one name


_BESIDE_DOUBT: Mapping[Status, Status] = MappingProxyType({"wrong": "invalid", "emulated_wrong": "emulated_invalid"})

Outcome = Literal["agrees", "disagrees", "disagrees_made_up", "not_judged", "not_checked"]
"""Of a comparison with the reference; ``disagrees_made_up``: on made-up inputs, which may be why."""


class Cell(Struct, frozen=True):
    """``run``: the number of its run, from 1. ``weight``: what a bar may show, on the scale of the matrix; ``bar``:
    that as a fraction of the largest in its row. ``doubt``: why the value must not be used; it is shown first, and the
    value small and struck."""

    value: str
    status: Status = "plain"
    notes: tuple[str, ...] = ()
    run: int | None = None
    weight: float | None = None
    bar: float | None = None
    doubt: str = ""

    @property
    def word(self) -> str:
        return status_word(self.status)

    @property
    def sign(self) -> str:
        return STATUS_SIGNS.get(self.status, "")

    @property
    def standing(self) -> str:
        """``word`` without a ``doubt``. With one, which says what is wrong, only that the run is invalid."""
        return status_word(_BESIDE_DOUBT.get(self.status, self.status)) if self.doubt else self.word


MISSING_CELL = Cell(units.MISSING)


class Column(Struct, frozen=True):
    """``key``: its stable name, by which a writer treats it apart; ``title``: what stands above it."""

    key: str
    title: str


def columns(*keys: str) -> tuple[Column, ...]:
    """The columns of these names, with their titles in the language that is spoken."""
    return tuple(Column(key, say(f"report.column.{key}")) for key in keys)


class Table(Struct, frozen=True):
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    @property
    def titles(self) -> tuple[str, ...]:
        return tuple(column.title for column in self.columns)

    def stated(self) -> "Table":
        """Without the columns for which no row has a value, except the first."""
        held = [i == 0 or any(row[i].value != units.MISSING for row in self.rows) for i in range(len(self.columns))]
        rows = tuple(tuple(compress(row, held)) for row in self.rows)
        return Table(self.caption, tuple(compress(self.columns, held)), rows, self.note)


class Numbered(Struct, frozen=True):
    """A run and its number on the page. ``mark``: distinguishes its model from another of the same name."""

    number: int
    run: RecordedRun
    mark: str = ""

    @property
    def record(self) -> Record:
        return self.run.record

    @property
    def model(self) -> str:
        name = units.clean(self.record.plan.model.id)
        return f"{name} {self.mark}" if self.mark else name

    @property
    def folder(self) -> str:
        return units.clean(self.run.folder)

    @property
    def name(self) -> str:
        """The model, with its folder where there are several."""
        return say("report.in_folder", name=self.model, folder=self.folder) if self.folder else self.model

    @property
    def chip(self) -> str:
        """The chip of an emulated run by its marketing name; where that is not known, target and options."""
        target = self.record.plan.target
        given = options_words(self.record)
        return units.clean(target.device_name or "") or f"{units.clean(target.id)}{f' ({given})' if given else ''}"

    @property
    def place(self) -> str:
        """The target, of an emulated one the chip, and in a rack the device."""
        target = self.record.plan.target
        if not emulated(self.record):
            return ", ".join((units.clean(target.id), *rack_device(self.record)))
        return f"{units.clean(target.id)}, {self.chip}" if target.device_name else self.chip


def rack_device(record: Record) -> tuple[str, ...]:
    """The device of a rack that measured it; nothing outside a rack."""
    return () if record.fleet is None else (units.clean(record.fleet.device),)


def numbered(runs: Sequence[RecordedRun]) -> tuple[Numbered, ...]:
    """The runs, numbered. Models of one name, folder and precision whose files differ bear the start of their checksums
    as a mark."""
    files: dict[tuple[str, str, str | None], set[str]] = {}
    for run in runs:
        model = run.record.plan.model
        if model.sha256 is not None:
            files.setdefault((run.folder, model.id, model.precision), set()).add(model.sha256)
    found = []
    for number, run in enumerate(runs, start=1):
        model = run.record.plan.model
        several = len(files.get((run.folder, model.id, model.precision), ())) > 1
        mark = units.clean(model.sha256)[:SHOWN_HASH] if several and model.sha256 is not None else ""
        found.append(Numbered(number, run, mark))
    return tuple(found)


def placed(items: Sequence[Numbered]) -> bool:
    """Whether the runs come from several folders, and tables need a column for them."""
    return any(item.folder for item in items)


def folder_cells(item: Numbered, placed: bool) -> tuple[Cell, ...]:
    """The cell of the column ``Folder``, where a table has one."""
    return (Cell(item.folder),) if placed else ()


def on_device(placement: PlacementSummary) -> str:
    """Nodes on the requested device, of all: ``118 of 118 nodes on HTP``."""
    total = sum(placement.nodes.values())
    there = placement.nodes.get(placement.requested, 0)
    return say("report.nodes_on", there=there, nodes=total, device=units.clean(placement.requested))


def placement_words(record: Record) -> str:
    return on_device(record.placement) if record.placement is not None else say("report.placement_unknown")


def placed_count(placement: PlacementSummary) -> str:
    """``118 of 118``."""
    there, total = placement.nodes.get(placement.requested, 0), sum(placement.nodes.values())
    return out_of(there, total)


def out_of(part: int, total: int) -> str:
    """``118 of 118``."""
    return say("report.out_of", part=part, total=total)


def outcome(found: Fidelity | None) -> Outcome:
    """Whether the outputs agree with the reference's."""
    if found is None:
        return "not_checked"
    if found.ok is False:
        return "disagrees_made_up" if found.by_degree and found.inputs_source in MADE_UP else "disagrees"
    return "not_judged" if found.ok is None else "agrees"


def agreement(record: Record) -> tuple[Outcome, str]:
    """Whether the outputs agree with the reference's, and what that rests on: a figure, or the reason there is none."""
    found = record.fidelity
    return outcome(found), "" if found is None else _figure(found) or units.clean(str(found.reason))


def _figure(found: Fidelity) -> str:
    if found.cosine_min is not None:
        return say("report.cosine", cosine=found.cosine_min)
    if found.token_prefix is not None:
        return say("report.first_equal", equal=found.token_prefix, compared=found.tokens_compared or 0)
    return ""


def fidelity_words(record: Record) -> str:
    """The same in one phrase: ``fidelity: cosine 0.99, agrees``."""
    if record.fidelity is None:
        return say("report.fidelity_not_checked")
    return say("report.fidelity", found=fidelity_found(record))


def fidelity_found(record: Record) -> str:
    """``fidelity_words`` without the word before it, for a column of its own."""
    if record.fidelity is None:
        return say("report.fidelity_not_checked")
    code, figure = agreement(record)
    word = say(f"report.agreement.{code}")
    return f"{figure}, {word}" if _figure(record.fidelity) else figure or word


def options_words(record: Record) -> str:
    return ", ".join(f"{units.clean(k)}={units.clean(v)}" for k, v in record.plan.target.options_requested.items())
