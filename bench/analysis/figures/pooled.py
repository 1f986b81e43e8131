"""How the figure of a run is pooled from those of its processes."""

from statistics import geometric_mean, median

from bench.analysis.figures.rule import Values
from bench.analysis.run_processes import Processes


def _known(values: Values) -> list[float]:
    return [value for value in values if value is not None]


def typical(run: Processes, values: Values) -> float | None:
    """The geometric mean."""
    known = _known(values)
    return geometric_mean(known) if known else None


def typical_time(run: Processes, values: Values) -> int | None:
    """The same in whole nanoseconds."""
    known = _known(values)
    return round(geometric_mean([max(1, value) for value in known])) if known else None


def middle_size(run: Processes, values: Values) -> int | None:
    """The median, in whole bytes."""
    known = _known(values)
    return round(median(known)) if known else None
