"""The index of a history, in SQLite: one row a record, which is its point. It is derived from the records and holds
nothing else, so that it may be removed and made again at any time.

It lies beside the records and is written by several processes at the same time: a rollback journal and a time to wait,
which works where shared memory does not, such as on a network's drive. Rows are clustered by series and time, and the
versions of a point, which rarely change, are stored once.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from bench.errors import InputError
from bench.nights.places import MONTH, RECORDS, is_name, microseconds
from bench.nights.point import Level, Outputs, Point
from bench.nights.series import Series
from bench.reading import NOT_DECODED
from bench.words import Sentence, sentence

SCHEMA = 4
"""To be raised with every change of ``Point``, ``Series``, or how they are made of a record: an older index is made
anew."""
WAIT_SECONDS = 60.0
PAGE_BYTES = 16_384
TABLES = (
    "CREATE TABLE series (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, fields BLOB NOT NULL)",
    "CREATE TABLE versions (number INTEGER PRIMARY KEY, named BLOB NOT NULL UNIQUE)",
    "CREATE TABLE point (series INTEGER NOT NULL, at INTEGER NOT NULL, record TEXT NOT NULL, month TEXT NOT NULL, "
    "counts INTEGER NOT NULL, versions INTEGER NOT NULL, fields BLOB NOT NULL, "
    "PRIMARY KEY (series, at, record)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX point_record ON point (record)",
    "CREATE INDEX point_month ON point (month)",
    "CREATE INDEX point_counts ON point (series, counts, at)",
    "CREATE TABLE refused (record TEXT NOT NULL, month TEXT NOT NULL, reason BLOB NOT NULL, "
    "PRIMARY KEY (month, record)) WITHOUT ROWID",
    "CREATE TABLE month (name TEXT PRIMARY KEY, changed_ns INTEGER NOT NULL) WITHOUT ROWID",
)
DAMAGED = frozenset((1, 11, 17, 19, 20, 24, 26))
"""SQLITE_ERROR (no such table or column), CORRUPT, SCHEMA, CONSTRAINT, MISMATCH, FORMAT, NOTADB."""
UNWRITABLE = frozenset((3, 8, 10, 13, 14))
"""SQLITE_PERM, READONLY, IOERR, FULL, CANTOPEN."""


class DamagedIndex(InputError):
    """It is not readable as an index of this schema. ``newer``: it is one of a later version of this tool."""

    def __init__(self, file: Path | None, newer: bool = False) -> None:
        self.newer = newer
        told = sentence("history.newer_index" if newer else "history.damaged_index", file=str(file or ""))
        code = "history.newer_index.remedy" if newer else "history.damaged_index.remedy"
        super().__init__(told, sentence(code, file=str(file or "")))


class UnwritableIndex(InputError):
    """It cannot be written, be it that the disk is full; nothing is wrong with it."""

    def __init__(self, file: Path | None, reason: str) -> None:
        told = sentence("history.index_failed", file=str(file or ""), reason=reason)
        super().__init__(told, sentence("history.index_failed.remedy"))


class Entry(NamedTuple):
    """A point, and the moment (UTC) it is sorted by."""

    point: Point
    moment: datetime


class Overview(Struct, frozen=True, kw_only=True):
    """A series in a list. ``nights``: its records. ``counted``: those whose figures may be compared. ``first``,
    ``last``: dates (UTC). ``newest``: its last point."""

    series: Series
    nights: int
    counted: int
    first: str
    last: str
    newest: Point


class _Fields(Struct, frozen=True, array_like=True, gc=False):
    """What a row keeps of its point, besides what has a column of its own."""

    created_utc: str
    record_sha256: str
    status: str
    valid: bool | None
    emulated: bool
    codes: tuple[str, ...]
    leading: str | None
    levels: dict[str, Level]
    conditions: dict[str, float]
    outputs: Outputs


class Index:
    """The index in a file. Each call is one transaction. Raises ``DamagedIndex``, ``UnwritableIndex``, and
    ``InputError`` with SQLite's words for a full disk, or where others keep it locked for a minute."""

    def __init__(self, path: Path | None, copy_of: "Index | None" = None) -> None:
        """``path``: its file, made if it is missing; ``None``: one in memory, with the rows of ``copy_of``."""
        self._path = path
        self._series: dict[int, Series] = {}
        self._versions: dict[int, dict[str, str]] = {}
        where = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode=rwc"
        with self._told():
            self._base = sqlite3.connect(where, timeout=WAIT_SECONDS, isolation_level=None, uri=path is not None)
        try:
            with self._told():
                self._base.execute("PRAGMA trusted_schema = OFF")
                self._base.execute("PRAGMA temp_store = MEMORY")  # nothing of it is written to another disk
                if copy_of is not None:
                    copy_of._base.backup(self._base)
                self._prepare()
        except BaseException:
            self._base.close()
            raise

    def _prepare(self) -> None:
        if not self._made():
            self._base.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            with self._writing():
                if not self._made():  # another process may have been faster
                    for table in TABLES:
                        self._base.execute(table)
                    self._base.execute(f"PRAGMA user_version = {SCHEMA}")
        version = self._base.execute("PRAGMA user_version").fetchone()[0]
        tables = {row[0] for row in self._base.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
        if version != SCHEMA or tables != set(TABLES):
            raise DamagedIndex(self._path, newer=isinstance(version, int) and version > SCHEMA)

    def _made(self) -> bool:
        return bool(self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])

    def close(self) -> None:
        self._base.close()

    # ------------------------------------------------------------------------------------------------ what is written

    def add(self, entries: Iterable[Entry]) -> None:
        """Rows for ``entries``; a record that has one keeps it."""
        with self._told(), self._writing():
            for point, moment in entries:
                fields = _Fields(**{name: getattr(point, name) for name in _Fields.__struct_fields__})
                month = point.folder.split("/")[1]
                numbers = self._number_of_series(point.series), self._number_of_versions(point.versions)
                self._base.execute(
                    "INSERT OR IGNORE INTO point VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        numbers[0],
                        microseconds(moment),
                        point.record_id,
                        month,
                        point.counts,
                        numbers[1],
                        _packed(fields),
                    ),
                )

    def refuse(self, month: str, reasons: Mapping[str, Sentence | str]) -> None:
        """Note the records of a month that cannot be read, and why."""
        with self._told(), self._writing():
            rows = [(name, month, msgspec.json.encode(reason)) for name, reason in reasons.items()]
            self._base.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?, ?)", rows)

    def remove(self, month: str, records: Iterable[str]) -> None:
        """Forget the ``records`` of a month, whose folder has to be read again."""
        with self._told(), self._writing():
            rows = [(name, month) for name in records]
            self._base.executemany("DELETE FROM point WHERE record = ? AND month = ?", rows)
            self._base.executemany("DELETE FROM refused WHERE record = ? AND month = ?", rows)
            self._base.execute("DELETE FROM month WHERE name = ?", (month,))

    def note_months(self, changed_ns: Mapping[str, int]) -> None:
        """The index agrees with these months as they were when last changed."""
        with self._told(), self._writing():
            self._base.executemany("INSERT OR REPLACE INTO month VALUES (?, ?)", changed_ns.items())

    def clear(self) -> None:
        """Forget all records. Series and versions keep their numbers, which other processes may know."""
        with self._told(), self._writing():
            for table in ("point", "refused", "month"):
                self._base.execute(f"DELETE FROM {table}")

    def _number_of_series(self, series: Series) -> int:
        return self._number("series", "id", series.id, msgspec.json.encode(series))

    def _number_of_versions(self, versions: dict[str, str]) -> int:
        return self._number("versions", "named", msgspec.msgpack.encode(versions, order="sorted"))

    def _number(self, table: str, column: str, *values: Any) -> int:
        marks = ", ".join("?" * len(values))
        self._base.execute(f"INSERT OR IGNORE INTO {table} VALUES (NULL, {marks})", values)
        found = self._base.execute(f"SELECT number FROM {table} WHERE {column} = ?", values[:1]).fetchone()
        return int(found[0])

    # --------------------------------------------------------------------------------------------------- what is read

    @property
    def in_memory(self) -> bool:
        return self._path is None

    def months(self) -> dict[str, int]:
        return dict(self._all("SELECT name, changed_ns FROM month"))

    def months_of_rows(self) -> set[str]:
        found = self._all(f"{_MONTHS_OF_POINTS} UNION SELECT month FROM refused")
        months = {row[0] for row in found if row[0] is not None}
        if not all(map(MONTH.fullmatch, months)):
            raise DamagedIndex(self._path)
        return months

    def names(self, month: str) -> set[str]:
        """The records that it knows of a month, the refused ones included."""
        both = "SELECT record FROM point WHERE month = ?1 UNION ALL SELECT record FROM refused WHERE month = ?1"
        return {row[0] for row in self._all(both, month)}

    def refused(self) -> dict[str, Sentence | str]:
        """Why records cannot be read, by their folders."""
        rows = self._all("SELECT month, record, reason FROM refused ORDER BY month, record")
        return {f"{RECORDS}/{month}/{name}": _unpacked_reason(reason) for month, name, reason in rows}

    def series(self) -> dict[int, Series]:
        """Those that have points, by their numbers, sorted."""
        rows = self._all(f"SELECT number, fields FROM series WHERE {_HAS_POINTS}")
        with self._told():
            found = {number: self._series_of(number, fields) for number, fields in rows}
        return dict(sorted(found.items(), key=lambda pair: pair[1]))

    def number_of(self, series_id: str) -> int | None:
        rows = self._all("SELECT number FROM series WHERE id = ?", series_id)
        return int(rows[0][0]) if rows else None

    def points(self, number: int, last: int | None = None) -> list[Point]:
        """Of the series of that number, oldest first; ``last``: at most so many, the newest."""
        rows = self._all(f"{_POINTS} WHERE series = ? ORDER BY at DESC, record DESC LIMIT ?", number, _limit(last))
        return self._points(rows[::-1])

    def point(self, record_id: str) -> Point | None:
        found = self._points(self._all(f"{_POINTS} WHERE record = ?", record_id))
        return found[0] if found else None

    def first_that_counts(self, number: int) -> Point | None:
        """The oldest point of a series whose figures may be compared."""
        found = self._points(
            self._all(f"{_POINTS} WHERE series = ? AND counts = 1 ORDER BY at, record LIMIT 1", number)
        )
        return found[0] if found else None

    def overview(self) -> list[Overview]:
        """All series, sorted."""
        counted = "SELECT series, count(*), sum(counts) FROM point GROUP BY series"
        nights = {number: numbers for number, *numbers in self._all(counted)}
        found = []
        for number, series in self.series().items():
            first = self._points(self._all(f"{_POINTS} WHERE series = ? ORDER BY at, record LIMIT 1", number))
            last = self.points(number, last=1)
            if first and last and number in nights:
                found.append(
                    Overview(
                        series=series,
                        nights=nights[number][0],
                        counted=nights[number][1],
                        first=first[0].night,
                        last=last[0].night,
                        newest=last[0],
                    )
                )
        return found

    def _points(self, rows: Sequence[tuple[Any, ...]]) -> list[Point]:
        with self._told():
            return [self._point(*row) for row in rows]

    def _point(self, series: int, record: str, month: str, versions: int, fields: bytes) -> Point:
        if not is_name(record) or not MONTH.fullmatch(month):  # somebody's index must not lead out of the history
            raise ValueError(record)
        kept = _read(fields)
        return Point(
            series=self._series.get(series) or self._series_of(series),
            record_id=record,
            created_utc=kept.created_utc,
            folder=f"{RECORDS}/{month}/{record}",
            record_sha256=kept.record_sha256,
            status=kept.status,
            valid=kept.valid,
            emulated=kept.emulated,
            codes=kept.codes,
            leading=kept.leading,
            levels=kept.levels,
            versions=self._versions.get(versions) or self._versions_of(versions),
            conditions=kept.conditions,
            outputs=kept.outputs,
        )

    def _series_of(self, number: int, fields: bytes | None = None) -> Series:
        if fields is None:
            fields = self._base.execute("SELECT fields FROM series WHERE number = ?", (number,)).fetchone()[0]
        return self._series.setdefault(number, msgspec.json.decode(fields, type=Series))

    def _versions_of(self, number: int) -> dict[str, str]:
        named = self._base.execute("SELECT named FROM versions WHERE number = ?", (number,)).fetchone()[0]
        return self._versions.setdefault(number, msgspec.msgpack.decode(named, type=dict[str, str]))

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._told():
            return self._base.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._base.execute("COMMIT")
        except BaseException:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's errors, and those of rows that are not what this tool wrote, as this class says."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 1) & 0xFF
            if code in DAMAGED:
                raise DamagedIndex(self._path) from error
            if code in UNWRITABLE:
                raise UnwritableIndex(self._path, str(error)) from error
            raise InputError(
                sentence("history.index_failed", file=str(self._path or ""), reason=str(error)),
                sentence("history.index_failed.remedy"),
            ) from error
        except (*NOT_DECODED, TypeError) as error:
            raise DamagedIndex(self._path) from error


_HAS_POINTS = "EXISTS (SELECT 1 FROM point WHERE point.series = series.number)"
_MONTHS_OF_POINTS = (  # from one to the next by the index; DISTINCT would read it all
    "WITH RECURSIVE each_month(name) AS (SELECT min(month) FROM point UNION ALL "
    "SELECT (SELECT min(month) FROM point WHERE month > name) FROM each_month WHERE name IS NOT NULL) "
    "SELECT name FROM each_month"
)
_POINTS = "SELECT series, record, month, versions, fields FROM point"
_packed = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(_Fields).decode


def _limit(last: int | None) -> int:
    return -1 if last is None else last


def _unpacked_reason(reason: bytes) -> Sentence | str:
    try:
        return msgspec.json.decode(reason, type=Sentence | str)
    except (*NOT_DECODED, TypeError):
        return ""
