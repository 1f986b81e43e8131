"""Measures each run of a suite in alternation with its yardstick, so that its figures can be reproduced on a machine
whose speed changes (``bench.reproduce.yardstick``). Emulated runs, whose times are not used, are measured alone, and so
is what the yardstick cannot take turns with."""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from bench.errors import InputError
from bench.plugins import Catalog
from bench.record.record import RecordedRun
from bench.reproduce.yardstick import yardstick_suite
from bench.run.interleaved import plan_pair, run_in_alternation
from bench.run.probe import temporary_workspace
from bench.run.suite_run import Listener, plan_suite, run_suite
from bench.run.workbench import Bench
from bench.suite.plan import PlannedRun
from bench.suite.suite import Suite, TargetAsk
from bench.words import Sentence


class _Relayed(Listener):
    """Tells ``listener`` of run number ``index`` of a larger plan."""

    def __init__(self, listener: Listener, index: int) -> None:
        self._listener, self._index = listener, index

    def step(self, text: Sentence | str) -> None:
        self._listener.step(text)

    def began(self, index: int, run: PlannedRun) -> None:
        self._listener.began(self._index, run)

    def turn(self, index: int, run: PlannedRun) -> None:
        self._listener.turn(self._index, run)


def run_beside_yardsticks(
    suite: Suite,
    catalog: Catalog,
    out: Path,
    *,
    task_of: Callable[[PlannedRun], str],
    cache: Path,
    listener: Listener | None = None,
    root: Path = Path("/"),
) -> list[RecordedRun]:
    """Measure everything ``suite`` asks for, one run after another; records are written under ``out``, those of the
    yardsticks, too. Returns the suite's own, in the order of the plan. ``task_of``: tensor or text_generation. Raises
    ``InputError`` for what cannot be planned; ``Ctrl-C`` writes what there is and is raised again."""
    listener = listener or Listener()
    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache, root)
        plan = plan_suite(bench)
        asks = [_pair_of(bench, run, task_of(run)) for run in plan.runs]
    listener.planned(plan)
    recorded = []
    for index, (run, (alone, yardstick)) in enumerate(zip(plan.runs, asks, strict=True)):
        relayed = _Relayed(listener, index)
        if yardstick is None:
            (one,) = run_suite(alone, catalog, out, cache=cache, listener=relayed, root=root)
        else:
            listener.began(index, run)
            _, one = run_in_alternation(yardstick, alone, catalog, (out, out), cache=cache, listener=relayed, root=root)
        listener.written(index, one)
        recorded.append(one)
    return recorded


def only_suite(suite: Suite, run: PlannedRun) -> Suite:
    """The suite that plans ``run`` of ``suite`` and nothing else."""
    target = TargetAsk(run.target.id, dict(run.target.options))
    return replace(suite, models=(run.model.ask,), targets=(target,), scenarios=(run.scenario,))


def _pair_of(bench: Bench, run: PlannedRun, task: str) -> tuple[Suite, Suite | None]:
    alone = only_suite(bench.suite, run)
    if run.skip is not None or run.target.device.emulated:
        return alone, None
    yardstick = yardstick_suite(alone, task)
    try:
        base, _ = plan_pair(yardstick, alone, bench)
    except InputError:
        return alone, None
    return alone, (yardstick if base.skip is None else None)
