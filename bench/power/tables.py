"""A meter's table as text: its encoding, its delimiter, its decimal sign, and its numbers.

Programs on Windows write in the encoding and with the signs of the user's own settings: cp1252, semicolons, decimal
commas.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from bench.errors import InputError, UnknownName
from bench.reading import read_bytes
from bench.words import sentence

MOST_LOG_BYTES = 4 << 30
HEAD_BYTES = 4096
MOST_CONTROLS = 0.001
"""Of the bytes at the beginning of a text: so many may be control characters."""
DELIMITERS = ",;\t"
OVERFLOW = frozenset(("ol", "-ol", "overload", "overflow", "inf", "-inf", "+inf"))
"""What meters write where the input is beyond the range."""


class Table(Struct, frozen=True):
    """``header``: columns by name. ``body``: the text behind it. ``first_line``: the number of its first line."""

    file: str
    header: tuple[str, ...]
    body: str
    delimiter: str
    first_line: int

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that is not blank with its line's number."""
        for number, row in enumerate(csv.reader(self.body.splitlines(), delimiter=self.delimiter), self.first_line):
            if any(cell.strip() for cell in row):
                yield number, row

    def place_of(self, column: str) -> int:
        """Where a column is: the one of that name, or the n-th of several (``NAME#2``). Raises ``InputError``."""
        if column in self.header:
            places = [place for place, name in enumerate(self.header) if name == column]
            if len(places) > 1:
                raise InputError(
                    sentence("power.column_twice", file=self.file, column=column, n=len(places)),
                    sentence("power.number_the_column", column=f"{column}#2"),
                )
            return places[0]
        name, _, number = column.rpartition("#")
        places = [place for place, own in enumerate(self.header) if own == name]
        if number.isdecimal() and 1 <= int(number) <= len(places):
            return places[int(number) - 1]
        raise UnknownName(sentence("power.column_of", file=self.file), column, [name for name in self.names if name])

    @property
    def names(self) -> tuple[str, ...]:
        """The columns as ``place_of`` takes them: of several with one name the number, too."""
        often, seen = Counter(self.header), Counter[str]()
        seen_so_far = []
        for name in self.header:
            seen[name] += 1
            seen_so_far.append(f"{name}#{seen[name]}" if often[name] > 1 else name)
        return tuple(seen_so_far)


HANGUL = re.compile(rb"(?:[\xb0-\xc8][\xa1-\xfe]){2}")
"""Two syllables in a row as a Korean Windows writes them (cp949); in cp1252 four signs above ASCII, as in no word."""


