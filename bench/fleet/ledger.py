"""``fleet.jsonl``: what became of every order of a fleet's run, one line for each thing that happened.

Lines are only added, so that what a killed client knew is known to the next: which orders are done, and which device
has begun which. Lines that are not whole, as of a killed client or a bad disk, are left out as they are read.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import IO, Literal

import msgspec
from msgspec import Struct

from bench.errors import InputError
from bench.reading import is_file
from bench.store.lines import line_of, lines_in
from bench.words import Sentence, sentence

LEDGER = "fleet.jsonl"
Kind = Literal["folder", "plan", "sent", "began", "fetched", "acknowledged", "dropped", "refused", "lost", "left_out"]
DONE = ("fetched", "acknowledged")
UNDER_WAY = ("sent", "began")
SAID_ONCE = ("plan", "left_out")
MARK_BYTES = 8


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``order``: its id; lines ``folder`` and ``left_out`` have none. ``mark``: on ``folder``, the first line; see
    ``Order.folder``. ``model``, ``target``, ``scenario``: texts, on ``plan`` and ``left_out``. ``record``: the folder
    of the record, on ``fetched``. ``code``, ``reason``, ``remedy``: why something was refused, lost or left out."""

    kind: Kind
    utc: str = ""
    order: str = ""
    device: str = ""
    model: str = ""
    target: str = ""
    scenario: str = ""
    mark: str = ""
    record: str = ""
    code: str = ""
    reason: Sentence | str = ""
    remedy: Sentence | str = ""


class Standing(Struct):
    """What the ledger says of one order. ``last``: the kind of ``line``, the newest that is not its plan. ``device``:
    where it was sent last. ``begun``: it began there. ``record``: the folder of its record."""

    last: str = ""
    line: Line | None = None
    device: str = ""
    begun: bool = False
    record: str = ""


def under_way(standings: Mapping[str, Standing]) -> dict[str, set[str]]:
    """Device -> the orders that were sent to it, and of which nothing was heard since."""
    found: dict[str, set[str]] = {}
    for order, standing in standings.items():
        if standing.last in UNDER_WAY:
            found.setdefault(standing.device, set()).add(order)
    return found


def standings_of(path: Path) -> dict[str, Standing]:
    """How the orders of a ledger stand. Raises ``InputError`` where it cannot be read."""
    standings: dict[str, Standing] = {}
    for line in read_ledger(path):
        _take(standings, line)
    return standings


class Ledger:
    """The ledger at ``path``, opened to add to it. ``mark``: of its folder. Raises ``InputError`` where it cannot be
    written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = [*read_ledger(path)]
        self.standings: dict[str, Standing] = {}
        for line in lines:
            _take(self.standings, line)
        self._told = {msgspec.structs.replace(line, utc="") for line in lines if line.kind in SAID_ONCE}
        self.mark = next((line.mark for line in lines if line.kind == "folder"), "")
        try:
            self._file: IO[bytes] = path.open("ab")
            if path.stat().st_size and not _ends_a_line(path):
                self._file.write(b"\n")
        except OSError as error:
            raise InputError(
                sentence("store.not_written", path=path, strerror=error.strerror),
                sentence("store.free_space_choose_another_folder"),
            ) from None
        if not lines:
            self.mark = token_hex(MARK_BYTES)
            self.add(Line(kind="folder", mark=self.mark))

    def close(self) -> None:
        """Nothing more is added."""
        self._file.close()

    def add(self, line: Line) -> None:
        """Add ``line`` with the time, and hand it to the system: a client that is killed afterwards has written it. A
        plan, and what is left out, is not told twice. Raises ``InputError`` where the disk is full."""
        if line.kind in SAID_ONCE:
            if line in self._told:
                return
            self._told.add(line)
        stamped = msgspec.structs.replace(line, utc=datetime.now(UTC).isoformat(timespec="milliseconds"))
        try:
            self._file.write(line_of(stamped))
            self._file.flush()
        except OSError as error:
            raise InputError(
                sentence("store.not_written", path=self._path, strerror=error.strerror),
                sentence("store.free_space_choose_another_folder"),
            ) from None
        _take(self.standings, stamped)

    def standing(self, order: str) -> Standing:
        """Of the order with that id."""
        return self.standings.get(order) or Standing()


def _take(standings: dict[str, Standing], line: Line) -> None:
    if not line.order or line.kind in ("plan", "dropped"):
        return
    standing = standings.setdefault(line.order, Standing())
    if standing.last in DONE and line.kind not in DONE:
        return
    standing.line = line
    standing.last, standing.device = line.kind, line.device or standing.device
    standing.begun = line.kind == "began" or (standing.begun and line.kind == "sent")
    standing.record = line.record or standing.record


def read_ledger(path: Path) -> Iterator[Line]:
    """The lines of a ledger, oldest first; none where there is no file. Raises ``InputError`` where it cannot be
    read."""
    return (line for _, line in _lines(path) if isinstance(line, Line))


def damaged_lines(path: Path) -> Iterator[Sentence]:
    """What is left out of a ledger as it is read, and why. Raises ``InputError`` where it cannot be read."""
    for number, line in _lines(path):
        if isinstance(line, Sentence):
            yield sentence("fleet.line_left_out", file=path.name, line=number, why=line)


def _lines(path: Path) -> Iterator[tuple[int, Line | Sentence]]:
    try:
        data = path.read_bytes() if is_file(path) else b""
    except OSError as error:
        raise InputError(sentence("reading.cannot_be_read", said=str(path), value=error.strerror or error)) from None
    return lines_in(data, msgspec.json.Decoder(Line))


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
