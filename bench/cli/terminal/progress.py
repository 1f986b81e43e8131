"""Progress at the terminal: what is running now, and how long it may still take. Silent in a pipe."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from bench.execution.suite_run import Listener
from bench.interrupts import unwinding
from bench.measure.players.end_to_end import ALONE, OVERLAPPED
from bench.measure.stopping import WARMUP_SHARE
from bench.printable import clean
from bench.record.evidence import RepeatRule
from bench.record.record import StoppingRule
from bench.scenarios.kinds import kind_of
from bench.scenarios.lasting import lasting_of
from bench.scenarios.open_loops import is_searched
from bench.suite.plan import Plan, PlannedRun
from bench.words import Sentence, say, sentence

if TYPE_CHECKING:
    from bench.record.record import RecordedRun

PER_REPEAT_SECONDS = 2.0
"""A guess at spawn, import, read and compile of one repeat; corrected by what is seen."""

EMULATED_SECONDS = 30.0
DRAW_SECONDS, LONG_DRAW_SECONDS = 1.0, 5.0

SEARCH = 10
"""A search for the largest rate takes at most so many times the rule's maximum; see ``bench.measure.open_loop``."""


class Expected(NamedTuple):
    """How long a run should take, in seconds: with the minimum number of repeats at their shortest, and with the
    maximum."""

    least: float
    most: float


def expected_seconds(run: PlannedRun, beside: bool = False) -> Expected:
    """Its repeats, and the untimed passes. The most holds unless a query or an opening takes longer than the rule asks
    for. ``beside``: beside a yardstick, which takes as long again; an emulated run has none, nor one of minutes."""
    if run.skip is not None:
        return Expected(0.0, 0.0)
    if beside and not run.target.device.emulated and lasting_of(run.scenario) is None:
        least, most = expected_seconds(run)
        return Expected(2 * least, 2 * most)
    if run.target.device.emulated:
        return Expected(EMULATED_SECONDS / 3, EMULATED_SECONDS)
    repeats, rule, untimed = run.repeat_rule or RepeatRule(run.repeats, run.repeats), run.rule, 2 * PER_REPEAT_SECONDS
    least_ns, most_ns = _steady_ns(run)
    shortest_s = _shortest_seconds(rule, least_ns)
    longest_s = (rule.warmup_max_duration_ns + most_ns) / 1e9 + PER_REPEAT_SECONDS
    budget_s = math.inf if repeats.budget_ns is None else repeats.budget_ns / 1e9 + longest_s
    most_s = max(repeats.fewest * longest_s, min(repeats.most * longest_s, budget_s))
    idle = run.scenario.own_parameters.get("cooldown_s", 0)
    cooling_s = repeats.fewest * float(idle) if isinstance(idle, int | float) else 0.0
    return Expected(untimed + cooling_s + repeats.fewest * shortest_s, untimed + cooling_s + most_s)


def _shortest_seconds(rule: StoppingRule, least_ns: int) -> float:
    """Of one repeat."""
    return (WARMUP_SHARE * rule.warmup_max_duration_ns + least_ns) / 1e9 + PER_REPEAT_SECONDS / 2


def most_repeats(run: PlannedRun) -> int:
    """Those of its rule, unless the fewest already take all the time that the rule has for repeats."""
    repeats = run.repeat_rule or RepeatRule(run.repeats, run.repeats)
    shortest_s = _shortest_seconds(run.rule, _steady_ns(run)[0])
    spent = repeats.budget_ns is not None and repeats.fewest * shortest_s * 1e9 >= repeats.budget_ns
    return repeats.fewest if spent else repeats.most


def _steady_ns(run: PlannedRun) -> tuple[int, int]:
    """How long the steady state of a repeat lasts: in an open loop as long as it may, in a search for a rate several
    times that; from file to answer, with the network alone and the overlapped queries."""
    rule = run.rule
    if is_searched(run.scenario):
        return rule.max_duration_ns, SEARCH * rule.max_duration_ns
    most = rule.max_duration_ns
    least = most if kind_of(run.scenario).open_loop else rule.min_duration_ns
    if kind_of(run.scenario).staged and run.alternation is None:
        return least + least // ALONE + most // OVERLAPPED, most + most // ALONE + most // OVERLAPPED
    return least, most


def total_seconds(runs: Iterable[PlannedRun], beside: bool = False) -> Expected:
    """Of all ``runs``, one after another. ``beside``: each beside its yardstick."""
    expected = [expected_seconds(run, beside) for run in runs]
    return Expected(sum(one.least for one in expected), sum(one.most for one in expected))


def span_text(expected: Expected) -> str:
    """``0:35 to 2:10``, or one time where both are the same."""
    least, most = clock_text(expected.least), clock_text(expected.most)
    return least if least == most else say("unit.from_to", low=least, high=most)


