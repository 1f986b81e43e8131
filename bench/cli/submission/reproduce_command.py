"""``odb reproduce``: is what a bundle claims so here, too?"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.help import INTEGER, Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option, plugin_option
from bench.cli.terminal.columns import columns, terminal_width
from bench.errors import InputError
from bench.printable import clean
from bench.scripting.places import cache_folder, results_folder
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.cli.submission.rerun import Again, Reviewer
    from bench.execution.suite_run import Listener
    from bench.plugins import Catalog
    from bench.reproduce.answers import Side
    from bench.submission.assessment import Assessment
    from bench.submission.dossier.reproduction import Answer, Audit, Reproduction


@click.command("reproduce", cls=Command, help="cli.help.reproduce", epilog="cli.epilog.reproduce")
@lang_option
@click.argument("bundle", type=click.Path(path_type=Path))
@option("-m", "--model", "models", multiple=True, type=click.Path(path_type=Path), help="cli.help.reproduce.model")
@option(
    *("--dataset", "--inputs", "datasets"),
    multiple=True,
    type=click.Path(path_type=Path),
    help="cli.help.reproduce.dataset",
)
@option("-o", "--output", type=click.Path(path_type=Path), help="cli.help.reproduce.output")
@option("--seed", type=INTEGER, help="cli.help.reproduce.seed")
@option("--altered", is_flag=True, help="cli.help.reproduce.altered")
@option("--dry-run", is_flag=True, help="cli.help.reproduce.dry_run")
@plugin_option
@json_option
def command(
    bundle: Path,
    models: tuple[Path, ...],
    datasets: tuple[Path, ...],
    output: Path | None,
    seed: int | None,
    altered: bool,
    dry_run: bool,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> int:
    """``odb reproduce``."""
    from bench.cli.submission.rerun import Reviewer, planned_again
    from bench.plugins import discover
    from bench.submission.assessment import assess

    results_folder(output)
    for path in (*models, *datasets):
        if not path.exists():
            raise InputError(sentence("bundle.no_such_file", path=path), sentence("suite.path_relative_current_folder"))
    catalog, given = discover(plugins), Reviewer(models, datasets, seed, altered)
    with opened(bundle) as (folder, name, sha256):
        found = assess(folder)
        _refuse_margin(found)
        plan = planned_again(found, folder, catalog, given)
        if dry_run:
            return _show_plan(found, plan, as_json)
        _tell_problems(plan)
        outcome = _carried_out(found, plan, catalog, results_folder(output), given, (name, sha256))
    if as_json:
        echo_json(outcome)
    else:
        _show(outcome, found)
    return outcome.status


def _refuse_margin(found: "Assessment") -> None:
    """Raise ``InputError`` for a margin of the claim that decides nothing, as ``odb check`` rejects it."""
    from bench.submission.rules.form import MOST_MARGIN_PERCENT, margin_decides

    margin = found.submission.measuring.margin_percent
    if not margin_decides(margin):
        raise InputError(sentence("reproduce.margin_impossible", margin=margin, most=MOST_MARGIN_PERCENT))


@contextmanager
def opened(bundle: Path) -> Iterator[tuple[Path, str, str]]:
    """The submission's folder in a bundle, or the folder that is given; with the bundle's name and hash."""
    from bench.bundle.opening import open_bundle
    from bench.submission.form import SUBMISSION

    if (bundle / SUBMISSION).is_file():
        yield bundle, bundle.resolve().name, ""
        return
    with open_bundle(bundle) as content:
        yield content.data, content.name, content.sha256


def _carried_out(
    found: "Assessment",
    plan: "tuple[Again, ...]",
    catalog: "Catalog",
    output: Path,
    given: "Reviewer",
    subject: tuple[str, str],
) -> "Reproduction":
    from datetime import UTC, datetime

    import msgspec

    from bench import __version__
    from bench.cli.run_command import write_page
    from bench.cli.terminal.progress import progress
    from bench.machine.environment import capture
    from bench.machine.lease import machine_shared
    from bench.reproduce.answers import answers
    from bench.store.records import prepare_folder, write_atomically
    from bench.submission.dossier.reproduction import REPRODUCTION, Reproduction

    margin = found.submission.measuring.margin_percent
    out = prepare_folder(output)
    with progress(sys.stderr) as listener, machine_shared():
        sides = _sides(plan, catalog, out, listener)
        audits = _audits(plan, catalog, out / "altered", listener, margin / 100) if given.altered else ()
    if any(out.glob("*/record.json")):
        write_page(out / "report.html", catalog, yardsticks=False)
    outcome = Reproduction(
        tool_version=__version__,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        subject=subject[0],
        subject_sha256=subject[1],
        track=found.submission.track,
        margin_percent=margin,
        seed=given.seed,
        host=capture().host,
        answers=answers(found.rows, sides, margin / 100, given.seed is not None),
        audits=audits,
    )
    write_atomically(out / REPRODUCTION, msgspec.json.format(msgspec.json.encode(outcome), indent=2) + b"\n")
    click.echo(say("reproduce.written", folder=out, file=out / REPRODUCTION), err=True)
    return outcome


def _sides(
    plan: "tuple[Again, ...]", catalog: "Catalog", out: Path, listener: "Listener"
) -> "dict[str, tuple[Side, Side | None]]":
    from bench.cli.submission.rerun import measured_again

    found = {}
    for number, again in enumerate(plan, 1):
        record = again.claimed.record
        run = say("cli.model_on_target", model=record.plan.model.id, target=record.plan.target.id)
        listener.step(say("reproduce.step", number=number, count=len(plan), run=run))
        side = measured_again(again, catalog, out, cache_folder(), listener)
        found[record.record_id] = (again.claimed, side)
    return found


def _audits(
    plan: "tuple[Again, ...]", catalog: "Catalog", out: Path, listener: "Listener", margin: float
) -> "tuple[Audit, ...]":
    from bench.cli.submission.rerun import audit_again
    from bench.store.records import prepare_folder

    prepare_folder(out)
    found = []
    for again in plan:
        listener.step(say("reproduce.step.altered", model=again.claimed.record.plan.model.id))
        found.append(audit_again(again, catalog, out, cache_folder(), listener, margin))
    return tuple(one for one in found if one is not None)


# ------------------------------------------------------------------------------------------------------ words


def _show_plan(found: "Assessment", plan: "tuple[Again, ...]", as_json: bool) -> int:
    rows = [
        {
            "record": again.claimed.record.record_id,
            "model": again.claimed.record.plan.model.id,
            "target": again.claimed.record.plan.target.id,
            "scenario": again.claimed.record.plan.scenario.name,
            "criteria": [row.criterion.id for row in found.rows if row.record_id == again.claimed.record.record_id],
            "yardstick": again.yardstick is not None,
            "problem": str(again.problem),
        }
        for again in plan
    ]
    if as_json:
        echo_json({"margin_percent": found.submission.measuring.margin_percent, "runs": rows})
    else:
        head = ("model", "target", "scenario", "criteria", "yardstick")
        table = [[_cell(row[name]) for name in head] for row in rows]
        click.echo(columns([say(f"reproduce.column.{name}") for name in head], table, terminal_width()))
        _tell_problems(plan)
    return 2 if plan and all(again.problem for again in plan) else 0


def _tell_problems(plan: "tuple[Again, ...]") -> None:
    """On stderr: what cannot be measured again, and why."""
    for again in plan:
        if again.problem:
            told = say("reproduce.cannot_measure", record=again.claimed.record.record_id, reason=again.problem)
            click.echo(f"odb: {clean(told)}", err=True)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return say("cli.yes" if value else "cli.no")
    return clean(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _show(outcome: "Reproduction", found: "Assessment") -> None:
    from bench.submission.dossier.reproduction import audit_told
    from bench.submission.figures import LATER

    head = ("criterion", "claimed", "here", "ratio", "answer")
    titles = {row.criterion.id: str(row.criterion.title) for row in found.rows}
    units = {row.criterion.id: row.criterion.unit for row in found.rows}
    table = [
        [
            clean(titles[one.criterion]),
            figure_shown(one.claimed, one.unit, units[one.criterion]),
            figure_shown(one.again, one.unit, units[one.criterion]),
            _ratio(one),
            _word(one),
        ]
        for one in outcome.answers
    ]
    click.echo(columns([say(f"reproduce.column.{name}") for name in head], table, terminal_width()))
    for one in outcome.answers:
        if one.reason:
            click.echo("\n" + clean(say("text.at", where=titles[one.criterion], message=one.reason)))
    if any(one.reason in LATER.values() for one in outcome.answers):
        click.echo("\n" + say("submission.later_settled"))
    for audit in outcome.audits:
        click.echo("\n" + clean(str(audit_told(audit))))
    counts = {word: sum(one.word == word for one in outcome.answers) for word in WORDS}
    click.echo("\n" + say("reproduce.total", margin=outcome.margin_percent / 100, **counts))


WORDS = ("reproduced", "not_reproduced", "cannot_tell")


def _word(one: "Answer") -> str:
    return say(f"reproduce.word.{one.word}")


def figure_shown(value: float | None, unit: str, stated: str) -> str:
    """``value``, in ``unit`` of the record, for a criterion whose unit is ``stated``: a size in that unit, in which its
    target is, unless three digits would be lost."""
    from bench.submission.units import UNITS
    from bench.words.units import MISSING, figure, number

    if not unit:
        return MISSING
    base, factor = UNITS.get(stated, ("", 1))
    if value is None or base != unit or unit != "bytes" or value < 0.1 * factor:
        return figure(value, unit)
    return number(value / factor, stated)


def _ratio(one: "Answer") -> str:
    from bench.words.units import digits

    if one.ratio is None:
        return "–"
    if one.interval is None:
        return f"{digits(one.ratio)}×"
    low, high = (digits(bound) for bound in one.interval)
    return say(
        "reproduce.ratio.yardstick" if one.by_yardstick else "reproduce.ratio",
        ratio=digits(one.ratio),
        low=low,
        high=high,
    )
