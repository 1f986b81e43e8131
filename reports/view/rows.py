"""What every writer shows: runs as rows, cells and tables, so that a page, a text and a terminal say the same.

A cell is a value, a status and notes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from bench.analysis.verdict.outputs import MADE_UP
from bench.record.record import Fidelity, PlacementSummary, Record, RecordedRun
from bench.reports.words.causes import STATUS_SIGNS, STATUS_WORDS, Status, emulated
from bench.words import units

SHOWN_HASH = 8  # digits of a checksum that distinguish files of one name


_BESIDE_DOUBT: Mapping[Status, str] = MappingProxyType({"wrong": "not valid", "emulated_wrong": "emulated, not valid"})


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
        return STATUS_WORDS.get(self.status, "")

    @property
    def sign(self) -> str:
        return STATUS_SIGNS.get(self.status, "")

    @property
    def standing(self) -> str:
        """``word`` without a ``doubt``. With one, which says what is wrong, only that the run is invalid."""
        return _BESIDE_DOUBT.get(self.status, self.word) if self.doubt else self.word


MISSING_CELL = Cell(units.MISSING)


class Table(Struct, frozen=True):
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


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
        return f"{self.model} in folder {self.folder}" if self.folder else self.model

    @property
    def chip(self) -> str:
        """The chip of an emulated run by its marketing name; where that is not known, target and options."""
        target = self.record.plan.target
        given = options_words(self.record)
        return units.clean(target.device_name or "") or f"{units.clean(target.id)}{f' ({given})' if given else ''}"

    @property
    def place(self) -> str:
        """The target, and of an emulated one the chip."""
        target = self.record.plan.target
        if not emulated(self.record):
            return units.clean(target.id)
        return f"{units.clean(target.id)}, {self.chip}" if target.device_name else self.chip


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
    noun = "node" if sum(placement.nodes.values()) == 1 else "nodes"
    return f"{placed_count(placement)} {noun} on {units.clean(placement.requested)}"


def placed_count(placement: PlacementSummary) -> str:
    """``118 of 118``."""
    there, total = placement.nodes.get(placement.requested, 0), sum(placement.nodes.values())
    return f"{units.grouped(there)} of {units.grouped(total)}"


def agreement_word(found: Fidelity) -> str:
    """Whether the outputs agree with the reference's."""
    if found.ok is False and found.by_degree and found.inputs_source in MADE_UP:
        return "disagrees on made-up inputs"
    return {True: "agrees", False: "disagrees", None: "not judged"}[found.ok]


def agreement(record: Record) -> tuple[str, str]:
    """Agreement with the reference as a word, and what it rests on: a figure, or the reason there is none."""
    found = record.fidelity
    if found is None:
        return "not checked", ""
    word = agreement_word(found)
    if found.cosine_min is not None:
        return word, f"cosine {units.similarity(found.cosine_min)}"
    if found.token_prefix is not None:
        return word, f"first {found.token_prefix} of {units.counted(found.tokens_compared or 0, 'token')} equal"
    return word, units.clean(found.reason)


def fidelity_words(record: Record) -> str:
    """The same in one phrase."""
    word, figure = agreement(record)
    if record.fidelity is None:
        return "fidelity not checked"
    measured = record.fidelity.cosine_min is not None or record.fidelity.token_prefix is not None
    return f"fidelity: {figure}, {word}" if measured else f"fidelity: {figure or word}"


def options_words(record: Record) -> str:
    return ", ".join(f"{units.clean(k)}={units.clean(v)}" for k, v in record.plan.target.options_requested.items())
