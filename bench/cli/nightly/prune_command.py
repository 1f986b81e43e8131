"""``odb history prune``."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import INTEGER, option
from bench.cli.language import lang_option
from bench.cli.nightly.asked import HistoryCommand, history_option, opened
from bench.cli.options import echo_json, json_option
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.nights.history import History
    from bench.nights.point import Point

DAYS = {"d": 1, "w": 7, "y": 365}


@click.command("prune", cls=HistoryCommand, help="cli.help.history.prune", epilog="cli.epilog.history.prune")
@lang_option
@history_option
@option("--older-than", "age", metavar="AGE", required=True, help="cli.help.history.prune.older_than")
@option("--keep-per-month", "monthly", type=INTEGER, default=0, metavar="N", help="cli.help.history.prune.keep")
@option("--dry-run", is_flag=True, help="cli.help.history.prune.dry_run")
@json_option
def command(folder: Path | None, age: str, monthly: int, dry_run: bool, as_json: bool) -> int:
    """``odb history prune``."""
    from bench.errors import InputError, of_flag

    before = datetime.now(UTC) - age_of(age)
    if monthly < 0:
        raise InputError(of_flag("--keep-per-month", sentence("cli.history.below_zero")))
    with opened(folder) as history:
        leaving, kept = chosen(history, before, monthly)
        if not dry_run:
            history.remove(leaving)
    if as_json:
        echo_json({"dry_run": dry_run, "removed": [one.record_id for one in leaving], "kept": kept})
    else:
        code = "cli.history.would_prune" if dry_run else "cli.history.pruned"
        click.echo(say(code, n=len(leaving), before=before.date().isoformat(), kept=kept))
    return 0


def chosen(history: "History", before: datetime, monthly: int) -> "tuple[list[Point], int]":
    """The points of records to remove, and how many stay."""
    from bench.nights.pruning import prunable

    decisions = history.decisions()
    leaving: list[Point] = []
    total = 0
    for _, points in history.each():
        leaving += prunable(points, decisions, before, monthly)
        total += len(points)
    return leaving, total - len(leaving)


def age_of(text: str) -> timedelta:
    """``180d``, ``26w`` or ``1y`` (365 days). Raises ``InputError``."""
    from bench.errors import InputError, of_flag

    found = re.fullmatch(r"([0-9]{1,5})([dwy])", text.strip())
    if found is None:
        problem = sentence("cli.history.no_age", text=text)
        raise InputError(of_flag("--older-than", problem), sentence("cli.history.no_age.remedy"))
    longest = datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return min(timedelta(days=int(found[1]) * DAYS[found[2]]), longest)
