"""The fraction of queries later than the deadline that a setting states."""

from bench.analysis.figures.rule import Rule, Values
from bench.analysis.run_processes import Processes
from bench.stats.autocorrelation import at_most, effective_size
from bench.stats.proportions import clustered_interval
from bench.words import sentence


def _late(run: Processes) -> tuple[list[int], list[int]]:
    """Queries later than the deadline, and all steady queries, of each process; none where no deadline was given."""
    if "deadline_ns" not in run.settings:
        return [], []
    deadline, found = int(run.settings["deadline_ns"]), [process.sorted_ns for process in run.each]
    return [len(part) - int(part.searchsorted(deadline, side="right")) for part in found], [len(part) for part in found]


def _late_fractions(run: Processes) -> Values:
    late, queries = _late(run)
    return [one / all_ if all_ else None for one, all_ in zip(late, queries, strict=True)] or [None] * len(run.each)


def _late_fraction(run: Processes, values: Values) -> float | None:
    late, queries = _late(run)
    return sum(late) / sum(queries) if sum(queries) else None


def _late_interval(run: Processes) -> tuple[float, float] | None:
    late, queries = _late(run)
    if not sum(queries):
        return None
    deadline = int(run.settings["deadline_ns"])
    effective = [effective_size(at_most(part, deadline)) for part in run.latency.parts]
    used = [(one, all_) for one, all_ in zip(late, queries, strict=True) if all_]
    return clustered_interval([one for one, _ in used], [all_ for _, all_ in used], effective)


LATE = Rule(
    of=_late_fractions,
    pooled=_late_fraction,
    how=sentence("metric.how.late_queries"),
    interval=_late_interval,
)
