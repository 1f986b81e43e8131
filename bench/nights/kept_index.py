"""Keeps the index of a history true to its folders: what a killed writer left out, what was copied in or removed by
hand, and a damaged file are found when a history is opened, put right, and told."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from bench.errors import OdbError
from bench.nights import places
from bench.nights.index import DamagedIndex, Entry, Index, UnwritableIndex
from bench.nights.keeping import entry_of
from bench.parallel import each
from bench.words import Sentence, sentence

INDEX = "index.sqlite"
BATCH = 64
SETTLED_NS = 2_000_000_000
"""A folder that was changed more recently may change again without another time of change."""

Asked = TypeVar("Asked")
Progress = Callable[[int, int], None]
"""Called with how many records of how many are done."""


def no_progress(done: int, total: int) -> None:
    """Shows nothing."""


class KeptIndex:
    """The index of the history in ``folder``. Where its file cannot be written, a copy of it, or one made of the
    records, stands in as long as this object lives. ``notices``: what was put right."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.notices: list[Sentence] = []
        self._folder, self._file, self._progress = folder, folder / INDEX, progress
        self._index = self._opened()
        self._agree()

    @property
    def temporary(self) -> bool:
        """Whether it is in memory alone, because its file cannot be written."""
        return self._index.in_memory

    def close(self) -> None:
        self._index.close()

    def ask(self, ask: Callable[[Index], Asked]) -> Asked:
        """The answer of the index, which is made anew first if it is damaged."""
        try:
            return ask(self._index)
        except DamagedIndex as error:
            if error.newer:
                raise
            self.notice(sentence("history.index_made_anew", file=self._file))
            self._index.close()
            self._index = self._anew()
            self._agree(quiet=True)
            return ask(self._index)

    def change(self, change: Callable[[Index], None]) -> None:
        """Write to the index; where that cannot be, to a copy."""
        try:
            self.ask(change)
        except UnwritableIndex:
            self.notice(sentence("history.index_not_writable", file=self._file))
            copy = Index(None, copy_of=self._index)
            self._index.close()
            self._index = copy
            change(copy)

    def rebuild(self, progress: Progress) -> None:
        """Make it anew from the records, in place."""
        self._progress = progress
        self.change(Index.clear)
        self._agree(quiet=True)

    def list_again(self) -> None:
        """List the folders of all months, also of those that seem unchanged."""
        self._agree(every=True)

    def notice(self, *notices: Sentence) -> None:
        self.notices += [notice for notice in notices if notice not in self.notices]

    def _opened(self) -> Index:
        try:
            return Index(self._file)
        except UnwritableIndex:
            self.notice(sentence("history.index_not_writable", file=self._file))
            return Index(None)
        except DamagedIndex as error:
            if error.newer:
                raise
            self.notice(sentence("history.index_made_anew", file=self._file))
            return self._anew()

    def _anew(self) -> Index:
        try:
            for name in (INDEX, f"{INDEX}-journal"):
                with suppress(FileNotFoundError):
                    (self._folder / name).unlink()
            return Index(self._file)
        except (OSError, UnwritableIndex):
            return Index(None)

    def _agree(self, *, every: bool = False, quiet: bool = False) -> None:
        """Put right where it does not agree with the folders. Months that were not changed since it did are not listed,
        unless ``every`` is to be."""
        seen = places.months(self._folder)
        known = {} if every else self.ask(Index.months)
        months = {*seen, *self.ask(Index.months_of_rows)}
        stale = sorted(month for month in months if month not in seen or known.get(month) != seen[month])
        lacking, gone = {}, {}
        for month in stale:
            names = self.ask(partial(Index.names, month=month))
            there = places.names(self._folder, month)  # after the index: a writer puts the folder first
            lacking[month], gone[month] = sorted(there - names), sorted(names - there)
        self._forget(gone, quiet)
        self._read(lacking, quiet)
        self._settle({month: seen[month] for month in stale if month in seen})

    def _forget(self, gone: Mapping[str, list[str]], quiet: bool) -> None:
        for month, names in gone.items():
            if names:
                self.change(partial(Index.remove, month=month, records=names))
        found = [name for names in gone.values() for name in names]
        if found and not quiet:
            self.notice(sentence("history.records_gone", n=len(found), some=found[:3]))

    def _read(self, lacking: Mapping[str, list[str]], quiet: bool) -> None:
        """Read the records that it lacks, on all cores, and add them in batches."""
        wanted = [(self._folder, month, name) for month, names in lacking.items() for name in names]
        added = 0
        for begin, found in _batches(each(_entry_or_reason, wanted)):
            entries = [one for one in found if isinstance(one, Entry)]
            if entries:
                self.change(partial(Index.add, entries=entries))
            for month in lacking:
                reasons = {
                    name: reason
                    for (_, where, name), reason in zip(wanted[begin:], found, strict=False)
                    if where == month and not isinstance(reason, Entry)
                }
                if reasons:
                    self.change(partial(Index.refuse, month=month, reasons=reasons))
            added += len(entries)
            self._progress(begin + len(found), len(wanted))
        if added and not quiet:
            self.notice(sentence("history.records_indexed", n=added))
        for place, reason in self.ask(Index.refused).items():
            self.notice(sentence("history.record_refused", place=place, reason=reason))

    def _settle(self, seen: dict[str, int]) -> None:
        settled = {month: changed for month, changed in seen.items() if changed < time.time_ns() - SETTLED_NS}
        if settled:
            with suppress(UnwritableIndex):  # then they are listed again
                self.ask(partial(Index.note_months, changed_ns=settled))


def _entry_or_reason(wanted: tuple[Path, str, str]) -> Entry | Sentence | str:
    """The point of a record in a history's folder, by month and name, or why there is none."""
    folder, month, name = wanted
    place = f"{places.RECORDS}/{month}/{name}"
    try:
        return entry_of(folder / place, place)
    except OdbError as error:
        return error.sentence


def _batches(found: Iterable[Entry | Sentence | str]) -> Iterator[tuple[int, list[Entry | Sentence | str]]]:
    """Groups of ``BATCH``, each with the number of its first."""
    begin, all_of = 0, iter(found)
    while batch := list(islice(all_of, BATCH)):
        yield begin, batch
        begin += len(batch)