def clock_text(seconds: float) -> str:
    """``95.2`` -> ``1:35``."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


@contextmanager
def progress(stream: TextIO, beside: bool = False) -> Iterator[Listener]:
    """A listener that draws on ``stream`` if it is a terminal. ``beside``: runs are measured beside yardsticks."""
    if not stream.isatty():
        yield Listener()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with (
        unwinding(),
        Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=Console(file=stream),
            auto_refresh=False,
            transient=True,
        ) as bar,
    ):
        drawn = Drawn(bar, beside=beside)
        with _redrawn(bar.refresh, drawn):
            yield drawn


@contextmanager
def _redrawn(draw: Callable[[], None], drawn: "Drawn") -> Iterator[None]:
    """Draw again and again, since drawing costs CPU time that the measured process shares no more often than needed."""
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(drawn.every_seconds()):
            draw()

    thread = threading.Thread(target=tick, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Drawn(Listener):
    """A bar that says what runs now, and how long the suite may still take. ``clock``: seconds that pass.
    ``beside``: runs are measured beside yardsticks."""

    def __init__(self, bar: Any, clock: Callable[[], float] = time.monotonic, beside: bool = False) -> None:
        self._bar, self._clock, self._beside = bar, clock, beside
        self._task = bar.add_task(say("cli.step.looking"), total=None, left="")
        self._runs: tuple[PlannedRun, ...] = ()
        self._done: set[int] = set()
        self._repeats: dict[int, int] = {}
        self._spent: dict[int, float] = {}
        self._begun: dict[int, float] = {}  # what was spent as the first repeat began
        self._ended_repeats_s: dict[int, float] = {}
        self._index, self._since, self._title = -1, clock(), ""  # -1: before the first run

    def every_seconds(self) -> float:
        """How often to draw: once a second; while a repeat of many minutes runs, as often as it says how it goes."""
        lasts = 0 <= self._index < len(self._runs) and self._index in self._repeats and self._index not in self._done
        return LONG_DRAW_SECONDS if lasts and lasting_of(self._runs[self._index].scenario) else DRAW_SECONDS

    def planned(self, plan: Plan) -> None:
        self._runs = plan.runs
        self._bar.update(self._task, total=total_seconds(plan.runs, self._beside).least or 1.0)

    def began(self, index: int, run: PlannedRun) -> None:
        self._now(index)
        self.step(sentence("cli.step.starting"))

    def turn(self, index: int, run: PlannedRun) -> None:
        self._now(index)
        spent = self._spent.get(index, 0.0)
        self._begun.setdefault(index, spent)
        self._ended_repeats_s[index] = spent - self._begun[index]
        self._repeats[index] = self._repeats.get(index, 0) + 1

    def step(self, text: Sentence | str) -> None:
        spent = sum(self._spent.values()) + self._running_s()
        least = total_seconds(self._runs, self._beside).least
        left = self._left()
        self._bar.update(
            self._task,
            description=f"{self._title}: {text}" if self._title else str(text),
            completed=min(least, least * spent / max(1.0, spent + left.least)),
            left=say("cli.time_left", time=span_text(left)) if self._runs and left.most > 1 else "",
        )

    def written(self, index: int, recorded: "RecordedRun") -> None:
        self._done.add(index)
        record = recorded.record
        outcome = say(f"cli.status.{record.status}")
        if record.failure is not None:
            outcome += f": {clean(record.failure.message)}"
        self._bar.console.print(f"{self._named(index)}: {outcome}", markup=False, highlight=False)

    def _now(self, index: int) -> None:
        """What is done from now on is of that run."""
        now = self._clock()
        self._spent[self._index] = self._spent.get(self._index, 0.0) + now - self._since
        self._index, self._since, self._title = index, now, self._named(index)

    def _running_s(self) -> float:
        """How long what runs now has run."""
        return self._clock() - self._since

    def _named(self, index: int) -> str:
        run = self._runs[index]
        return f"[{index + 1}/{len(self._runs)}] {say('cli.model_on_target', model=run.model.id, target=run.target.id)}"

    def _left(self) -> Expected:
        """For the runs that are not written yet, the expected time minus the time used; at least the time of the
        repeats that the minimum still requires, each as long as those that have ended."""
        least = most = 0.0
        for index, run in enumerate(self._runs):
            if index in self._done:
                continue
            expected, spent = expected_seconds(run, self._beside), self._spent.get(index, 0.0)
            spent += self._running_s() if index == self._index else 0.0
            begun = self._repeats.get(index, 0)
            to_come = max(0, run.repeats - begun)
            seen_s = self._ended_repeats_s[index] / (begun - 1) if begun > 1 else 0.0
            required = to_come * max(expected.least / run.repeats, seen_s)
            least += max(required, expected.least - spent)
            most += max(required, expected.most - spent)
        return Expected(least, most)
