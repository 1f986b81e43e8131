"""Progress of a search: what is measured, and how much of the budget is left. In a pipe only the lines that stay."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

from bench.cli.terminal.progress import clock_text
from bench.execution.tuning.tuner import TuneListener
from bench.interrupts import unwinding
from bench.printable import clean
from bench.words import Sentence, say


@contextmanager
def progress(stream: TextIO) -> Iterator[TuneListener]:
    """A listener that writes on ``stream``, and draws a bar where that is a terminal."""
    with unwinding():
        if not stream.isatty():
            yield Lines()
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=Console(file=stream),
            refresh_per_second=1,  # drawing costs CPU time that the measured process shares
            transient=True,
        ) as bar:
            yield Drawn(bar)


class Lines(TuneListener):
    def told(self, text: Sentence) -> None:
        click.echo(clean(str(text)), err=True)


class Drawn(TuneListener):
    """``bar``: rich's."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task = bar.add_task(say("cli.step.looking"), total=None, left="")

    def told(self, text: Sentence) -> None:
        self._bar.console.print(clean(str(text)), markup=False, highlight=False)

    def step(self, text: Sentence | str) -> None:
        self._bar.update(self._task, description=clean(str(text)))

    def used(self, used_ns: int, limit_ns: int) -> None:
        left_s = max(0, limit_ns - used_ns) / 1e9
        left = say("tune.budget_left", time=clock_text(left_s))
        self._bar.update(self._task, total=limit_ns, completed=min(used_ns, limit_ns), left=left)
