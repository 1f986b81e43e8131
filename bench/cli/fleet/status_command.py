"""``odb fleet status``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.fleet.asked import FleetCommand, insecure_option, keys_option, scheduler_option, warn_insecure
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option
from bench.printable import clean
from bench.words import say

if TYPE_CHECKING:
    from bench.fleet.client.rack import Asked


@click.command("status", cls=FleetCommand, help="cli.help.fleet.status", epilog="cli.epilog.fleet.status")
@lang_option
@scheduler_option
@keys_option
@insecure_option
@json_option
def command(scheduler: str, keys: Path | None, insecure: bool, as_json: bool) -> int:
    """``odb fleet status``. Returns 1 where a device did not answer."""
    import asyncio

    from bench.cli.fleet.shown import device_for_scripts, print_devices, waiting
    from bench.fleet.client.dask_rack import DaskRack
    from bench.fleet.security import address_of, party_of

    address, party = address_of(scheduler, insecure), party_of(keys, "client", insecure)
    warn_insecure(insecure)

    async def ask() -> "tuple[Sequence[Asked], Sequence[str], Mapping[str, Sequence[str]]]":
        async with DaskRack(address, party) as rack:
            found, silent = await rack.ask(sorted(await rack.names()))
            return found, silent, await rack.queue()

    devices, silent, queues = asyncio.run(ask())
    if as_json:
        rows = [device_for_scripts(one, waiting(one, queues)) for one in devices]
        echo_json({"devices": rows, "silent": list(silent)})
    elif devices:
        print_devices(devices, queues)
    else:
        click.echo(say("cli.fleet.no_devices"))
    for name in silent:
        click.echo(say("fleet.client.no_answer", device=clean(name)), err=True)
    return 1 if silent else 0
