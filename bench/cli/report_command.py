"""``odb report``."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import Command, option
from bench.cli.language import lang_option
from bench.cli.options import fitted, plugin_option
from bench.cli.output_format import checked_output, chosen_format
from bench.printable import clean
from bench.words import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.plugins import Catalog
    from bench.record.record import RecordedRun
    from bench.record.refused import RefusedRecord
    from bench.reporting import Report


@click.command("report", cls=Command, help="cli.help.report", epilog="cli.epilog.report")
@lang_option
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@option("--format", "format_", help="cli.help.report.format")
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.output_file")
@option("--pictures", multiple=True, metavar="DIR", type=click.Path(path_type=Path), help="cli.help.report.pictures")
@option("--json", "as_json", is_flag=True, help="cli.help.json_format")
@option("--force", is_flag=True, help="cli.help.force")
@plugin_option
def command(
    folders: tuple[Path, ...],
    format_: str | None,
    output: Path | None,
    pictures: tuple[Path, ...],
    as_json: bool,
    force: bool,
    plugins: tuple[Path, ...],
) -> int:
    """``odb report``."""
    from bench.plugins import discover, load
    from bench.scripting import loading
    from bench.store.records import write_atomically

    catalog, file = discover(plugins), checked_output(output, force)
    name = chosen_format(format_, as_json, file, suffixes(catalog) if file else {})
    writer = load(catalog.find("reports", name))
    for folder in folders:
        tell_recovered(folder)
    refused: list[RefusedRecord] = []
    runs = without_yardsticks(loading.load(*folders, on_refused=refused.append))
    if pictures:
        writer = showing(writer, name, runs, pictures)
    data = telling(fitted(writer) if file is None else writer, refused).render(runs)
    status = 2 if refused else 0
    if file is None:
        sys.stdout.buffer.write(data)
        return status
    write_atomically(file, data)
    click.echo(say("cli.written", file=file, size_bytes=len(data)), err=True)
    return status


def without_yardsticks(runs: "list[RecordedRun]") -> "list[RecordedRun]":
    """``runs`` without those that were measured only as yardsticks of others, unless there are no others; it is said on
    stderr that they are left out."""
    from bench.record.evidence import of_yardstick

    own = [run for run in runs if not of_yardstick(run.record.plan.alternation)]
    if not own or len(own) == len(runs):
        return runs
    click.echo(f"odb: {say('cli.left_out_yardsticks', count=len(runs) - len(own))}", err=True)
    return own


def showing(writer: "Report", name: str, runs: "Sequence[RecordedRun]", folders: "Sequence[Path]") -> "Report":
    """``writer`` with the photographs in ``folders`` that the runs keep boxes of; those that are not there are named on
    stderr. Raises ``InputError`` where the writer draws none, a folder is missing, or no run keeps boxes."""
    from bench.errors import InputError
    from bench.quality.boxes import photographs
    from bench.reading import is_folder
    from bench.reporting import ShowsPhotographs
    from bench.words import sentence

    if not isinstance(writer, ShowsPhotographs):
        raise InputError(sentence("cli.draws_no_pictures", format=name), sentence("cli.draws_no_pictures.remedy"))
    for folder in folders:
        if not is_folder(folder):
            raise InputError(sentence("cli.pictures_no_folder", folder=folder), sentence("quality.check_path"))
    judged = [run.record.quality for run in runs if run.record.quality is not None]
    boxed = [picture for quality in judged for picture in quality.pictures]
    if not boxed:
        raise InputError(sentence("cli.no_boxes"), sentence("cli.no_boxes.remedy"))
    found, missing = photographs(boxed, folders)
    if missing:
        click.echo(f"odb: {clean(say('cli.pictures_missing', files=missing))}", err=True)
    return writer.showing(found)


def telling(writer: "Report", refused: "Sequence[RefusedRecord]") -> "Report":
    """``writer``, which names the refused records if it can; they are named on stderr too."""
    from bench.reporting import TellsRefused

    for one in refused:
        where = "/".join(filter(None, (one.folder, one.name)))
        told = say("cli.left_out_of_report", record=clean(str(where)), reason=clean(str(one.message)))
        click.echo(f"odb: {told}", err=True)
    return writer.telling(refused) if refused and isinstance(writer, TellsRefused) else writer


def tell_recovered(folder: Path) -> None:
    """Make records of what killed runs left unfinished in ``folder``, and say so."""
    from bench.store.unfinished import recover

    for record in recover(folder):
        ended = record.failure.message if record.failure is not None else record.status
        click.echo(f"odb: {clean(say('cli.recovered', record=record.record_id, ended=ended))}", err=True)


def suffixes(catalog: "Catalog") -> dict[str, str]:
    """Writer -> the suffix of its files, of the writers that can be loaded."""
    from bench.errors import OdbError
    from bench.plugins import load

    found = {}
    for ref in catalog.of("reports"):
        with suppress(OdbError):
            found[ref.name] = load(ref).suffix
    return found
