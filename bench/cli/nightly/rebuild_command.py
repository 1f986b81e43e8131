"""``odb history rebuild``."""

import sys
from pathlib import Path

import click

from bench.cli.language import lang_option
from bench.cli.nightly.asked import HistoryCommand, counting, history_option, opened
from bench.words import say


@click.command("rebuild", cls=HistoryCommand, help="cli.help.history.rebuild", epilog="cli.epilog.history.rebuild")
@lang_option
@history_option
def command(folder: Path | None) -> int:
    """``odb history rebuild``."""
    with opened(folder) as history:
        with counting(sys.stderr) as progress:
            history.rebuild(progress)
        found = history.overview()
    click.echo(say("cli.history.rebuilt", n=sum(one.nights for one in found), series=len(found)))
    return 0
