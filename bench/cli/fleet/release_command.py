"""``odb fleet release``."""

from pathlib import Path

import click

from bench.cli.fleet.asked import FleetCommand, insecure_option, keys_option, scheduler_option
from bench.cli.language import lang_option
from bench.printable import clean
from bench.words import say


@click.command("release", cls=FleetCommand, help="cli.help.fleet.release", epilog="cli.epilog.fleet.release")
@lang_option
@click.argument("device")
@scheduler_option
@keys_option
@insecure_option
def command(device: str, scheduler: str, keys: Path | None, insecure: bool) -> int:
    """``odb fleet release``."""
    from bench.cli.fleet.asked import on_device

    on_device(device, scheduler, keys, insecure, lambda rack: rack.release(device))
    click.echo(say("cli.fleet.release.done", device=clean(device)))
    return 0
