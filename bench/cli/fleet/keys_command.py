"""``odb fleet keys``."""

from pathlib import Path

import click

from bench.cli.fleet.asked import FleetCommand
from bench.cli.help import INTEGER, option
from bench.cli.language import lang_option
from bench.printable import clean
from bench.words import say


@click.command("keys", cls=FleetCommand, help="cli.help.fleet.keys", epilog="cli.epilog.fleet.keys")
@lang_option
@click.argument("folder", type=click.Path(path_type=Path))
@option("--name", "names", multiple=True, help="cli.help.fleet.keys.name")
@option("--client", "clients", multiple=True, metavar="NAME", help="cli.help.fleet.keys.client")
@option("--host", "hosts", multiple=True, help="cli.help.fleet.keys.host")
@option("--days", type=INTEGER, default=None, help="cli.help.fleet.keys.days")
@option("--revoke", "revoked", multiple=True, metavar="NAME", help="cli.help.fleet.keys.revoke")
def command(
    folder: Path,
    names: tuple[str, ...],
    clients: tuple[str, ...],
    hosts: tuple[str, ...],
    days: int | None,
    revoked: tuple[str, ...],
) -> int:
    """``odb fleet keys``."""
    from bench.errors import InputError
    from bench.fleet.keys import AUTHORITY, DAYS, MOST_DAYS, is_revoked, make_keys, revoke
    from bench.words import sentence

    days = DAYS if days is None else days
    if not 0 < days <= MOST_DAYS:
        raise InputError(sentence("cli.fleet.keys.days", days=days, most=MOST_DAYS))
    if revoked:
        if names or clients:
            raise InputError(sentence("cli.fleet.keys.one_at_a_time"), sentence("cli.fleet.keys.one_at_a_time.remedy"))
        before = [name for name in dict.fromkeys(revoked) if is_revoked(folder, name)]
        for place in revoke(folder, now) if (now := [name for name in revoked if name not in before]) else ():
            click.echo(say("cli.fleet.keys.revoked", file=clean(str(place))))
        for name in before:
            click.echo(say("cli.fleet.keys.revoked_before", name=clean(name)))
        return 0
    made = make_keys(folder, names, hosts, days, clients=clients)
    for one in made:
        code = "cli.fleet.keys.authority" if one.name == AUTHORITY else "cli.fleet.keys.made"
        click.echo(say(code, folder=clean(str(one))))
    if not made:
        click.echo(say("cli.fleet.keys.none", folder=clean(str(folder))))
    return 0
