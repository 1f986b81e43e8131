"""A history as arrays: one row for each metric of each series, one column for each night.

Series are read one after the other and only their numbers are kept, because a history of a thousand series has more
points than fit into memory as objects.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct

from bench.analysis.metrics import METRICS, Metric
from bench.nights.point import Level, Point
from bench.nights.series import Series

BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


class Row(Struct, frozen=True):
    """One metric of one series, whose ``number`` counts the ``Known`` of a table. ``weight``: of its error rate, 1 for
    all of a series together; half is the leading metric's."""

    number: int
    metric: Metric
    leading: bool
    weight: float


class Known(Struct, frozen=True, kw_only=True):
    """A series of which there is a base. ``last``: the newest night before tonight that counts, may be the base."""

    series: Series
    base: Point
    last: Point
    tonight: Point | None = None


class Table(Struct, frozen=True, kw_only=True):
    """``level``, ``error`` [rows, nights]: the mean of the logarithms of the processes' figures, and its standard error
    by these processes; NaN where nothing counts. ``processes`` [rows, nights]. ``base`` [rows]: column of the base, -1
    where it is older than what was read; then ``base_level`` and ``base_error`` alone know it. ``record_ids``: of each
    known series, by column. ``changed``: of each known series, the columns of nights with other versions than the night
    before. ``earlier``: all series that have a night before tonight, with a base or without;
    ``without_base``: the latter, each with its newest night."""

    known: tuple[Known, ...]
    rows: tuple[Row, ...]
    nights: tuple[str, ...]
    level: Any
    error: Any
    processes: Any
    base: Any
    base_level: Any
    base_error: Any
    record_ids: tuple[dict[int, str], ...]
    changed: tuple[frozenset[int], ...]
    earlier: tuple[Series, ...] = ()
    without_base: tuple[tuple[Series, Point], ...] = ()


BaseOf = Callable[[Series, Sequence[Point]], Point | None]


def gathered(
    histories: Iterable[tuple[Series, Sequence[Point]]], tonight: Mapping[Series, Point], base: BaseOf
) -> Table:
    """The nights of each series from its base on, without those of ``tonight``. A series without a base is left out."""
    read = _Reading(tonight, base)
    for series, points in histories:
        read.add(series, points)
    return read.table()


class _Reading:
    def __init__(self, tonight: Mapping[Series, Point], base: BaseOf) -> None:
        self.tonight, self.base_of = tonight, base
        self.dates: dict[str, int] = {}
        self.known: list[Known] = []
        self.rows: list[Row] = []
        self.kept: list[tuple[Any, Any]] = []  # of each row: dates, and [3, n] levels, errors, processes
        self.bases: list[tuple[int, Level]] = []
        self.ids: list[dict[int, str]] = []
        self.earlier: list[Series] = []
        self.without_base: list[tuple[Series, Point]] = []
        self.changed: list[list[int]] = []
        self.new_ids = {point.record_id for point in tonight.values()}

    def add(self, series: Series, points: Sequence[Point]) -> None:
        before = [point for point in points if point.record_id not in self.new_ids]
        base = self.base_of(series, before)
        if before:
            self.earlier.append(series)
        if base is None:
            if before:
                self.without_base.append((series, max(before, key=lambda point: point.created_utc)))
            return
        since = [p for p in before if p.counts and p.created_utc >= base.created_utc]
        nights = {point.night: point for point in (*since, *(p for p in since if p.record_id == base.record_id))}
        columns = [self.dates.setdefault(night, len(self.dates)) for night in nights]
        last = max((*nights.values(), base), key=lambda point: point.created_utc)
        own = nights.get(base.night)
        place = self.dates[base.night] if own is not None and own.record_id == base.record_id else -1
        known = Known(series=series, base=base, last=last, tonight=self.tonight.get(series))
        self._rows_of(known, columns, list(nights.values()), place)
        self.ids.append({column: point.record_id for column, point in zip(columns, nights.values(), strict=True)})
        pairs = pairwise(zip(columns, nights.values(), strict=True))
        self.changed.append([column for (_, old), (column, new) in pairs if old.versions != new.versions])
        self.known.append(known)

    def _rows_of(self, known: Known, columns: list[int], points: list[Point], place: int) -> None:
        names = [name for name in BY_NAME if name in known.base.levels]
        rest = len(names) - 1
        for name in names:
            leading = name == known.base.leading
            alike = not rest or known.base.leading not in names
            weight = 1 / len(names) if alike else 0.5 if leading else 0.5 / rest
            levels = [point.levels.get(name) for point in points]
            values = np.array([numbers_of(level) for level in levels], np.float64).reshape(-1, 3).T
            self.rows.append(Row(len(self.known), BY_NAME[name], leading, weight))
            self.kept.append((np.array(columns, np.int64), values))
            self.bases.append((place, known.base.levels[name]))

    def table(self) -> Table:
        order = sorted(self.dates)
        rank = np.zeros(len(order) + 1, np.int64)
        for column, night in enumerate(order):
            rank[self.dates[night]] = column
        grid = np.full((3, len(self.rows), len(order)), np.nan)
        for number, (columns, values) in enumerate(self.kept):
            grid[:, number, rank[columns]] = values
        bases = [numbers_of(level) for _, level in self.bases]
        return Table(
            known=tuple(self.known),
            rows=tuple(self.rows),
            nights=tuple(order),
            level=grid[0],
            error=grid[1],
            processes=grid[2],
            base=np.array([-1 if place < 0 else rank[place] for place, _ in self.bases], np.int64),
            base_level=np.array([level for level, _, _ in bases]),
            base_error=np.array([error for _, error, _ in bases]),
            record_ids=tuple({int(rank[column]): one for column, one in ids.items()} for ids in self.ids),
            changed=tuple(frozenset(int(rank[column]) for column in columns) for columns in self.changed),
            earlier=tuple(self.earlier),
            without_base=tuple(self.without_base),
        )


def numbers_of(level: Level | None) -> tuple[float, float, float]:
    """Level, its standard error and the number of processes. One process shows no error."""
    if level is None:
        return (np.nan, np.nan, np.nan)
    error = level.deviation / level.processes**0.5 if level.processes > 1 else np.nan
    return (level.mean, error, float(level.processes))
