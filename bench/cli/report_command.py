"""``odb report``."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import fitted, plugin_option
from bench.printable import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.contracts import Report
    from bench.plugins import Catalog
    from bench.refused_record import RefusedRecord

EPILOG = """\b
Examples:
  odb report odb-results/20261122T101500Z                     the table, at the terminal
  odb report results --format html -o page.html
  odb report startup-a startup-b -o both.html                 side by side, with a column for the folder
  odb report results --format csv > results.csv"""


@click.command("report", epilog=EPILOG)
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "format_", help="html, md, csv, json or terminal; by default that of -o's suffix, or terminal."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; default is stdout.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
@plugin_option
def command(
    folders: tuple[Path, ...],
    format_: str | None,
    output: Path | None,
    as_json: bool,
    force: bool,
    plugins: tuple[Path, ...],
) -> int:
    """Write a report from the records in DIR. Several folders, or a folder of them, are shown side by side and not
    ranked. A record that cannot be read is named, the others are reported, and the status is 2."""
    from bench.errors import InputError
    from bench.plugins import discover, load
    from bench.store import write_atomically
    from bench.submissions import read

    catalog = discover(plugins)
    by_suffix = suffixes(catalog) if output and not format_ else {}
    name = "json" if as_json else format_ or (by_suffix.get(output.suffix, "terminal") if output else "terminal")
    writer = load(catalog.find("reports", name))
    for folder in folders:
        tell_recovered(folder)
    runs, refused = read(folders)
    data = telling(fitted(writer) if output is None else writer, refused).render(runs)
    status = 2 if refused else 0
    if output is None:
        sys.stdout.buffer.write(data)
        return status
    if output.exists() and not force:
        raise InputError(f"-o {output}: exists already", "Choose another name, or say --force to replace it.")
    write_atomically(output, data)
    click.echo(f"{output}: {len(data):,} bytes", err=True)
    return status


def telling(writer: "Report", refused: "Sequence[RefusedRecord]") -> "Report":
    """``writer``, which names the refused records if it can; they are named on stderr too."""
    from bench.contracts import TellsRefused

    for one in refused:
        where = "/".join(filter(None, (one.folder, one.name)))
        click.echo(f"odb: left out of the report: {clean(str(where))}: {clean(one.message)}", err=True)
    return writer.telling(refused) if refused and isinstance(writer, TellsRefused) else writer


def tell_recovered(folder: Path) -> None:
    """Make records of what killed runs left unfinished in ``folder``, and say so."""
    from bench.unfinished import recover

    for record in recover(folder):
        failure = record.failure.message if record.failure is not None else record.status
        message = f"recovered from a run that was killed: {record.record_id}: {failure}"
        click.echo(f"odb: {clean(message)}", err=True)


def suffixes(catalog: "Catalog") -> dict[str, str]:
    """File suffix -> writer, of the writers that can be loaded."""
    from bench.errors import OdbError
    from bench.plugins import load

    found = {}
    for ref in catalog.of("reports"):
        with suppress(OdbError):
            found[load(ref).suffix] = ref.name
    return found
