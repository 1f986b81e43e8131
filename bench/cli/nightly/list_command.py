"""``odb history list``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import option
from bench.cli.language import lang_option
from bench.cli.nightly.asked import HistoryCommand, history_option, matching, opened, width, word_of
from bench.cli.options import echo_json, json_option
from bench.cli.terminal.columns import columns
from bench.printable import clean
from bench.words import say

if TYPE_CHECKING:
    from bench.nights.index import Overview
    from bench.nights.point import Point

COLUMNS = ("series", "name", "nights", "last", "word", "base")


@click.command("list", cls=HistoryCommand, help="cli.help.history.list", epilog="cli.epilog.history.list")
@lang_option
@history_option
@option("--model", metavar="TEXT", help="cli.help.history.model")
@option("--target", metavar="TEXT", help="cli.help.history.target")
@option("--machine", metavar="TEXT", help="cli.help.history.machine")
@json_option
def command(folder: Path | None, model: str | None, target: str | None, machine: str | None, as_json: bool) -> int:
    """``odb history list``."""
    with opened(folder) as history:
        found = matching(history.overview(), model=model, target=target, machine=machine)
        bases = history.bases()
    if as_json:
        echo_json([for_scripts(one, bases.get(one.series)) for one in found])
    elif found:
        rows = [row_of(one, bases.get(one.series)) for one in found]
        click.echo(columns([say(f"cli.history.column.{name}") for name in COLUMNS], rows, width()))
    else:
        click.echo(say("cli.none"))
    return 0


def row_of(one: "Overview", base: "Point | None") -> list[str]:
    """A series in a line. ``base``: the night that it is compared with."""
    nights = str(one.nights) if one.counted == one.nights else say("cli.history.of", n=one.counted, total=one.nights)
    named = [clean(one.series.id), clean(one.series.name), nights, one.last, word_of(one.newest)]
    return [*named, "" if base is None else base.night]


def for_scripts(one: "Overview", base: "Point | None") -> dict[str, Any]:
    """A series as JSON."""
    import msgspec

    newest = one.newest
    return {
        "id": one.series.id,
        **msgspec.structs.asdict(one.series),
        "nights": one.nights,
        "counted": one.counted,
        "first": one.first,
        "last": one.last,
        "newest": {name: getattr(newest, name) for name in ("record_id", "created_utc", "status", "valid", "codes")},
        "base": None if base is None else base.record_id,
    }
