"""``odb history check``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.language import lang_option
from bench.cli.nightly.asked import HistoryCommand, counting, history_option, opened
from bench.cli.options import echo_json, json_option
from bench.printable import clean
from bench.words import say

if TYPE_CHECKING:
    from bench.nights.checking import Checked


@click.command("check", cls=HistoryCommand, help="cli.help.history.check", epilog="cli.epilog.history.check")
@lang_option
@history_option
@json_option
def command(folder: Path | None, as_json: bool) -> int:
    """``odb history check``."""
    from bench.nights.checking import check

    with opened(folder) as history:
        with counting(sys.stderr) as progress:
            found = check(history, progress)
        notices = history.notices
    wrong = [*found.changed, *found.refused]
    if as_json:
        echo_json({**for_scripts(found), "notices": notices})
    else:
        for one in wrong:
            click.echo(say("cli.history.wrong", place=clean(one.path), reason=clean(str(one.reason))))
            if one.advice:
                click.echo(f"     {clean(str(one.advice))}")
        code = "cli.history.unsound" if wrong else "cli.history.sound"
        click.echo(say(code, n=found.records, wrong=len(wrong)))
    return 0 if found.sound else 1


def for_scripts(found: "Checked") -> dict[str, Any]:
    """The result as JSON, the same in every language: reasons are codes and figures."""
    wrong = {"changed": found.changed, "refused": found.refused}
    return {
        "sound": found.sound,
        "records": found.records,
        **{name: [{"path": r.path, "message": r.reason, "remedy": r.advice} for r in of] for name, of in wrong.items()},
    }
