"""Options that the commands of a fleet share."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import Command, option
from bench.words import say

if TYPE_CHECKING:
    from bench.fleet.client.dask_rack import DaskRack


class FleetCommand(Command):
    """A subcommand of ``odb fleet``."""

    def get_short_help_str(self, limit: int = 45) -> str:
        return say(f"cli.summary.fleet.{self.name}")


keys_option = option("--keys", type=click.Path(path_type=Path), help="cli.help.fleet.keys_folder")
"""``--keys FOLDER``: of this party."""

scheduler_option = option("--scheduler", required=True, metavar="ADDRESS", help="cli.help.fleet.scheduler_address")
"""``--scheduler ADDRESS``."""

insecure_option = option("--insecure", is_flag=True, help="cli.help.fleet.insecure")
"""``--insecure``."""


def warn_insecure(insecure: bool) -> None:
    """Say loudly what ``--insecure`` means."""
    if insecure:
        click.echo(say("cli.fleet.insecure"), err=True)


def on_device(
    device: str, scheduler: str, keys: Path | None, insecure: bool, do: "Callable[[DaskRack], Awaitable[None]]"
) -> None:
    """Have the rack ``do`` something about a device. Raises ``UnknownName`` for one that is not joined."""
    import asyncio

    from bench.errors import InputError, UnknownName
    from bench.fleet.client.dask_rack import DaskRack
    from bench.fleet.client.rack import Away
    from bench.fleet.security import address_of, party_of
    from bench.words import sentence

    address, party = address_of(scheduler, insecure), party_of(keys, "client", insecure)
    warn_insecure(insecure)

    async def done() -> None:
        async with DaskRack(address, party) as rack:
            names = await rack.names()
            if device not in names:
                raise UnknownName(sentence("fleet.client.device"), device, names)
            try:
                await do(rack)
            except Away:
                told = sentence("fleet.client.no_answer", device=device)
                raise InputError(told, sentence("fleet.client.no_answer.remedy")) from None

    asyncio.run(done())
