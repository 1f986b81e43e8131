"""``odb history add``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import option
from bench.cli.language import lang_option
from bench.cli.nightly.asked import HistoryCommand, counting, folder_asked, history_option, opened
from bench.cli.options import echo_json, json_option
from bench.printable import clean
from bench.words import say

if TYPE_CHECKING:
    from bench.nights.history import Added


@click.command("add", cls=HistoryCommand, help="cli.help.history.add", epilog="cli.epilog.history.add")
@lang_option
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@history_option
@option("--dry-run", is_flag=True, help="cli.help.history.add.dry_run")
@option("--any-date", is_flag=True, help="cli.help.history.add.any_date")
@json_option
def command(results: tuple[Path, ...], folder: Path | None, dry_run: bool, any_date: bool, as_json: bool) -> int:
    """``odb history add``."""
    from bench.nights.places import RECORDS, discard_empty
    from bench.reading import is_folder

    place = folder_asked(folder)
    there, fresh = is_folder(place), not is_folder(place / RECORDS)
    if not there and dry_run:
        added = in_a_new_one(results, any_date)
    else:
        try:
            with opened(place, create=not dry_run) as history, counting(sys.stderr) as progress:
                added = history.add(results, dry_run=dry_run, any_date=any_date, progress=progress)
        finally:
            if fresh and not dry_run:
                discard_empty(place, folder_too=not there)
    if as_json:
        echo_json(for_scripts(added, dry_run))
    else:
        click.echo(told(added, dry_run))
    for one in added.refused:
        click.echo(say("cli.history.refused", path=clean(one.path), reason=clean(str(one.reason))), err=True)
        if one.advice:
            click.echo(f"     {clean(str(one.advice))}", err=True)
    return 2 if added.refused else 0


def in_a_new_one(results: tuple[Path, ...], any_date: bool) -> "Added":
    """What would be added to a history that does not exist yet."""
    import tempfile

    from bench.nights.history import History

    with tempfile.TemporaryDirectory() as nowhere, History.open(nowhere, create=True) as history:
        return history.add(results, dry_run=True, any_date=any_date)


def told(added: "Added", dry_run: bool) -> str:
    """The result in words."""
    code = "cli.history.would_add" if dry_run else "cli.history.added"
    series = len({point.series for point in added.points})
    told = say(code, n=len(added.points), series=series, new=len(added.new_series), present=len(added.present))
    return say("cli.history.left_out", told=told, n=len(added.left_out)) if added.left_out else told


def for_scripts(added: "Added", dry_run: bool) -> dict[str, Any]:
    """The result as JSON, the same in every language: reasons are codes and figures."""
    return {
        "dry_run": dry_run,
        "added": [{"record_id": p.record_id, "series": p.series.id, "folder": p.folder} for p in added.points],
        "present": added.present,
        "refused": [{"path": one.path, "message": one.reason, "remedy": one.advice} for one in added.refused],
        "left_out": added.left_out,
        "new_series": [one.id for one in added.new_series],
    }
