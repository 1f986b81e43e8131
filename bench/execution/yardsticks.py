"""Measures a run in alternation with its yardstick, so that its figures can be reproduced on a machine whose speed
changes (``bench.submission.measuring.yardstick``)."""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import Task
from bench.errors import InputError
from bench.execution.interleaved import plan_pair, run_in_alternation
from bench.execution.probe import temporary_workspace
from bench.execution.suite_run import Listener, everything, plan_suite, run_suite
from bench.execution.workbench import Bench
from bench.machine.lease import machine_shared
from bench.plugins import Catalog
from bench.record.evidence import OTHER_SIDE
from bench.record.record import RecordedRun
from bench.scenarios.lasting import lasting_of
from bench.submission.measuring.yardstick import yardstick_suite
from bench.suite.plan import Plan, PlannedRun
from bench.suite.suite import Suite, TargetAsk
from bench.words import Sentence


class _Relayed(Listener):
    """Tells ``listener`` of ``run``, number ``index`` of a larger plan. A repeat beside its yardstick is one of it."""

    def __init__(self, listener: Listener, index: int, run: PlannedRun) -> None:
        self._listener, self._index, self._run = listener, index, run

    def began(self, index: int, run: PlannedRun) -> None:
        self._listener.began(self._index, run)

    def turn(self, index: int, run: PlannedRun) -> None:
        self._listener.turn(self._index, run)

    def pair(self) -> None:
        self._listener.turn(self._index, self._run)

    def step(self, text: Sentence | str) -> None:
        self._listener.step(text)


@machine_shared()
def run_beside_yardsticks(
    suite: Suite,
    catalog: Catalog,
    out: Path,
    *,
    task_of: Callable[[PlannedRun], Task],
    cache: Path,
    listener: Listener | None = None,
    root: Path = Path("/"),
    left: Callable[[Bench, Plan], Plan] = everything,
) -> list[RecordedRun]:
    """As ``run_suite``, but one run after another, and each beside its yardstick where it can be; the records of the
    yardsticks are written, too, and not returned. ``task_of``: tensor or text_generation."""
    listener = listener or Listener()
    with temporary_workspace() as workspace:
        bench = Bench(catalog, suite, workspace, cache, root)
        plan = left(bench, plan_suite(bench))
    listener.planned(plan)
    recorded = []
    for index, run in enumerate(plan.runs):
        relayed = _Relayed(listener, index, run)
        relayed.began(0, run)
        found = measure_beside_yardstick(
            suite, run, task_of(run), catalog, out, cache=cache, listener=relayed, root=root
        )
        if found is None:
            (found,) = run_suite(only_suite(suite, run), catalog, out, cache=cache, listener=relayed, root=root)
        listener.written(index, found)
        recorded.append(found)
    return recorded


def measure_beside_yardstick(
    suite: Suite,
    run: PlannedRun,
    task: Task,
    catalog: Catalog,
    out: Path,
    *,
    cache: Path,
    listener: Listener | None = None,
    root: Path = Path("/"),
) -> RecordedRun | None:
    """Measure ``run`` of ``suite`` in alternation with the yardstick of its ``task``, by as many and as long repeats as
    alone; both records are written under ``out``. ``None`` for an emulated run, whose times are not used, for one that
    lasts minutes, and where the yardstick does not run on the target: the run has to be measured alone. If that shows
    only when the yardstick is compiled or measured, there are records that say so."""
    if run.skip is not None or run.target.device.emulated or lasting_of(run.scenario) is not None:
        return None  # the yardstick would warm the device before the first of the minutes
    alone = only_suite(suite, run)
    yardstick = yardstick_suite(alone, task, catalog)
    if yardstick is None:
        return None
    with temporary_workspace() as workspace:
        try:
            base, _ = plan_pair(yardstick, alone, Bench(catalog, alone, workspace, cache, root), in_full=True)
        except InputError:
            return None
    if base.skip is not None:
        return None
    _, recorded = run_in_alternation(
        yardstick, alone, catalog, (out, out), cache=cache, listener=listener, root=root, in_full=True
    )
    waited = recorded.record.failure is not None and recorded.record.failure.phase == OTHER_SIDE
    return None if waited else recorded


def only_suite(suite: Suite, run: PlannedRun) -> Suite:
    """The suite that plans ``run`` of ``suite`` and nothing else."""
    target = TargetAsk(run.target.id, dict(run.target.options))
    return replace(suite, models=(run.model.ask,), targets=(target,), scenarios=(run.scenario,), scenario_models=())
