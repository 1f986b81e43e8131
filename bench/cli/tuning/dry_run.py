"""``odb tune --dry-run``: what may be tuned, how many settings that makes, and what the budget allows."""

from typing import TYPE_CHECKING

import click

from bench.cli.options import echo_json
from bench.cli.terminal.columns import columns, terminal_width
from bench.execution.probe import temporary_workspace
from bench.execution.tuning.budget import whole_minutes
from bench.execution.tuning.foreseen import foreseen
from bench.execution.workbench import Bench
from bench.printable import clean
from bench.words import say

if TYPE_CHECKING:
    from bench.execution.tuning.foreseen import Foreseen
    from bench.execution.tuning.question import Asked


def show_space(asked: "Asked", as_json: bool) -> int:
    """Print it. Nothing is measured. Returns the exit status."""
    with temporary_workspace() as workspace:
        found = foreseen(asked, Bench(asked.catalog, asked.suite, workspace, asked.cache, asked.root))
    if as_json:
        echo_json(found)
    else:
        _print(found)
    return 0


def _print(found: "Foreseen") -> None:
    head = [say(f"tune.column.{name}") for name in ("option", "values", "outputs")]
    rows = [
        [clean(one.name), clean(", ".join(one.values)), say("tune.may_change") if one.changes_outputs else ""]
        for one in found.tunables
    ]
    click.echo(columns(head, rows, terminal_width()))
    click.echo("\n" + say("tune.plan.space", settings=found.space, options=len(found.tunables)))
    click.echo(budget_told(found))


def budget_told(found: "Foreseen") -> str:
    """What the budget allows, or how long it has to be."""
    if found.drawn:
        return say("tune.plan.tries", drawn=found.drawn, budget=found.budget_ns, process=found.process_ns)
    minutes = whole_minutes(found.least_budget_ns)
    return say("tune.plan.too_short", budget=found.budget_ns, process=found.process_ns, minutes=minutes)
