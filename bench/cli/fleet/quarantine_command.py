"""``odb fleet quarantine``."""

from pathlib import Path

import click

from bench.cli.fleet.asked import FleetCommand, insecure_option, keys_option, scheduler_option
from bench.cli.help import option
from bench.cli.language import lang_option
from bench.printable import clean
from bench.words import say


@click.command("quarantine", cls=FleetCommand, help="cli.help.fleet.quarantine", epilog="cli.epilog.fleet.quarantine")
@lang_option
@click.argument("device")
@option("--why", required=True, help="cli.help.fleet.quarantine.why")
@scheduler_option
@keys_option
@insecure_option
def command(device: str, why: str, scheduler: str, keys: Path | None, insecure: bool) -> int:
    """``odb fleet quarantine``."""
    from bench.cli.fleet.asked import on_device

    on_device(device, scheduler, keys, insecure, lambda rack: rack.quarantine(device, why))
    click.echo(say("cli.fleet.quarantine.done", device=clean(device)))
    return 0
