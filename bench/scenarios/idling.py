"""How long a process of the wake scenario takes, and in which parts."""

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
