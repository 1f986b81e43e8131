"""How long a process of a scenario takes that states it itself, and how the wake scenario divides it."""

from bench.contracts import Scenario

WARM_BLOCK_NS = 300_000_000
"""Of warm queries before an idle time, unless the rule's minimum of queries takes longer."""


def idles(scenario: Scenario) -> bool:
    """Whether it says how long it idles."""
    return scenario.name == "wake"


def turns(scenario: Scenario) -> int:
    """How often a process idles."""
    return int(scenario.number("wakes")) * len(scenario.numbers("idle_ms"))


def idle_ns(scenario: Scenario) -> int:
    """How long a process idles in all."""
    return round(1e6 * int(scenario.number("wakes")) * sum(scenario.numbers("idle_ms")))


def stated_ns(scenario: Scenario) -> int:
    """How long a process takes by the scenario's own parameters: what no preset shortens. 0 where a preset decides."""
    if idles(scenario):
        return idle_ns(scenario)
    return round(60e9 * scenario.number("minutes")) if scenario.name == "sustained" else 0
