"""Figures of each process that follow from its energy."""

from collections.abc import Callable
from statistics import median

from bench.analysis.energy import sensed_of
from bench.analysis.power.tokens import TokensCost, tokens_cost
from bench.analysis.run_processes import Processes
from bench.scenarios.kinds import samples_of
from bench.stats.percentiles import sorted_percentile
from bench.stats.processes import between_positive

Values = list[float | None]
Bounds = tuple[float, float] | None


def middle(run: Processes, values: Values) -> float | None:
    """The median of those that are known."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def between(of: Callable[[Processes], Values]) -> Callable[[Processes], Bounds]:
    """The 95 % interval between processes of what ``of`` gives."""
    return lambda run: between_positive([value for value in of(run) if value is not None])


def joules(run: Processes) -> Values:
    """Above idle, an inference."""
    return [*run.once(sensed_of).joules]


def total_joules(run: Processes) -> Values:
    """With idle inside, an inference."""
    return [*run.once(sensed_of).totals]


def energy_delay(run: Processes) -> Values:
    """Joules of a query, idle inside, times its median latency in seconds. A query of several samples costs what all of
    them do."""
    samples = samples_of(run.scenario) if run.scenario is not None else 1
    return [
        None
        if total is None or not len(process.sorted_ns)
        else total * samples * sorted_percentile(process.sorted_ns, 50) / 1e9
        for total, process in zip(total_joules(run), run.each, strict=True)
    ]


def battery_hours(run: Processes) -> Values:
    """How long the stated battery would last, if the device went on as in the timed window. ``None`` by a sensor that
    reads a part of the device only."""
    found, capacity_wh = run.once(sensed_of), run.settings.get("battery_wh")
    if capacity_wh is None or not found.whole:
        return [None] * len(run.each)
    return [float(capacity_wh) / watts if watts is not None and watts > 0 else None for watts in found.watts]


def of_tokens(field: str) -> Callable[[Processes], Values]:
    """A field of ``TokensCost``; ``None`` throughout where their median is 0 or less, which is noise."""

    def of(run: Processes) -> Values:
        cost: TokensCost | None = run.once(tokens_cost)
        values = [None] * len(run.each) if cost is None else [*getattr(cost, field)]
        typical = middle(run, values)
        return values if typical is not None and typical > 0 else [None] * len(run.each)

    return of
