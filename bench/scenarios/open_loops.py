"""What the parameters of an open loop mean, wherever a record is read."""

from bench.contracts import Scenario
from bench.scenarios.kinds import AUTO, BOUND, DEADLINE, PERCENTILE, RATE, kind_of

NS_PER_MS = 1_000_000


def rate_of(scenario: Scenario) -> float | None:
    """Queries a second; ``None`` where the largest rate is searched, and of other scenarios."""
    value = scenario.own_parameters.get(RATE.name)
    return float(value) if kind_of(scenario).open_loop and isinstance(value, int | float) else None


def is_searched(scenario: Scenario) -> bool:
    """Whether the scenario searches the largest rate."""
    return kind_of(scenario).open_loop and scenario.own_parameters.get(RATE.name) == AUTO


def bound_ns(scenario: Scenario) -> int | None:
    """How late an answer may be: the bound of a server, the deadline of frames, by default their period; ``None`` of
    other scenarios."""
    if not kind_of(scenario).open_loop:
        return None
    for name in (BOUND.name, DEADLINE.name):
        if name in scenario.own_parameters:
            return round(scenario.number(name) * NS_PER_MS)
    rate = rate_of(scenario)
    return round(1000 * NS_PER_MS / rate) if rate else None


def bound_percentile(scenario: Scenario) -> float | None:
    """The percentile that must be within the bound; ``None`` of scenarios without one, such as frames."""
    has = kind_of(scenario).open_loop and PERCENTILE.name in scenario.own_parameters
    return float(scenario.number(PERCENTILE.name)) if has else None
