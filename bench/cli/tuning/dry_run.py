"""``odb tune --dry-run``: what may be tuned, how many settings that makes, and what the budget allows."""

from typing import TYPE_CHECKING

import click

from bench.cli.options import console, echo_json
from bench.execution.probe import temporary_workspace
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
    from rich.table import Table

    table = Table(*(say(f"tune.column.{name}") for name in ("option", "values", "outputs")), box=None, pad_edge=False)
    for one in found.tunables:
        outputs = say("tune.may_change") if one.changes_outputs else ""
        table.add_row(clean(one.name), clean(", ".join(one.values)), outputs)
    console().print(table)
    click.echo("\n" + say("tune.plan.space", settings=found.space, options=len(found.tunables)))
    click.echo(say("tune.plan.tries", drawn=found.drawn, budget=found.budget_ns, process=found.process_ns))
