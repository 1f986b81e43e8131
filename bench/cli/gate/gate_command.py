"""``odb gate``: is anything worse tonight?"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import FLOAT, Command, option
from bench.cli.language import lang_option
from bench.cli.nightly.asked import history_option, opened
from bench.cli.nightly.deciding import PINNED
from bench.cli.options import echo_json, json_option, plugin_option
from bench.cli.terminal.columns import terminal_width
from bench.gate.outcome import OPEN
from bench.printable import clean
from bench.words import say

if TYPE_CHECKING:
    from bench.cli.gate.confirm import Session
    from bench.cli.gate.tonight import Tonight
    from bench.gate.finding import Gate, SeriesFinding
    from bench.gate.judge import Judgement
    from bench.nights.history import History

TOLERANCE_PERCENT = 3.0
WAIT_MINUTES = 5.0
LAST = 120
"""Nights of each series that are read, the newest: what they say of its noise does not get better with more."""


@click.command("gate", cls=Command, help="cli.help.gate", epilog="cli.epilog.gate")
@lang_option
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@history_option
@option("--base", "base_name", metavar="NAME", default=PINNED, help="cli.help.gate.base")
@option(
    "--tolerance",
    metavar="PERCENT",
    type=FLOAT,
    default=TOLERANCE_PERCENT,
    figures=lambda: {"default": TOLERANCE_PERCENT},
    help="cli.help.gate.tolerance",
)
@option("--accept", metavar="NAME,…", help="cli.help.gate.accept", figures=lambda: {"names": list(OPEN)})
@option("--all-machines", is_flag=True, help="cli.help.gate.all_machines")
@option("--confirm", is_flag=True, help="cli.help.gate.confirm")
@option(
    "--wait",
    metavar="MINUTES",
    type=FLOAT,
    default=WAIT_MINUTES,
    figures=lambda: {"default": WAIT_MINUTES},
    help="cli.help.gate.wait",
)
@option("-m", "--model", "models", multiple=True, type=click.Path(path_type=Path), help="cli.help.gate.model")
@option("--base-model", "base_models", multiple=True, type=click.Path(path_type=Path), help="cli.help.gate.base_model")
@option("--base-python", type=click.Path(path_type=Path), help="cli.help.gate.base_python")
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.gate.output")
@option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="cli.help.gate.junit")
@option("--summary", type=click.Path(path_type=Path), metavar="FILE", help="cli.help.gate.summary")
@plugin_option
@json_option
def command(
    results: tuple[Path, ...],
    folder: Path | None,
    base_name: str,
    tolerance: float,
    accept: str | None,
    all_machines: bool,
    confirm: bool,
    wait: float,
    models: tuple[Path, ...],
    base_models: tuple[Path, ...],
    base_python: Path | None,
    output: Path | None,
    junit: Path | None,
    summary: Path | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> int:
    """``odb gate``."""
    from bench.cli.gate.confirm import Session, checked_wait
    from bench.cli.gate.tonight import read
    from bench.comparison.outcome import checked_tolerance
    from bench.gate.outcome import checked_accept
    from bench.scripting.places import results_folder

    fraction, accepted, wait = checked_tolerance(tolerance), checked_accept(accept), checked_wait(wait)
    session = Session(
        out=results_folder(output), models=models, base_models=base_models, base_python=base_python, plugins=plugins
    )
    with opened(folder) as history:
        tonight = read(results, lambda record_id: history.point(record_id) is not None)
        judgement = _judged(history, tonight, base_name, fraction, accepted, all_machines)
        gate = judgement.gate
        if confirm and judgement.suspects:
            gate = _confirmed(judgement, history, tonight, session, wait, accepted)
    _show(gate, as_json)
    if not as_json and os.environ.get("GITHUB_ACTIONS") == "true":
        click.echo(_rendered("github", gate, tonight), nl=False)
    _write(gate, tonight, {"junit": junit, "md": summary})
    return gate.status


def _judged(
    history: "History",
    tonight: "Tonight",
    base_name: str,
    tolerance: float,
    accepted: tuple[str, ...],
    all_machines: bool,
) -> "Judgement":
    from datetime import UTC, datetime

    from bench.cli.gate.tonight import bases
    from bench.gate.judge import judge
    from bench.gate.pairing import paired

    name = "" if base_name == PINNED else base_name
    judgement = judge(
        history.each(LAST),
        tonight.points,
        bases(history, name, LAST),
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        tolerance=tolerance,
        accepted=accepted,
        all_machines=all_machines,
        base_name=name,
        unreadable=tonight.unreadable,
    )
    return paired(judgement, tonight.pairs, accepted) if tonight.pairs else judgement


def _confirmed(
    judgement: "Judgement",
    history: "History",
    tonight: "Tonight",
    session: "Session",
    wait_minutes: float,
    accepted: tuple[str, ...],
) -> "Gate":
    from bench.cli.gate.confirm import confirm_all, wait_until_later
    from bench.gate.judge import confirmed
    from bench.store.records import prepare_folder

    def waiting(seconds: float) -> None:
        click.echo(say("gate.waiting", minutes=seconds / 60), err=True)

    def measuring(one: "SeriesFinding", how: str) -> None:
        click.echo(say(f"gate.measuring.{how}", series=clean(one.series.name)), err=True)

    prepare_folder(session.out)
    if not all(one.series.device for one in judgement.suspects):
        wait_until_later([*tonight.points.values()], wait_minutes, waiting)
    found = confirm_all(judgement, _folders(judgement, history, tonight), session, measuring)
    return confirmed(judgement, found, accepted)


def _folders(judgement: "Judgement", history: "History", tonight: "Tonight") -> Mapping[str, Path]:
    """Where the records of the suspects and their bases lie, by id."""
    bases = [judgement.known(one.series).base for one in judgement.suspects]
    return {**{base.record_id: history.folder / base.folder for base in bases}, **tonight.folders}


def _write(gate: "Gate", tonight: "Tonight", asked: Mapping[str, Path | None]) -> None:
    """The files that were ``asked`` for, by the name of their writer. Those of the last night are replaced."""
    from bench.store.records import write_atomically

    for writer, file in asked.items():
        if file is not None:
            write_atomically(file, _rendered(writer, gate, tonight))


def _rendered(writer: str, gate: "Gate", tonight: "Tonight") -> bytes:
    from bench.plugins import discover, load
    from bench.store.records import RECORD

    files = {record: (folder / RECORD).as_posix() for record, folder in tonight.folders.items()}
    data: bytes = load(discover().find("gates", writer)).render(gate, files)
    return data


def _show(gate: "Gate", as_json: bool) -> None:
    from bench.plugins import discover, load

    for problem in gate.unreadable:
        click.echo(say("cli.error", message=clean(str(problem))), err=True)
    if as_json:
        echo_json(gate)
    else:
        writer = load(discover().find("gates", "terminal")).at_terminal(terminal_width())
        click.echo(writer.render(gate, {}), nl=False)
