"""What a search would try, before anything is measured."""

from msgspec import Struct

from bench.contracts import Tunable
from bench.execution.runner import Memo
from bench.execution.suite_run import with_sensors
from bench.execution.tuning.budget import WIDTH, Reserve, least_budget_ns, settings_for
from bench.execution.tuning.opening import artifact_of, space_around
from bench.execution.tuning.question import SINGLE, Asked, demand_energy, measure_of, the_run
from bench.execution.workbench import Bench
from bench.tuning.result import Goal

PROCESS_NS = 2_500_000_000
"""A guess at what a process takes, which the search replaces by what it sees."""
PREPARE_NS = 8_000_000_000


class Foreseen(Struct, frozen=True, kw_only=True):
    """``drawn``: settings that the budget would allow to begin with, if a process took ``process_ns``; 0 where it is
    too short. ``least_budget_ns``: of a search of one setting."""

    goal: Goal
    scenario: str
    metric: str
    tunables: tuple[Tunable, ...]
    space: int
    drawn: int
    budget_ns: int
    process_ns: int
    least_budget_ns: int


def foreseen(asked: Asked, bench: Bench) -> Foreseen:
    """Reads the model and asks the target; measures nothing. Raises what the search would raise before it measures."""
    run = the_run(bench)
    artifact = artifact_of(bench, Memo(), lambda text: None)
    if asked.goal == "energy":
        demand_energy(with_sensors(bench).channels)
    scenarios = asked.suite.scenarios
    measure = measure_of(asked.goal, artifact.task, scenarios[0] if scenarios else SINGLE, asked.tolerance)
    space = space_around(bench, run, artifact, measure, {})
    reserve = Reserve(PREPARE_NS, PROCESS_NS, WIDTH, beside=measure.beside is not None)
    used_ns = PREPARE_NS + 2 * PROCESS_NS
    free_ns = asked.budget_ns - used_ns - reserve.total_ns
    return Foreseen(
        goal=asked.goal,
        scenario=measure.scenario.name,
        metric=measure.metric,
        tunables=space.tunables,
        space=space.size,
        drawn=settings_for(free_ns, PROCESS_NS, WIDTH, space.size),
        budget_ns=asked.budget_ns,
        process_ns=PROCESS_NS,
        least_budget_ns=least_budget_ns(reserve, used_ns),
    )
