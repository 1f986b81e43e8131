"""``odb fleet scheduler``."""

from pathlib import Path

import click

from bench.cli.fleet.asked import FleetCommand, insecure_option, keys_option, warn_insecure
from bench.cli.help import INTEGER, option
from bench.cli.language import lang_option
from bench.words import say, sentence


@click.command("scheduler", cls=FleetCommand, help="cli.help.fleet.scheduler", epilog="cli.epilog.fleet.scheduler")
@lang_option
@keys_option
@insecure_option
@option("--host", default="0.0.0.0", help="cli.help.fleet.scheduler.host")
@option("--port", type=INTEGER, default=8786, help="cli.help.fleet.scheduler.port")
def command(keys: Path | None, insecure: bool, host: str, port: int) -> int:
    """``odb fleet scheduler``."""
    import asyncio

    from bench.errors import InputError
    from bench.fleet.scheduler import serve_scheduler
    from bench.fleet.security import party_of

    if not 0 <= port < 1 << 16:
        raise InputError(sentence("cli.fleet.scheduler.port", port=port))
    party = party_of(keys, "scheduler", insecure)
    warn_insecure(insecure)
    asyncio.run(serve_scheduler(party, host, port, began))
    return 0


def began(address: str) -> None:
    """Say where the scheduler is."""
    click.echo(say("cli.fleet.scheduler.began", address=address))
