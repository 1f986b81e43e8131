"""``odb fleet report``."""

import sys
from pathlib import Path

import click

from bench.cli.fleet.asked import FleetCommand
from bench.cli.help import option
from bench.cli.language import lang_option
from bench.cli.options import plugin_option
from bench.cli.output_format import checked_output, chosen_format
from bench.words import say


@click.command("report", cls=FleetCommand, help="cli.help.fleet.report", epilog="cli.epilog.fleet.report")
@lang_option
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@option("--format", "format_", help="cli.help.fleet.report.format")
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.output_file")
@option("--json", "as_json", is_flag=True, help="cli.help.json_format")
@option("--force", is_flag=True, help="cli.help.force")
@plugin_option
def command(
    out: Path, format_: str | None, output: Path | None, as_json: bool, force: bool, plugins: tuple[Path, ...]
) -> int:
    """``odb fleet report``."""
    from bench.cli.fleet.shown import tell_damaged
    from bench.fleet.results import read_rack
    from bench.plugins import discover, load
    from bench.store.records import write_atomically

    catalog, file = discover(plugins), checked_output(output, force)
    suffixes = {ref.name: load(ref).suffix for ref in catalog.of("racks")}
    name = chosen_format(format_, as_json, file, suffixes)
    writer = load(catalog.find("racks", "md" if name == "terminal" else name))
    tell_damaged(out)
    data = writer.render(read_rack(out))
    if file is None:
        sys.stdout.buffer.write(data)
    else:
        write_atomically(file, data)
        click.echo(say("cli.written", file=file, size_bytes=len(data)), err=True)
    return 0
