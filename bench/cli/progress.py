"""Progress at the terminal: what is running now, and how long it may still take. Silent in a pipe."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from bench.plan import Plan, PlannedRun
from bench.printable import clean
from bench.runner import Listener

if TYPE_CHECKING:
    from bench.record import RecordedRun

PER_REPEAT_SECONDS = 2.0
"""A guess at spawn, import, read and compile of one repeat; corrected by what is seen."""

EMULATED_SECONDS = 30.0


def expected_seconds(run: PlannedRun) -> float:
    """At most how long a run should take: its repeats' longest times, and the untimed passes."""
    if run.skip is not None:
        return 0.0
    if run.target.device.emulated:
        return EMULATED_SECONDS
    longest_s = (run.rule.warmup_max_duration_ns + run.rule.max_duration_ns) / 1e9
    return 2 * PER_REPEAT_SECONDS + run.repeats * (PER_REPEAT_SECONDS + longest_s)


def clock_text(seconds: float) -> str:
    """``95.2`` -> ``1:35``."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


@contextmanager
def progress(stream: TextIO) -> Iterator[Listener]:
    """A listener that draws on ``stream`` if it is a terminal."""
    if not stream.isatty():
        yield Listener()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
        console=Console(file=stream),
        refresh_per_second=1,  # drawing costs CPU time that the measured process shares
        transient=True,
    ) as bar:
        yield _Drawn(bar)


class _Drawn(Listener):
    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task = bar.add_task("looking at the machine", total=None, left="")
        self._expected: list[float] = []
        self._spent: list[float] = []
        self._index, self._began, self._title = 0, time.monotonic(), ""

    def planned(self, plan: Plan) -> None:
        self._expected = [expected_seconds(run) for run in plan.runs]
        self._bar.update(self._task, total=sum(self._expected) or 1.0)

    def began(self, index: int, run: PlannedRun) -> None:
        self._index, self._began = index, time.monotonic()
        self._title = f"[{index + 1}/{len(self._expected)}] {run.model.id} on {run.target.id}"
        self.step("starting")

    def step(self, text: str) -> None:
        done = sum(self._expected[: self._index])
        left = sum(self._expected[self._index :]) * self._pace() - (time.monotonic() - self._began)
        self._bar.update(
            self._task,
            description=f"{self._title}: {text}" if self._title else text,
            completed=done,
            left=f"about {clock_text(left)} left" if self._expected and left > 1 else "",
        )

    def written(self, index: int, recorded: "RecordedRun") -> None:
        if self._expected[index]:
            self._spent.append((time.monotonic() - self._began) / self._expected[index])
        record = recorded.record
        outcome = record.status if record.failure is None else f"{record.status}: {clean(record.failure.message)}"
        self._bar.console.print(f"{self._title}: {outcome}", markup=False, highlight=False)

    def _pace(self) -> float:
        """How real times compare with the expected ones so far."""
        return sum(self._spent) / len(self._spent) if self._spent else 1.0