def text_of(path: Path) -> str:
    """UTF-8, UTF-16 with a mark, cp949 if there is Korean in it, or else cp1252, in which every byte means something.
    Raises ``InputError`` for a file that is no text."""
    data = read_bytes(path, MOST_LOG_BYTES)
    head = data[:HEAD_BYTES]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if sum(byte < 32 and byte not in b"\t\n\v\f\r\x1a" for byte in head) > MOST_CONTROLS * len(head):
        raise InputError(sentence("power.not_text", file=path.name), sentence("power.give_table"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp949" if HANGUL.search(data) else "cp1252", "replace")


def table_of(path: Path, text: str) -> Table:
    """The table of a file with a header. Raises ``InputError`` for a file without one."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n", 64)
    for number, line in enumerate(lines[:64]):
        counts = Counter(line)
        delimiter = max(DELIMITERS, key=lambda sign: counts[sign])
        header = tuple(cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), []))
        if len(header) > 1 and not any(is_number(cell) for cell in header if cell):
            body = text.split("\n", number + 1)[-1] if len(lines) > number + 1 else ""
            return Table(path.name, header, body, delimiter, number + 2)
    raise InputError(sentence("power.no_header", file=path.name), sentence("power.give_table"))


def is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def numbers_at(
    table: Table, places: Sequence[int], filled: Sequence[int] = (), *, decimal: str = ""
) -> "tuple[np.ndarray[Any, Any], list[int], int]":
    """The columns at ``places`` as float64 [rows, places], NaN where a cell is empty or no number; the line of each
    row; and how many cells said that the input was beyond the range. ``decimal``: the decimal sign, ``.`` or ``,``;
    empty: as the cells show. Raises ``InputError`` where they do not.

    Left out are rows that repeat the header, rows without any of the numbers, as in a footer, and rows in which a cell
    of ``filled`` is empty.
    """
    fast = None if filled or decimal == "," else _plain_numbers(table, places)
    if fast is not None:
        return fast, list(range(table.first_line, table.first_line + len(fast))), 0
    read = _Numbers(decimal or _decimal_of(table, places))
    found: list[list[float]] = []
    lines: list[int] = []
    overflows = 0
    for line, row in table.rows():
        own = [cell.strip() for cell in row]
        if tuple(own) == table.header or len(row) <= max(*places, *filled, 0) or not all(own[at] for at in filled):
            continue
        cells = [own[place] for place in places]
        overflows += sum(cell.lower() in OVERFLOW for cell in cells)
        values = [read(cell) for cell in cells]
        if all(np.isnan(values)) and not any(cell.lower() in OVERFLOW or not cell for cell in cells):
            continue  # a footer
        found.append(values)
        lines.append(line)
    return np.array(found, np.float64).reshape(-1, len(places)), lines, overflows


def _plain_numbers(table: Table, places: Sequence[int]) -> "np.ndarray[Any, Any] | None":
    """The same of a table in which every cell is a plain number, at the speed of numpy's reader."""
    if table.delimiter != ",":
        return None
    try:
        found = np.loadtxt(table.body.splitlines(), np.float64, delimiter=",", usecols=places, ndmin=2, comments=None)
    except (ValueError, IndexError):
        return None
    return found if np.isfinite(found).all() else None


GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}")
"""``1,234``: a group of thousands, or three digits behind a decimal sign."""


def _decimal_of(table: Table, places: Sequence[int]) -> str:
    """The decimal sign by the cells that show it: ``12,5`` and ``1.234,5`` do, ``1,234`` does not. Raises
    ``InputError`` where some show a comma and others a point, and where none shows which, in a table whose columns a
    comma separates: ``1,234`` may be 1.234 or 1234."""
    shown: dict[str, int] = {}
    unclear: dict[str, tuple[int, str]] = {}
    for line, row in table.rows():
        for place in places:
            cell = row[place].strip() if place < len(row) else ""
            signs = [sign for sign in cell if sign in ",."]
            if not signs or not NUMBER.fullmatch(cell):
                continue
            if GROUPED.fullmatch(cell):
                unclear.setdefault(signs[0], (line, cell))
            elif len(signs) > 1 and len(set(signs)) == 1:
                shown.setdefault("," if signs[0] == "." else ".", line)
            else:
                shown.setdefault(signs[-1], line)
    if len(shown) > 1:
        told = sentence("power.two_decimals", file=table.file, comma=shown[","], point=shown["."])
        raise InputError(told, sentence("power.give_decimal"))
    if shown:
        return next(iter(shown))
    if "," in unclear and ("." in unclear or table.delimiter == ","):
        line, cell = unclear[","]
        told = sentence("power.unclear_number", file=table.file, line=line, cell=cell)
        raise InputError(told, sentence("power.give_decimal"))
    return "," if "," in unclear else "."


NUMBER = re.compile(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?")


class _Numbers:
    """Cells as numbers, by the decimal sign of their table; NaN for what is none."""

    def __init__(self, decimal: str) -> None:
        self._decimal = decimal
        self._group = "," if decimal == "." else "."
        self._grouped = re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(self._group)}\d{{3}})+(?:{re.escape(decimal)}\d*)?")

    def __call__(self, cell: str) -> float:
        if self._group in cell:
            if not self._grouped.fullmatch(cell):
                return float("nan")
            cell = cell.replace(self._group, "")
        try:
            value = float(cell.replace(self._decimal, "."))
        except ValueError:
            return float("nan")
        return value if np.isfinite(value) else float("nan")
