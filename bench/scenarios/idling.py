"""How long a process of a scenario takes that states it itself, and how the wake scenario divides it."""

from bench.contracts import Scenario
from bench.scenarios.kinds import kind_of
from bench.scenarios.lasting import lasting_of

WARM_BLOCK_NS = 300_000_000
"""Of warm queries before an idle time, unless the rule's minimum of queries takes longer."""


def idles(scenario: Scenario) -> bool:
    """Whether it says how long it idles."""
    return bool(kind_of(scenario).idling)


def turns(scenario: Scenario) -> int:
    """How often a process idles."""
    idle, wakes = kind_of(scenario).idling
    return int(scenario.number(wakes)) * len(scenario.numbers(idle))


def idle_ns(scenario: Scenario) -> int:
    """How long a process idles in all."""
    idle, wakes = kind_of(scenario).idling
    return round(1e6 * int(scenario.number(wakes)) * sum(scenario.numbers(idle)))


def stated_ns(scenario: Scenario) -> int:
    """How long a process takes by the scenario's own parameters: what no preset shortens. 0 where a preset decides."""
    if idles(scenario):
        return idle_ns(scenario)
    lasting = lasting_of(scenario)
    return 0 if lasting is None else lasting.duration_ns
