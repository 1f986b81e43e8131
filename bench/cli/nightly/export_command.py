"""``odb history export``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import Choice, option
from bench.cli.language import lang_option
from bench.cli.nightly.asked import HistoryCommand, complete_series, history_option, opened, series_named
from bench.words import say, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl"}


@click.command("export", cls=HistoryCommand, help="cli.help.history.export", epilog="cli.epilog.history.export")
@lang_option
@click.argument("series", nargs=-1, metavar="[SERIES]...", shell_complete=complete_series)
@history_option
@option("--format", "form", type=Choice(["csv", "jsonl", "otava"]), help="cli.help.history.export.format")
@option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE|DIR", help="cli.help.history.export.output")
@option("--force", is_flag=True, help="cli.help.force")
def command(series: tuple[str, ...], folder: Path | None, form: str | None, output: Path | None, force: bool) -> int:
    """``odb history export``."""
    from bench.cli.output_format import checked_output, chosen_format
    from bench.nights.exporting import csv_of, json_lines_of, otava_of
    from bench.store.records import write_atomically

    chosen = form if form == "otava" else chosen_format(form, False, output, SUFFIXES)
    file = None if chosen == "otava" else checked_output(output, force)
    with opened(folder) as history:
        wanted = {series_named(history, text) for text in series}
        nights = {one: points for one, points in history.each() if not series or one in wanted}
    if chosen == "otava":
        write_folder(otava_of(nights, str(output)), output, force)
        return 0
    points = [point for of_series in nights.values() for point in of_series]
    data = json_lines_of(points) if chosen == "jsonl" else csv_of(points)
    if file is None:
        click.echo(data, nl=False)
    else:
        write_atomically(file, data)
        click.echo(say("cli.history.exported", n=len(points), file=file), err=True)
    return 0


def write_folder(files: "Mapping[str, bytes]", folder: Path | None, force: bool) -> None:
    """The files of Otava. Raises ``InputError`` without a folder, for none of them, and for one that exists, unless
    ``force``."""
    from bench.errors import InputError, of_flag
    from bench.store.records import prepare_folder, write_atomically

    if folder is None or str(folder) == "-":
        raise InputError(of_flag("--format otava", sentence("cli.history.otava_needs_folder")))
    if not files:
        raise InputError(sentence("cli.history.nothing_to_export"))
    taken = next((folder / name for name in files if (folder / name).exists()), None)
    if taken is not None and not force:
        raise InputError(sentence("cli.output_exists", file=taken), sentence("cli.output_exists.remedy"))
    prepare_folder(folder)
    for name, data in files.items():
        write_atomically(folder / name, data)
    click.echo(say("cli.history.otava_written", n=len(files) - 1, folder=folder), err=True)
