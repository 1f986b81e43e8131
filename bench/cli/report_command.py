"""``odb report``."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import fitted, plugin_option

if TYPE_CHECKING:
    from bench.plugins import Catalog

EPILOG = """\b
Examples:
  odb report odb-results/20261122T101500Z                     the table, at the terminal
  odb report results --format html -o page.html
  odb report results --format csv > results.csv"""


@click.command("report", epilog=EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--format", "format_", help="html, md, csv, json or terminal; by default that of -o's suffix, or terminal."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; default is stdout.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
@plugin_option
def command(
    folder: Path, format_: str | None, output: Path | None, as_json: bool, force: bool, plugins: tuple[Path, ...]
) -> int:
    """Write a report from the records in DIR. One that cannot be read is named, the rest reported, and status 2."""
    from bench.errors import InputError
    from bench.plugins import discover, load
    from bench.store import readable_records, write_atomically

    catalog = discover(plugins)
    by_suffix = suffixes(catalog) if output and not format_ else {}
    name = "json" if as_json else format_ or (by_suffix.get(output.suffix, "terminal") if output else "terminal")
    writer = load(catalog.find("reports", name))
    runs, wrong = readable_records(folder)
    data = (fitted(writer) if output is None else writer).render(runs)
    for error in wrong:
        click.echo(f"odb: left out of the report: {error.message}", err=True)
    status = 2 if wrong else 0
    if output is None:
        sys.stdout.buffer.write(data)
        return status
    if output.exists() and not force:
        raise InputError(f"-o {output}: exists already", "Choose another name, or say --force to replace it.")
    write_atomically(output, data)
    click.echo(f"{output}: {len(data):,} bytes", err=True)
    return status


def suffixes(catalog: "Catalog") -> dict[str, str]:
    """File suffix -> writer, of the writers that can be loaded."""
    from bench.errors import OdbError
    from bench.plugins import load

    found = {}
    for ref in catalog.of("reports"):
        with suppress(OdbError):
            found[load(ref).suffix] = ref.name
    return found
