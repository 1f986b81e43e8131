"""One model at several batch sizes, and at several sizes of its pictures: a run each."""

from msgspec.structs import replace

from bench.contracts import Scenario

BATCH = "batch"


def each_size(scenario: Scenario) -> tuple[Scenario, ...]:
    """The runs that the scenario stands for: of several sizes one each, in the order given, and of several sides so
    many for each side."""
    if scenario.name != BATCH:
        return (scenario,)
    own = scenario.own_parameters
    sides = [{"sides": (side,)} for side in scenario.numbers("sides")] if "sides" in own else [{}]
    sizes = [{"sizes": (size,)} for size in scenario.numbers("sizes")]
    return tuple(replace(scenario, parameters={**own, **size, **side}) for side in sides for size in sizes)


def batch_size(scenario: Scenario) -> int | None:
    """How many samples one query holds; ``None`` of other scenarios, and before several sizes have become runs."""
    return _only(scenario, "sizes")


def side_of(scenario: Scenario) -> int | None:
    """Height and width of the pictures; ``None`` where they are those of the file or of ``--shape``."""
    return _only(scenario, "sides")


def _only(scenario: Scenario, name: str) -> int | None:
    found = scenario.numbers(name) if scenario.name == BATCH and name in scenario.own_parameters else ()
    return int(found[0]) if len(found) == 1 else None
