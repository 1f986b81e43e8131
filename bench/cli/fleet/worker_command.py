"""``odb fleet worker``."""

from pathlib import Path

import click

from bench.cli.fleet.asked import FleetCommand, insecure_option, keys_option, scheduler_option, warn_insecure
from bench.cli.help import FLOAT, option
from bench.cli.language import lang_option
from bench.cli.options import plugin_option
from bench.printable import clean
from bench.words import Sentence, sentence


@click.command("worker", cls=FleetCommand, help="cli.help.fleet.worker", epilog="cli.epilog.fleet.worker")
@lang_option
@scheduler_option
@keys_option
@insecure_option
@option("--name", default=None, help="cli.help.fleet.worker.name")
@option("-t", "--target", "targets", multiple=True, metavar="PLUGIN", help="cli.help.fleet.worker.target")
@option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="cli.help.fleet.worker.label")
@option("--folder", type=click.Path(path_type=Path), default=None, help="cli.help.fleet.worker.folder")
@option("--cache-gb", type=FLOAT, default=20.0, help="cli.help.fleet.worker.cache_gb")
@option("--lease", type=click.Path(path_type=Path), default=None, help="cli.help.fleet.worker.lease")
@option("--host", default=None, help="cli.help.fleet.worker.host")
@option("--yardstick-hours", type=FLOAT, default=24.0, metavar="HOURS", help="cli.help.fleet.worker.yardstick_hours")
@plugin_option
@option("--take-plugins", is_flag=True, help="cli.help.fleet.worker.take_plugins")
def command(
    scheduler: str,
    keys: Path | None,
    insecure: bool,
    name: str | None,
    targets: tuple[str, ...],
    labels: tuple[str, ...],
    folder: Path | None,
    cache_gb: float,
    lease: Path | None,
    host: str | None,
    yardstick_hours: float,
    plugins: tuple[Path, ...],
    take_plugins: bool,
) -> int:
    """``odb fleet worker``."""
    import asyncio

    from bench.bundle.names import wrong_name
    from bench.errors import InputError
    from bench.fleet.device.agent import ARTIFACTS, Agent
    from bench.fleet.device.artifacts import Artifacts
    from bench.fleet.device.facts import facts_of
    from bench.fleet.security import address_of, party_of
    from bench.machine.lease import leased
    from bench.plugins import discover
    from bench.scripting.places import cache_folder
    from bench.store.records import prepare_folder
    from bench.suite.suite import parse_pair

    given = dict(parse_pair("--label", text) for text in labels)
    address = address_of(scheduler, insecure)
    party = party_of(keys, "device", insecure)
    named = name or party.name
    if not named:
        raise InputError(sentence("fleet.name_needed"), sentence("fleet.name_needed.remedy"))
    if party.name and named != party.name:
        raise InputError(
            sentence("fleet.name_of_another", name=named, certificate=party.name),
            sentence("fleet.name_of_another.remedy", name=named),
        )
    if (wrong := wrong_name(named)) is not None or "/" in named:
        raise InputError(sentence("fleet.keys_name", name=named), wrong or sentence("fleet.keys_name.remedy"))
    if not 0 < cache_gb < 1e6:
        raise InputError(sentence("cli.fleet.worker.cache_gb", size=cache_gb))
    if not 0 <= yardstick_hours < 1e6:
        raise InputError(sentence("cli.fleet.worker.yardstick_hours", hours=yardstick_hours))
    warn_insecure(insecure)
    place = prepare_folder(cache_folder() / "fleet" / named if folder is None else folder).resolve()
    files = tuple(path.resolve() for path in plugins)
    catalog = discover(files)
    for target in targets:
        catalog.find("targets", target)
    with leased(lease, {"device": named, "scheduler": address}):
        from bench.fleet.device.serving import serve

        tell(sentence("fleet.probing", device=named))
        facts = facts_of(named, catalog, targets, labels=given, plugins=files, takes_plugins=take_plugins)
        cache = Artifacts(place / ARTIFACTS, int(cache_gb * 1e9))
        agent = Agent(facts, place, cache, yardstick_hours=yardstick_hours)
        asyncio.run(serve(agent, address, party, host, tell))
    return 0


def tell(what: Sentence) -> None:
    """Say on stderr what changed."""
    click.echo(clean(str(what)), err=True)
