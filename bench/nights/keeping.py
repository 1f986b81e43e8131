"""Puts records into a history: as they are, byte for byte, whole or not at all, and never over another."""

import hashlib
import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.analysis.run_processes import TimedRun
from bench.errors import InputError
from bench.nights.index import Entry
from bench.nights.places import check_clock, moment_of, place_of
from bench.nights.point import point_of
from bench.reading import is_folder, json_of, read_bytes
from bench.record.samples import MOST_SAMPLE_BYTES, SPARE_BYTES
from bench.store.records import RECORD, load_timed, write_new
from bench.words import Sentence, sentence


class Refusal(Struct, frozen=True):
    """A record that is not in the history, by its folder, and why."""

    path: str
    reason: Sentence | str
    advice: Sentence | str = ""


def entry_of(folder: Path, place: str | None = None) -> Entry:
    """The point of the record in ``folder``. ``place``: where it lies in the history; ``None``: where it belongs.
    Raises ``InputError`` for one that cannot be read or was edited."""
    return _entry(load_timed(folder), folder, read_bytes(folder / RECORD), place)


def _entry(run: TimedRun, folder: Path, data: bytes, place: str | None) -> Entry:
    source = str(folder / RECORD)
    belongs, moment = place_of(run.record, source), moment_of(run.record.created_utc, source)
    if place is not None and place.rpartition("/")[2] != run.record.record_id:
        raise InputError(sentence("history.another_name", source=source, id=run.record.record_id))
    return Entry(point_of(run, place or belongs, hashlib.sha256(data).hexdigest()), moment)


def identity(source: Path) -> tuple[str, str] | None:
    """The id that a record's file states and the hash of the file, without reading more; ``None`` where that fails."""
    try:
        data = read_bytes(source / RECORD)
        named = msgspec.convert(json_of(data, str(source)), _Named)
    except (InputError, msgspec.ValidationError):
        return None
    return named.record_id, hashlib.sha256(data).hexdigest()


class _Named(Struct):
    record_id: str


class NotOfANight(InputError):
    """A yardstick, or the base's side of an alternation: it was measured for the run beside it, and is no night of its
    series."""


def checked_entry(folder: Path, any_date: bool) -> Entry:
    """``entry_of`` a record that is to be added. Raises ``NotOfANight``, and ``InputError``, too, for one that a wrong
    clock dated, unless ``any_date`` is taken."""
    run = load_timed(folder)
    turns = run.record.plan.alternation
    if turns is not None and (turns.yardstick or turns.side == "base"):
        raise NotOfANight(sentence("history.not_of_a_night", source=folder))
    entry = _entry(run, folder, read_bytes(folder / RECORD), None)
    if not any_date:
        check_clock(entry.moment, str(folder / RECORD))
    return entry


def keep(source: Path, history: Path, staged: Path, any_date: bool = False) -> tuple[Entry, bool]:
    """Copy the record in the folder ``source`` to its place in ``history``; returns its point, and whether it is new
    there. ``staged``: a folder on the same disk for what is being written.

    What is read, and becomes the point, is the copy. Raises ``InputError`` for a record that cannot be read or was
    edited, and for another one of the same id; ``OSError`` where it cannot be written: nothing of it is left.
    """
    copy = staged / "record"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    try:
        _copy(source, copy)
        entry = checked_entry(copy, any_date)
    except InputError:
        checked_entry(source, any_date)  # names the source
        raise
    place = history / entry.point.folder
    place.parent.mkdir(parents=True, exist_ok=True)
    if not _renamed(copy, place):
        if identity(place) != (entry.point.record_id, entry.point.record_sha256):
            raise another(entry.point.record_id, place)
        return entry, False
    return entry, True


def another(record_id: str, place: Path) -> InputError:
    """The error for a record of an id that is taken."""
    return InputError(
        sentence("history.another_record", id=record_id, folder=place), sentence("history.another_record.remedy")
    )


def _copy(source: Path, copy: Path) -> None:
    """Its file, and that of its samples. ``OSError`` while writing is raised as such."""
    data = read_bytes(source / RECORD)
    write_new(copy / RECORD, data)
    name = _samples_name(data)
    if name is not None:
        write_new(copy / name, read_bytes(source / name, MOST_SAMPLE_BYTES + SPARE_BYTES))


class _OfSamples(Struct):
    name: str


class _WithSamples(Struct):
    samples_file: _OfSamples | None = None


def _samples_name(data: bytes) -> str | None:
    """The plain name of the file that a record's samples are in; ``None`` also for a record that will be refused."""
    try:
        stated = msgspec.convert(json_of(data, RECORD), _WithSamples).samples_file
    except (InputError, msgspec.ValidationError):
        return None
    if stated is None or Path(stated.name).name != stated.name or stated.name in ("", RECORD):
        return None
    return stated.name


def _renamed(copy: Path, place: Path) -> bool:
    """Whether ``copy`` became ``place``; ``False`` if there is something of that name."""
    if is_folder(place):
        return False
    try:
        copy.rename(place)
    except OSError:
        if is_folder(place):  # another process was faster
            return False
        raise
    return True
