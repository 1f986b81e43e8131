"""``odb history accept``."""

from pathlib import Path

import click

from bench.cli.help import option
from bench.cli.language import lang_option
from bench.cli.nightly.asked import HistoryCommand, complete_series, history_option
from bench.cli.nightly.deciding import decide


@click.command("accept", cls=HistoryCommand, help="cli.help.history.accept", epilog="cli.epilog.history.accept")
@lang_option
@click.argument("series", shell_complete=complete_series)
@history_option
@option("--why", metavar="TEXT", required=True, help="cli.help.history.why")
@option("--record", metavar="ID", help="cli.help.history.record")
def command(series: str, folder: Path | None, why: str, record: str | None) -> int:
    """``odb history accept``."""
    decide("accept", folder, series, record, why)
    return 0
