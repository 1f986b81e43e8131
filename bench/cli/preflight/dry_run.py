"""``odb preflight --dry-run``: which chips would be compiled for, and which are known not to take the model."""

from typing import TYPE_CHECKING

import click

from bench.printable import clean
from bench.words import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.preflight.found import Preflight


def show_plan(found: "Sequence[Preflight]", jobs: int) -> int:
    """Of surveys that compiled nothing. Returns the exit status."""
    for one in found:
        free = [row.variant.name for row in one.rows if row.status == "planned"]
        title = say("cli.model_on_target", model=clean(one.model.id), target=one.target)
        click.echo(say("preflight.plan", title=title, count=len(free), names=free, jobs=jobs))
        for row in one.rows:
            if row.status != "planned":
                click.echo(f"  {row.variant.name}: {clean(str(row.reason))}")
    return 0
