"""Where a history keeps its records: ``records/YYYY-MM/<record_id>``, the month being that (UTC) of ``created_utc``.

The id and the date of a record may be anybody's text: neither leads out of the folder.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.errors import InputError
from bench.record.record import Record
from bench.words import sentence

RECORDS = "records"
MONTH = re.compile(r"\d{4}-\d{2}")
LONGEST_NAME_BYTES = 200
EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
"""No record was made before: there was no tool to make one."""
AHEAD = timedelta(days=1)
"""How far the clock of another machine may be ahead."""
UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]")
"""What is no part of a file's name on one of the systems."""


def moment_of(created_utc: str, source: str) -> datetime:
    """When a record was made, in UTC; without an offset it is read as UTC. Raises ``InputError`` naming ``source``."""
    try:
        read = datetime.fromisoformat(created_utc)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(
            sentence("history.no_moment", source=source, created=created_utc), sentence("history.edited_record")
        ) from None


def check_clock(moment: datetime, source: str, now: datetime | None = None) -> None:
    """Raises ``InputError`` naming ``source`` for a moment that only a wrong clock gives: such a night would be the
    first of its series, or the last for ever."""
    if not EARLIEST <= moment <= (now or datetime.now(UTC)) + AHEAD:
        raise InputError(
            sentence("history.wrong_clock", source=source, made=moment.isoformat(timespec="seconds")),
            sentence("history.wrong_clock.remedy"),
        )


def discard_empty(history: Path, folder_too: bool) -> None:
    """Remove what a history that was just begun consists of if no record is in it. ``folder_too``: its folder was made
    for it."""
    if any(names(history, month) for month in months(history)):
        return
    with suppress(OSError):
        for month in months(history):
            (history / RECORDS / month).rmdir()
        (history / RECORDS).rmdir()
        for file in history.glob("index.sqlite*"):
            file.unlink()
        if folder_too:
            history.rmdir()


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly."""
    passed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def place_of(record: Record, source: str) -> str:
    """Where ``record`` belongs, relative to the history. Raises ``InputError`` for an id that is no name of a folder,
    and a date that is none."""
    name = record.record_id
    if not is_name(name) or len(name.encode(errors="replace")) > LONGEST_NAME_BYTES:
        raise InputError(sentence("history.unsafe_id", source=source, id=name[:80]), sentence("history.edited_record"))
    return f"{RECORDS}/{month_of(record.created_utc, source)}/{name}"


def is_name(name: str) -> bool:
    """Whether it names a folder of a record on every system, and nothing else."""
    return bool(name) and not name.startswith(".") and not name.endswith((".", " ")) and not UNSAFE.search(name)


def month_of(created_utc: str, source: str) -> str:
    """The month (UTC) that a record was made in: ``2026-11``. Raises ``InputError`` naming ``source``."""
    moment = moment_of(created_utc, source)
    return f"{moment.year:04}-{moment.month:02}"


def months(folder: Path) -> dict[str, int]:
    """The months of a history's ``folder`` and when each was last changed, in ns since 1970."""
    return {
        entry.name: entry.stat(follow_symlinks=False).st_mtime_ns
        for entry in _folders(folder / RECORDS)
        if MONTH.fullmatch(entry.name)
    }


def names(folder: Path, month: str) -> set[str]:
    """The folders of records in a month. Links are none: they may lead anywhere."""
    return {entry.name for entry in _folders(folder / RECORDS / month)}


def _folders(folder: Path) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            yield from (
                entry for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            )
    except FileNotFoundError:
        return
