"""What people decided about a series: its base, and which change is accepted. One line each, only ever added to."""

import os
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from bench.errors import InputError
from bench.reading import exists, read_bytes
from bench.store.lines import line_of, lines_in
from bench.words import Sentence, sentence

DECISIONS = "decisions.jsonl"


class Decision(Struct, frozen=True, kw_only=True):
    """``pin``: tonight is compared with this record. ``accept``: the change that this record shows is wanted; it is
    the base from here on, and what was measured before says nothing about the noise after it. ``why``: in the words
    of who decided. ``name``: of a base that is not the usual one, such as a release."""

    kind: Literal["pin", "accept"]
    series: str
    record_id: str
    why: str
    at_utc: str
    name: str = ""


def read_decisions(folder: Path) -> tuple[list[Decision], list[Sentence]]:
    """The decisions in a history's ``folder`` in the order in which they were made, and what is wrong with the lines
    that are none. Such a line is left by a writer that was killed, or by a full disk; nothing else is lost by it.
    Raises ``InputError`` if the file cannot be read at all."""
    path = folder / DECISIONS
    if not exists(path):
        return [], []
    found, wrong = [], []
    for number, line in lines_in(read_bytes(path), msgspec.json.Decoder(Decision)):
        if isinstance(line, Sentence):
            wrong.append(sentence("history.no_decision", file=DECISIONS, line=number, reason=line))
        else:
            found.append(line)
    return found, wrong


def append_decision(folder: Path, decision: Decision) -> None:
    """Add one line, in a single write, to the disk itself. Raises ``InputError`` where it cannot be written, or not as
    a whole; then it is no decision."""
    path = folder / DECISIONS
    line = line_of(decision)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        try:
            whole = _break_before(descriptor) + line
            if os.write(descriptor, whole) < len(whole):
                raise OSError(28, os.strerror(28))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise InputError(
            sentence("store.not_written", path=path, strerror=error.strerror), sentence("history.not_decided")
        ) from None


def _break_before(descriptor: int) -> bytes:
    """A line break, if the last line was left without one."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if not size:
        return b""
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return b"" if os.read(descriptor, 1) == b"\n" else b"\n"
