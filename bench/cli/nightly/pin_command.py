"""``odb history pin``."""

from pathlib import Path

import click

from bench.cli.help import option
from bench.cli.language import lang_option
from bench.cli.nightly.asked import HistoryCommand, complete_series, history_option
from bench.cli.nightly.deciding import decide


@click.command("pin", cls=HistoryCommand, help="cli.help.history.pin", epilog="cli.epilog.history.pin")
@lang_option
@click.argument("series", shell_complete=complete_series)
@history_option
@option("--why", metavar="TEXT", required=True, help="cli.help.history.why")
@option("--record", metavar="ID", help="cli.help.history.record")
@option("--name", metavar="NAME", default="", help="cli.help.history.pin.name")
def command(series: str, folder: Path | None, why: str, record: str | None, name: str) -> int:
    """``odb history pin``."""
    decide("pin", folder, series, record, why, name)
    return 0
