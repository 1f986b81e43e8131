"""A history: records of many nights in a folder, what people decided about them, and an index to find them by.

DIR/records/YYYY-MM/<record_id>/   the records, byte for byte as they were added
DIR/decisions.jsonl                pins and accepted changes, one line each
DIR/index.sqlite                   one point a record; derived, and made again wherever it does not fit the records
"""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from msgspec import Struct

from bench.errors import InputError, OdbError
from bench.nights import places
from bench.nights.decisions import Decision, append_decision, read_decisions
from bench.nights.index import Entry, Index, Overview
from bench.nights.keeping import NotOfANight, Refusal, another, checked_entry, identity, keep
from bench.nights.kept_index import BATCH, KeptIndex, Progress, no_progress
from bench.nights.point import Point
from bench.nights.series import Series
from bench.reading import is_folder
from bench.record.record import RecordedRun
from bench.store.records import chosen_folders, load, staging
from bench.store.submissions import folders_of
from bench.words import Sentence, sentence


class Added(Struct, frozen=True, kw_only=True):
    """``points``: of the records that are new in the history. ``present``: the ids of those that were in it, byte for
    byte. ``refused``: those that cannot be read, were edited, or have the id of another. ``new_series``: those that
    begin with one of ``points``. ``left_out``: folders of yardsticks and of the base's sides of alternations, which are
    no nights."""

    points: tuple[Point, ...]
    present: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    new_series: tuple[Series, ...] = ()
    left_out: tuple[str, ...] = ()


class _LeftOut(NamedTuple):
    path: str


_Kept = Entry | str | Refusal | _LeftOut


