"""One model at several batch sizes: a run a size."""

from msgspec.structs import replace

from bench.contracts import Scenario

BATCH = "batch"


def each_size(scenario: Scenario) -> tuple[Scenario, ...]:
    """The runs that the scenario stands for: of several sizes one each, in the order given."""
    if scenario.name != BATCH:
        return (scenario,)
    others = {name: value for name, value in scenario.own_parameters.items() if name != "sizes"}
    sizes = scenario.numbers("sizes")
    return tuple(replace(scenario, parameters={**others, "sizes": (size,)}) for size in sizes)


def batch_size(scenario: Scenario) -> int | None:
    """How many samples one query holds; ``None`` of other scenarios, and before several sizes have become runs."""
    sizes = scenario.numbers("sizes") if scenario.name == BATCH and "sizes" in scenario.own_parameters else ()
    return int(sizes[0]) if len(sizes) == 1 else None
