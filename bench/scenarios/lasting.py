"""How long a scenario lasts that says so itself, and in which parts."""

from collections.abc import Collection

from msgspec import Struct

from bench.contracts import Scenario, ScenarioKind, Task
from bench.scenarios.kinds import RATE_IF_ANY, kind_of
from bench.scenarios.parameters import SECONDS


class Lasting(Struct, frozen=True):
    """So many ``minutes``, each of ``minute_ns``: of this project's scenarios that is a minute, of a plugin's the unit
    of its parameter. ``rate_per_s``: of queries that are due; ``None``: one after another."""

    minutes: int
    minute_ns: int
    rate_per_s: float | None = None

    @property
    def duration_ns(self) -> int:
        return self.minutes * self.minute_ns


def lasting_of(scenario: Scenario) -> Lasting | None:
    """``None`` of a scenario whose length the preset decides. Raises ``KeyError`` and ``TypeError`` as
    ``Scenario.number`` does."""
    kind = kind_of(scenario)
    if not kind.lasting:
        return None
    unit = next((one.unit for one in kind.parameters if one.name == kind.lasting), "min")
    rate = scenario.own_parameters.get("rate_per_s")
    minute_ns = round(SECONDS.get(unit, 60.0) * 1_000_000_000)
    return Lasting(
        max(1, int(scenario.number(kind.lasting))), minute_ns, float(rate) if isinstance(rate, int | float) else None
    )


def tasks_in(kind: ScenarioKind, given: Collection[str]) -> tuple[Task, ...]:
    """Of models that the kind is defined for with the parameters ``given``: a rate at which work is due for minutes is
    one of queries, and generations follow one another."""
    if not (kind.lasting and {RATE_IF_ANY.name, RATE_IF_ANY.short} & {*given}):
        return kind.tasks
    return tuple(task for task in kind.tasks if task != "text_generation")
