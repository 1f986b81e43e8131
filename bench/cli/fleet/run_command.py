"""``odb fleet run``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.fleet.asked import FleetCommand, insecure_option, keys_option, scheduler_option, warn_insecure
from bench.cli.help import FLOAT, option
from bench.cli.language import lang_option
from bench.cli.options import json_option, plugin_option
from bench.cli.terminal.signals import EXIT_INTERRUPTED
from bench.printable import clean
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.fleet.client.patience import Patience
    from bench.fleet.client.planning import Asked
    from bench.fleet.client.running import Outcome
    from bench.fleet.security import Party
    from bench.plugins import Catalog
    from bench.suite.suite import Suite

NOTHING_MEASURED = 3


@click.command("run", cls=FleetCommand, help="cli.help.fleet.run", epilog="cli.epilog.fleet.run")
@lang_option
@click.argument("suite_file", metavar="SUITE.toml", type=click.Path(path_type=Path))
@scheduler_option
@keys_option
@insecure_option
@option("--where", metavar="KEY=VALUE,…", help="cli.help.fleet.run.where")
@option("--each", is_flag=True, help="cli.help.fleet.run.each")
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.fleet.run.output")
@option("--grace", type=FLOAT, default=300.0, metavar="SECONDS", help="cli.help.fleet.run.grace")
@option("--allow-unsafe-options", metavar="KEY,…", help="cli.help.run.allow_unsafe_options")
@option("--dry-run", is_flag=True, help="cli.help.fleet.run.dry_run")
@plugin_option
@json_option
def command(
    suite_file: Path,
    scheduler: str,
    keys: Path | None,
    insecure: bool,
    where: str | None,
    each: bool,
    output: Path | None,
    grace: float,
    allow_unsafe_options: str | None,
    dry_run: bool,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> int:
    """``odb fleet run``."""
    from bench.cli.fleet.shown import tell_damaged
    from bench.errors import InputError
    from bench.fleet.client.asking import asked_of
    from bench.fleet.client.patience import Patience
    from bench.fleet.client.where import parse_where
    from bench.fleet.ledger import LEDGER
    from bench.fleet.security import address_of, party_of
    from bench.plugins import discover
    from bench.scratch import reserved
    from bench.scripting.places import cache_folder, results_folder
    from bench.store.records import prepare_folder

    if not 0 < grace < 1e6:
        raise InputError(sentence("cli.fleet.run.grace", grace=grace))
    chosen, address = parse_where(where), address_of(scheduler, insecure)
    out = results_folder(output)
    party = party_of(keys, "client", insecure)
    warn_insecure(insecure)
    catalog = discover(plugins)
    suite = asked_suite(suite_file, allow_unsafe_options, catalog)
    asked = asked_of(suite, catalog, cache=cache_folder(), where=chosen, each=each)
    if dry_run:
        return show_plan(asked, address, party, as_json)
    folder = prepare_folder(out)
    with reserved(folder / LEDGER):
        tell_damaged(folder)
        try:
            outcome = measure(asked, address, party, folder, Patience(grace_s=grace))
        except KeyboardInterrupt:
            tell_going_on(folder)
            return EXIT_INTERRUPTED
    return shown(outcome, folder, catalog, as_json)


def asked_suite(file: Path, allowed: str | None, catalog: "Catalog") -> "Suite":
    """The suite of that file, with what of its options the user lets through."""
    from msgspec.structs import replace

    from bench.cli.asked import words
    from bench.suite.suite import load_suite
    from bench.suite.untrusted import ALLOW

    suite = load_suite(file, catalog)
    if suite.untrusted is None or not allowed:
        return suite
    return replace(suite, untrusted=replace(suite.untrusted, allowed=frozenset(words(ALLOW, allowed))))


def show_plan(asked: "Asked", address: str, party: "Party", as_json: bool) -> int:
    """Print what would be measured where, and what is left out and why."""
    import asyncio

    from bench.cli.fleet.shown import print_plan
    from bench.fleet.client.dask_rack import DaskRack
    from bench.fleet.client.planning import FleetPlan
    from bench.fleet.client.rack import Asked as Device
    from bench.fleet.client.running import planned

    async def ask() -> tuple[FleetPlan, list[Device]]:
        async with DaskRack(address, party) as rack:
            return await planned(rack, asked)

    plan, devices = asyncio.run(ask())
    print_plan(plan, devices, as_json)
    return 0 if plan.orders else NOTHING_MEASURED


def measure(asked: "Asked", address: str, party: "Party", folder: Path, patience: "Patience") -> "Outcome":
    """Have it measured, with progress."""
    import asyncio

    from bench.cli.fleet.progress import progress
    from bench.fleet.client.dask_rack import DaskRack
    from bench.fleet.client.running import Outcome, measured
    from bench.interrupts import unwinding

    async def run() -> Outcome:
        async with DaskRack(address, party) as rack:
            return await measured(rack, asked, folder, watcher, patience)

    with unwinding(), progress(sys.stderr) as watcher:
        return asyncio.run(run())


def tell_going_on(folder: Path) -> None:
    """After an interrupt: what devices go on with, and how it is fetched."""
    from bench.fleet.ledger import LEDGER, standings_of, under_way

    going_on = under_way(standings_of(folder / LEDGER))
    count = sum(len(orders) for orders in going_on.values())
    click.echo(f"odb: {say('cli.fleet.run.interrupted', count=count, folder=clean(str(folder)))}", err=True)


def shown(outcome: "Outcome", folder: Path, catalog: "Catalog", as_json: bool) -> int:
    """Print what came of it. Returns the exit status: 1 also where an order was refused or lost, or a record cannot be
    read any more, 3 where nothing was measured."""
    from bench.analysis.verdict.fail_on import exit_status
    from bench.cli.fleet.shown import for_scripts, print_failed, print_left_out, print_unreadable
    from bench.cli.options import echo_json, fitted
    from bench.fleet.results import readable, write_page
    from bench.plugins import load

    page = write_page(folder)
    recorded, unreadable = readable(outcome.fetched)
    if as_json:
        echo_json(for_scripts(outcome, [run.record for run in recorded]))
    elif recorded:
        click.echo(fitted(load(catalog.find("reports", "terminal"))).render(recorded).decode(), nl=False)
        click.echo("\n" + say("cli.fleet.run.records", folder=clean(str(folder)), page=clean(str(page))))
    print_left_out(outcome.plan, chosen_only=True)
    print_failed(outcome)
    print_unreadable(unreadable)
    if not recorded:
        return NOTHING_MEASURED
    status = exit_status([run.record for run in recorded])
    return status or (1 if outcome.failed or unreadable else 0)
