"""``odb history page``."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import option
from bench.cli.language import lang_option
from bench.cli.nightly.asked import HistoryCommand, counting, folder_asked, history_option, matching, opened
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.nights.series import Series
    from bench.reporting import SeriesPage

INDEX = "index.html"


@click.command("page", cls=HistoryCommand, help="cli.help.history.page", epilog="cli.epilog.history.page")
@lang_option
@history_option
@option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", required=True, help="cli.help.history.site")
@option("--model", metavar="TEXT", help="cli.help.history.model")
@option("--target", metavar="TEXT", help="cli.help.history.target")
@option("--machine", metavar="TEXT", help="cli.help.history.machine")
@option("--force", is_flag=True, help="cli.help.force")
def command(
    folder: Path | None, output: Path, model: str | None, target: str | None, machine: str | None, force: bool
) -> int:
    """``odb history page``. A site that is there and was made by this command is replaced page by page."""
    import sys
    from datetime import UTC, datetime

    from bench.errors import InputError
    from bench.parallel import each
    from bench.plugins import discover, load
    from bench.store.records import prepare_folder, write_atomically

    with opened(folder) as history:
        found = matching(history.overview(), model=model, target=target, machine=machine)
    if not found:
        raise InputError(sentence("cli.history.nothing_to_draw"))
    _check(output, force)
    writer = load(discover().find("histories", "html"))
    prepare_folder(output / "series")
    series, pages = [one.series for one in found], []
    with counting(sys.stderr) as progress:
        for page in each(partial(_page, writer, folder_asked(folder)), series):
            write_atomically(output / page.name, page.data)
            pages.append(page)
            progress(len(pages), len(series))
    write_atomically(output / INDEX, writer.overview(pages, f"{datetime.now(UTC):%Y-%m-%d}"))
    click.echo(say("cli.history.drawn", n=len(pages), file=output / INDEX), err=True)
    return 0


def _page(writer: Any, folder: Path, series: "Series") -> "SeriesPage":
    """Runs in a process of its own, which opens the history itself: that is less than to send it the nights."""
    from bench.gate.trends import trend_of
    from bench.nights.history import History

    with History.open(folder) as history:
        page: SeriesPage = writer.series_page(trend_of(history, series))
        return page


def _check(output: Path, force: bool) -> None:
    """Raises ``InputError`` for a folder that holds something else than such a site."""
    from bench.errors import InputError

    if output.is_file():
        raise InputError(sentence("cli.history.site_is_file", file=output))
    others = [one.name for one in output.iterdir() if one.name not in (INDEX, "series")] if output.is_dir() else []
    if others and not force:
        raise InputError(
            sentence("cli.history.site_taken", folder=output, name=others[0]), sentence("cli.history.site_taken.remedy")
        )