class History:
    """The records of many nights, in ``folder``. Open it with ``History.open``; it is a context manager.

    Several processes may add to one history at the same time. Where it cannot be written, reading works, from an index
    that is made for the time of this process if there is none. ``notices``: what was found amiss and put right, or
    skipped, since it was opened.
    """

    def __init__(self, folder: Path, index: KeptIndex) -> None:
        self.folder = folder
        self._index = index

    @classmethod
    def open(cls, folder: Path | str, create: bool = False, *, progress: Progress = no_progress) -> "History":
        """The history in ``folder``; with ``create`` it is begun if there is none. ``progress``: while records are read
        that the index lacks. Raises ``InputError`` where there is none, or it cannot be read."""
        folder = Path(folder)
        if create:
            _begin(folder)
        elif not is_folder(folder / places.RECORDS):
            code = "history.none_there" if is_folder(folder) else "history.no_such_folder"
            raise InputError(sentence(code, folder=folder), sentence("history.none_there.remedy", folder=folder))
        return cls(folder, KeptIndex(folder, progress))

    def close(self) -> None:
        """Release the index. The history must not be used after that."""
        self._index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def notices(self) -> tuple[Sentence, ...]:
        """What was put right or left out, each once."""
        return tuple(self._index.notices)

    # --------------------------------------------------------------------------------------------------- what is read

    def series(self) -> list[Series]:
        """All series that have a record, sorted by model, target and so on."""
        return [*self._index.ask(Index.series).values()]

    def overview(self) -> list[Overview]:
        """All series, each with how many nights it has and what the last one was."""
        return self._index.ask(Index.overview)

    def points(self, series_id: str, *, last: int | None = None) -> list[Point]:
        """The nights of a series, oldest first; ``last``: the newest so many alone. Empty for an id that is none."""
        number = self._index.ask(lambda index: index.number_of(series_id))
        return [] if number is None else self._index.ask(lambda index: index.points(number, last))

    def every(self, last: int | None = None) -> dict[Series, list[Point]]:
        """``points`` of all series. ``each`` needs less memory."""
        collecting = gc.isenabled()
        gc.disable()  # it would walk through all points again and again, and none of them is in a cycle
        try:
            return dict(self.each(last))
        finally:
            if collecting:
                gc.enable()

    def each(self, last: int | None = None) -> Iterator[tuple[Series, list[Point]]]:
        """``points`` of one series after another."""
        for series in self.series():
            points = self.points(series.id, last=last)
            if points:
                yield series, points

    def point(self, record_id: str) -> Point | None:
        """The point of one record; ``None`` if it is not in the history."""
        return self._index.ask(lambda index: index.point(record_id))

    def load(self, record_id: str) -> RecordedRun:
        """The record itself, with its samples. Raises ``InputError`` if it is not in the history, or cannot be read."""
        point = self.point(record_id)
        if point is None:
            raise InputError(sentence("history.no_such_record", id=record_id, folder=self.folder))
        return load(self.folder / point.folder)

    def decisions(self) -> list[Decision]:
        """All pins and accepted changes, in the order in which they were made. A line that is none is skipped and goes
        to ``notices``."""
        found, wrong = read_decisions(self.folder)
        self._index.notice(*wrong)
        return found

    def base(self, series_id: str, name: str = "") -> Point | None:
        """What tonight is compared with: the record of the last decision about the series, otherwise its first point
        that counts. ``name``: that of the last pin of this name, and nothing otherwise. A decision whose record is gone
        goes to ``notices`` and does not count."""
        return self._base(series_id, [one for one in self.decisions() if one.name == name], name)

    def bases(self, name: str = "") -> dict[Series, Point]:
        """``base`` of all series that have one."""
        decided: dict[str, list[Decision]] = {}
        for one in self.decisions():
            if one.name == name:
                decided.setdefault(one.series, []).append(one)
        found = {series: self._base(series.id, decided.get(series.id, ()), name) for series in self.series()}
        return {series: point for series, point in found.items() if point is not None}

    def _base(self, series_id: str, decisions: Sequence[Decision], name: str) -> Point | None:
        for decision in reversed(decisions):
            if decision.series != series_id:
                continue
            point = self.point(decision.record_id)
            if point is not None and point.series.id == series_id:
                return point
            self._index.notice(sentence("history.decided_record_gone", id=decision.record_id, series=series_id))
        number = None if name else self._index.ask(lambda index: index.number_of(series_id))
        return None if number is None else self._index.ask(lambda index: index.first_that_counts(number))

    def refused(self) -> Mapping[str, Sentence | str]:
        """Records in its folders that cannot be read, by their place, with the reason."""
        return self._index.ask(Index.refused)

    # ------------------------------------------------------------------------------------------------ what is written

    def add(
        self,
        paths: Path | str | Iterable[Path | str],
        *,
        dry_run: bool = False,
        any_date: bool = False,
        progress: Progress = no_progress,
    ) -> Added:
        """Copy the records that ``paths`` stand for into the history: one path or several, of folders of records, of
        such folders, of single records, or of another history, without its decisions. A record that is in it already is
        left as it is; one that is refused does not stop the others. ``dry_run``: say what would be done. A record from
        the future, or from before there was this tool, is refused, since its machine's clock was wrong; with
        ``any_date`` it is taken as it is.

        Raises ``InputError`` for a path without records, and where the history cannot be written: what was added until
        then is whole, and the rest can be added again.
        """
        given = [paths] if isinstance(paths, str | Path) else paths
        sources = [source for path in given for source in _sources(Path(path))]
        known = {*self.series()}
        if dry_run:
            found = [self._foreseen(source, any_date) for source in _counted(sources, progress)]
        else:
            found = self._kept(sources, any_date, progress)
        entries = [one for one in found if isinstance(one, Entry)]
        return Added(
            points=tuple(entry.point for entry in entries),
            present=tuple(one for one in found if isinstance(one, str)),
            refused=tuple(one for one in found if isinstance(one, Refusal)),
            left_out=tuple(one.path for one in found if isinstance(one, _LeftOut)),
            new_series=tuple(dict.fromkeys(e.point.series for e in entries if e.point.series not in known)),
        )

    def decide(self, decision: Decision) -> None:
        """Write a decision down. Raises ``InputError`` for a record that is not one of the series, or whose figures may
        not be compared, and where it cannot be written."""
        point = self.point(decision.record_id)
        if point is None or point.series.id != decision.series:
            raise InputError(sentence("history.not_of_series", id=decision.record_id, series=decision.series))
        if not point.counts:
            raise InputError(
                sentence("history.no_base", id=decision.record_id, status=point.status, codes=list(point.codes)),
                sentence("history.no_base.remedy"),
            )
        append_decision(self.folder, decision)

    def remove(self, points: Iterable[Point]) -> None:
        """Remove the records of ``points`` from the folders and the index. A process that is killed meanwhile leaves
        each record whole or gone. Raises ``InputError`` where the folders cannot be changed."""
        by_month: dict[str, list[Point]] = {}
        for point in points:
            by_month.setdefault(point.folder.split("/")[1], []).append(point)
        try:
            with staging(self.folder / places.RECORDS) as staged:
                for month, leaving in by_month.items():
                    records = [point.record_id for point in leaving]
                    self._index.change(partial(Index.remove, month=month, records=records))
                    for point in leaving:
                        with suppress(FileNotFoundError):  # another process was faster
                            (self.folder / point.folder).rename(staged / point.record_id)
        except OSError as error:
            message = sentence("store.not_written", path=self.folder, strerror=error.strerror)
            raise InputError(message, sentence("history.not_removed")) from error

    def rebuild(self, progress: Progress = no_progress) -> None:
        """Make the index anew from the records. Raises ``InputError`` where its file cannot be written, as on a full
        disk."""
        self._index.rebuild(progress)
        if self._index.temporary:
            raise InputError(
                sentence("history.index_not_made_anew", folder=self.folder),
                sentence("history.index_not_made_anew.remedy"),
            )

    def list_again(self) -> None:
        """Compare the index with the names of all folders, also of months that seem unchanged; differences are put
        right, and go to ``notices``."""
        self._index.list_again()

    def _foreseen(self, source: Path, any_date: bool) -> _Kept:
        try:
            return self._present(source) or checked_entry(source, any_date)
        except NotOfANight:
            return _LeftOut(str(source))
        except OdbError as error:
            return Refusal(str(source), error.sentence, error.advice)

    def _kept(self, sources: Sequence[Path], any_date: bool, progress: Progress) -> list[_Kept]:
        done: list[_Kept] = []
        waiting: list[Entry] = []
        try:
            with staging(self.folder / places.RECORDS) as staged:
                for source in _counted(sources, progress):
                    done.append(self._keep(source, staged, any_date, waiting))
                    if len(waiting) >= BATCH:
                        self._index_all(waiting)
        except OSError as error:
            raise InputError(
                sentence("store.not_written", path=self.folder, strerror=error.strerror),
                sentence("history.add_again"),
            ) from error
        finally:
            self._index_all(waiting)
        return done

    def _keep(self, source: Path, staged: Path, any_date: bool, waiting: list[Entry]) -> _Kept:
        """``waiting`` gets its point, also where only the index lacked the record."""
        try:
            present = self._present(source)
            if present is not None:
                return present
            entry, new = keep(source, self.folder, staged, any_date)
        except NotOfANight:
            return _LeftOut(str(source))
        except OdbError as error:
            return Refusal(str(source), error.sentence, error.advice)
        waiting.append(entry)
        return entry if new else entry.point.record_id

    def _present(self, source: Path) -> str | None:
        """The id, if this record is in the history. Raises ``InputError`` for another one of the same id."""
        stated = identity(source)
        point = None if stated is None else self.point(stated[0])
        if stated is None or point is None or not is_folder(self.folder / point.folder):
            return None
        if point.record_sha256 != stated[1]:
            raise another(stated[0], self.folder / point.folder)
        return stated[0]

    def _index_all(self, waiting: list[Entry]) -> None:
        entries = waiting.copy()
        waiting.clear()
        if entries:
            self._index.change(partial(Index.add, entries=entries))


def _begin(folder: Path) -> None:
    try:
        (folder / places.RECORDS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = sentence("store.not_written", path=folder, strerror=error.strerror)
        raise InputError(message, sentence("store.free_space_choose_another_folder")) from None


def _sources(path: Path) -> list[Path]:
    """The folders of records that ``path`` stands for. Raises ``InputError`` for none."""
    records = path / places.RECORDS if places.months(path) else path
    return [source for folder in folders_of(records) for source in chosen_folders(folder)]


def _counted(sources: Sequence[Path], progress: Progress) -> Iterator[Path]:
    for number, source in enumerate(sources):
        progress(number, len(sources))
        yield source
    progress(len(sources), len(sources))
