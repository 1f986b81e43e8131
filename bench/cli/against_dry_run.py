"""``odb run --against --dry-run``: what would be measured in turns or checked again, and what has no partner."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.alternate import plan_pair
from bench.cli.against_pairs import Pair, Pairs, plan_again
from bench.cli.dry_run import for_scripts, print_table
from bench.cli.options import cache_folder, echo_json
from bench.cli.progress import span_text, total_seconds
from bench.errors import InputError
from bench.gather import Bench
from bench.pairing import unmatched
from bench.plan import PlannedRun
from bench.printable import clean
from bench.probe import temporary_workspace

if TYPE_CHECKING:
    from bench.plugins import Catalog


def show_pairs(chosen: Pairs, catalog: "Catalog", base_python: str, as_json: bool) -> int:
    """Print what ``--against`` would do. Returns the exit status."""
    planned, alone = [], list(chosen.unmatched)
    with temporary_workspace() as workspace:
        for pair in chosen.pairs:
            bench = Bench(catalog, pair.new, workspace, cache_folder(), Path("/"))
            try:
                planned.append((pair, _runs(pair, bench, base_python)))
            except InputError as error:
                if len(chosen.pairs) == 1:
                    raise
                alone.append(
                    unmatched(pair.source.record, "base", f"{error.message}. {error.remedy}".strip(), lost=True)
                )
    if as_json:
        pairs = [_for_scripts(pair, runs) for pair, runs in planned]
        echo_json({"pairs": pairs, "unmatched": alone, "notes": chosen.notes})
        return 0
    for note in chosen.notes:
        click.echo(clean(note))
    rows = [(run, side) for pair, runs in planned for run, side in zip(runs, _sides(pair), strict=True)]
    print_table("pairs", rows)
    for one in alone:
        lost = " (lost)" if one.lost else ""
        click.echo(clean(f"Unmatched: {one.side}, {one.model} on {one.target}{lost}: {one.reason}"))
    click.echo(f"\nIn alternation; about {span_text(total_seconds(run for run, _ in rows))}. Nothing was measured.")
    return 0


def _runs(pair: Pair, bench: Bench, base_python: str) -> tuple[PlannedRun, ...]:
    if pair.emulated:
        return (plan_again(pair, bench.catalog),)
    return plan_pair(pair.base, pair.new, bench, base_python)


def _sides(pair: Pair) -> tuple[str, ...]:
    return ("again",) if pair.emulated else ("base", "new")


def _for_scripts(pair: Pair, runs: tuple[PlannedRun, ...]) -> dict[str, Any]:
    """One pair: the record it is about, how it is compared, and each run by its side."""
    how = "placement_and_outputs" if pair.emulated else "in_alternation"
    sides = {side: for_scripts(run) for side, run in zip(_sides(pair), runs, strict=True)}
    return {"record_id": pair.source.record.record_id, "how": how, **sides}
