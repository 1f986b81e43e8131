"""What ``odb quantise`` shows at a terminal."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import echo_json
from bench.cli.terminal.columns import columns, terminal_width
from bench.printable import clean
from bench.quantising.carrying_out import sampled, why_none
from bench.quantising.told import (
    agreement_told,
    choice_told,
    failures_told,
    layer_rows,
    loss_told,
    lost_rows,
    method_told,
    placed_told,
    samples_told,
    size_told,
    state_told,
)
from bench.words import say

if TYPE_CHECKING:
    from bench.quantising.asked import QuantisePlan
    from bench.quantising.outcome import Quantised, Try

WORST, LONGEST_NAME = 8, 40
"""Layers that are shown, and signs of their names."""
METHOD, STATE = 0, 4
METRIC, WORD = 0, 5
"""Columns of words, which may be wrapped: a figure stays in one line."""


def show_plan(plan: "QuantisePlan", result: Path, as_json: bool) -> int:
    """What would be done. Returns the exit status."""
    found = sampled(plan)
    if as_json:
        told = {
            "source": plan.artifact.path.name,
            "quantiser": plan.plugin.name,
            "scheme": plan.ask.scheme,
            "methods": plan.methods,
            "samples": found,
            "result": str(result),
        }
        echo_json(told)
        return 0
    rows = [[clean(method.name)] for method in plan.methods]
    click.echo(columns([say("quantise.column.method")], rows, terminal_width()))
    for line in samples_told(found):
        click.echo("\n" + clean(line))
    if plan.read.unlabelled:
        click.echo("\n" + clean(say("quantise.no_quality", reason=plan.read.unlabelled)))
    click.echo("\n" + say("quantise.would_write", file=result))
    return 0


def show(outcome: "Quantised", result: Path, page: Path | None) -> None:
    """The tries, what was chosen, what it loses, where it runs."""
    for part in parts(outcome):
        click.echo(part + "\n")
    if outcome.result is None:
        click.echo(clean(str(why_none(outcome))))
    else:
        click.echo(say("quantise.written", file=result, page=page or ""))
        click.echo(say("quantise.then", command=outcome.command))
        if outcome.placed and outcome.result is not None and outcome.placed[0].emulated:
            click.echo(say("quantise.then_everywhere", command=preflight_command(result)))


def preflight_command(result: Path) -> str:
    """For a shell; a name that begins with a dash is no option."""
    name = str(result)
    return shlex.join(["odb", "preflight", f"./{name}" if name.startswith("-") else name])


def parts(outcome: "Quantised") -> Iterator[str]:
    """Tables and sentences, one after another."""
    width = terminal_width()
    yield say("quantise.title", file=clean(outcome.source.name), scheme=outcome.scheme)
    yield "\n".join(clean(line) for line in samples_told(outcome.sampled))
    yield columns(*tries_table(outcome), width, wrapping=(METHOD, STATE))
    yield from map(clean, (*failures_told(outcome), *choice_told(outcome)))
    if outcome.chosen is None:
        return
    if outcome.agreement is not None:
        yield clean(agreement_told(outcome.agreement))
    yield from _quality(outcome, width)
    if outcome.layers:
        head = [say(f"quantise.column.{name}") for name in ("layer", "operator", "own", "total")]
        rows = layer_rows(outcome.layers[:WORST], LONGEST_NAME)
        yield say("quantise.worst_layers") + "\n" + columns(head, rows, width)
    for placed in outcome.placed:
        yield "\n".join(clean(line) for line in placed_told(placed))


def tries_table(outcome: "Quantised") -> tuple[list[str], list[list[str]]]:
    held = outcome.sampled.held_back
    head = [
        say(f"quantise.column.{name}")
        for name in ("method", "size", "loss" if held else "loss_seen", "interval", "state")
    ]
    return head, [_row(outcome, index, one) for index, one in enumerate(outcome.tries)]


def _row(outcome: "Quantised", index: int, one: "Try") -> list[str]:
    loss, interval = loss_told(one.judging)
    return [clean(method_told(one)), size_told(one), loss, interval, clean(state_told(outcome, index))]


def _quality(outcome: "Quantised", width: int) -> Iterator[str]:
    lost = outcome.lost
    if lost.reason:
        yield clean(say("quantise.no_quality", reason=lost.reason))
        return
    head = [
        say(f"quantise.column.{name}") for name in ("metric", "float", "quantised", "difference", "interval", "word")
    ]
    title = say("quantise.quality_of", samples=lost.samples, dataset=clean(lost.dataset))
    rows = [[clean(cell) for cell in row] for row in lost_rows(lost)]
    yield title + "\n" + columns(head, rows, width, wrapping=(METRIC, WORD))
