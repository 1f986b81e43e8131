"""What the commands of a history have in common: its folder, the series that is meant, and what was found amiss."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from bench.cli.help import Command, option
from bench.cli.terminal.columns import terminal_width
from bench.printable import clean
from bench.words import say, sentence

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from bench.nights.history import History
    from bench.nights.index import Overview
    from bench.nights.point import Point
    from bench.nights.series import Series

VARIABLE = "ODB_HISTORY"
PIPE_WIDTH = 200
SHOWN_FROM = 20
"""Fewer records are done before a count could be read."""
DRAWN_EVERY_S = 0.2

history_option = option(
    "--history", "folder", type=click.Path(path_type=Path), metavar="DIR", help="cli.help.history.folder"
)
"""``--history DIR``; without it ``ODB_HISTORY``."""


class HistoryCommand(Command):
    """A subcommand of ``odb history``."""

    def get_short_help_str(self, limit: int = 45) -> str:
        return say(f"cli.summary.history.{self.name}")


def folder_asked(folder: Path | None) -> Path:
    """The history to use. Raises ``InputError`` where none is named."""
    from bench.errors import InputError

    stated = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if stated is None:
        raise InputError(sentence("cli.history.no_folder", variable=VARIABLE), sentence("cli.history.no_folder.remedy"))
    return stated


@contextmanager
def opened(folder: Path | None, *, create: bool = False) -> "Iterator[History]":
    """The history; at the end what was put right or left out is said on stderr."""
    from bench.scripting.histories import history

    with counting(sys.stderr) as progress:
        found = history(folder_asked(folder), create=create, progress=progress)
    with found:
        try:
            yield found
        finally:
            for notice in found.notices:
                click.echo(say("cli.history.notice", notice=clean(str(notice))), err=True)


@contextmanager
def counting(stream: TextIO) -> Iterator[Callable[[int, int], None]]:
    """Shows how many records of how many are done, on ``stream`` if it is a terminal."""
    drawn_s, width = 0.0, 0

    def show(done: int, total: int) -> None:
        nonlocal drawn_s, width
        if total >= SHOWN_FROM and stream.isatty() and time.monotonic() - drawn_s >= DRAWN_EVERY_S:
            text = say("cli.history.progress", done=done, total=total)
            stream.write(f"\r{text.ljust(width)}")
            stream.flush()
            drawn_s, width = time.monotonic(), len(text)

    try:
        yield show
    finally:
        if width:
            stream.write("\r" + " " * 2 * width + "\r")


def series_named(history: "History", text: str) -> "Series":
    """The series whose id or name is ``text``, or begins with it. Raises ``InputError`` for none and for several."""
    from bench.errors import InputError, UnknownName

    every = history.series()
    exact = [one for one in every if text in (one.id, one.name)]
    found = exact or [one for one in every if one.id.startswith(text) or one.name.startswith(text)]
    if not found:
        raise UnknownName(sentence("cli.history.series"), text, [one.id for one in every])
    if len(found) > 1:
        raise InputError(
            sentence("cli.history.several_series", text=text, n=len(found)),
            sentence("cli.history.several_series.remedy", ids=[one.id for one in found[:5]]),
        )
    return found[0]


def record_named(history: "History", series: "Series", text: str | None) -> "Point":
    """The point of the record of ``series`` whose id is ``text`` or begins with it; without it the newest that counts.
    Raises ``InputError``."""
    from bench.errors import InputError, UnknownName

    points = history.points(series.id)
    if text is None:
        newest = next((point for point in reversed(points) if point.counts), None)
        if newest is None:
            raise InputError(sentence("cli.history.none_counts", series=series.id))
        return newest
    found = [point for point in points if point.record_id == text] or [
        point for point in points if point.record_id.startswith(text)
    ]
    if not found:
        raise UnknownName(sentence("cli.history.record"), text, [point.record_id for point in points[-20:]])
    if len(found) > 1:
        raise InputError(sentence("cli.history.several_records", text=text, n=len(found)))
    return found[0]


def complete_series(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Ids of series of the history that was named before, or ``ODB_HISTORY``."""
    from click.shell_completion import CompletionItem

    from bench.errors import OdbError
    from bench.nights.history import History

    try:
        with History.open(folder_asked(ctx.params.get("folder"))) as history:
            every = history.series()
    except (OdbError, OSError):
        return []
    return [CompletionItem(one.id, help=clean(one.name)) for one in every if one.id.startswith(incomplete)]


def matching(found: "list[Overview]", **filters: str | None) -> "list[Overview]":
    """Those whose fields contain the texts asked for, whatever the case."""
    asked = {name: text.casefold() for name, text in filters.items() if text}
    return [one for one in found if all(text in getattr(one.series, name).casefold() for name, text in asked.items())]


def word_of(point: "Point") -> str:
    """What a night is: valid, invalid and why, failed and how."""
    codes = list(point.codes)
    if point.status != "ok":
        code = "cli.history.word.failed" if point.status == "failed" else "cli.history.word.skipped"
        return say(code, codes=codes) if codes else say(f"cli.status.{point.status}")
    if point.emulated:
        return say("cli.history.word.emulated")
    if point.valid:
        return say("cli.history.word.valid")
    return say("cli.history.word.invalid", codes=codes) if codes else say("cli.history.word.not_judged")


def width() -> int:
    """Of tables, in cells."""
    return terminal_width() if sys.stdout.isatty() else PIPE_WIDTH
