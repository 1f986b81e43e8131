"""Progress of a fleet: at a terminal what each device does now, and a line for each run that ended; in a pipe a line
for each run that begins, waits or ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from bench.cli.fleet.telling import Lines, Telling, heard
from bench.fleet.client.watching import FleetWatcher
from bench.printable import clean
from bench.words import Sentence, say

if TYPE_CHECKING:
    from bench.fleet.client.planning import FleetOrder, FleetPlan
    from bench.fleet.ledger import Line

MOST_ROWS = 12
"""Devices that have a row of their own; the others only count."""


@contextmanager
def progress(stream: TextIO) -> Iterator[FleetWatcher]:
    """A watcher that draws on ``stream`` if it is a terminal, and otherwise writes lines."""
    if not stream.isatty():
        with heard(Lines(stream)) as lines:
            yield lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        _of_all(BarColumn)(bar_width=24),
        _of_all(MofNCompleteColumn)(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(file=stream),
        refresh_per_second=2,
        transient=True,
    ) as bar:
        yield Drawn(bar)


def _of_all(column: Any) -> Any:
    """A kind of column that is empty in the rows of devices."""
    from rich.text import Text

    class OfAll(column):  # type: ignore[misc]
        def render(self, task: Any) -> Any:
            return super().render(task) if "of_all" in task.fields else Text()

    return OfAll


class Drawn(Telling):
    """A bar of all runs, and a row for each of the first devices that are at work."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._all = bar.add_task(say("cli.fleet.runs"), total=None, of_all=True)
        self._rows: dict[str, Any] = {}

    def planned(self, plan: "FleetPlan", done: int) -> None:
        self._bar.update(self._all, total=len(plan.orders), completed=done)

    def sent(self, order: "FleetOrder", device: str) -> None:
        if device not in self._rows and len(self._rows) < MOST_ROWS:
            self._rows[device] = self._bar.add_task("", total=None)
        if device in self._rows:
            self._bar.reset(self._rows[device], total=None, visible=True)
        self._show(device, f"{order.model} {order.target}")

    def step(self, order: "FleetOrder", device: str, text: Sentence | str) -> None:
        self._show(device, f"{order.model} {order.target}: {text}")

    def waits(self, order: "FleetOrder", device: str, text: Sentence | str) -> None:
        self.step(order, device, text)

    def fetched(self, order: "FleetOrder", device: str, record: Path) -> None:
        self._bar.advance(self._all)
        self._hide(device)
        super().fetched(order, device, record)

    def failed(self, order: "FleetOrder", line: "Line", final: bool) -> None:
        if final:
            self._bar.advance(self._all)
        self._hide(line.device)
        super().failed(order, line, final)

    def line(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)

    def _show(self, device: str, text: str) -> None:
        if device in self._rows:
            self._bar.update(self._rows[device], description=f"{clean(device)}: {clean(text)}")

    def _hide(self, device: str) -> None:
        if device in self._rows:
            self._bar.update(self._rows[device], visible=False)
