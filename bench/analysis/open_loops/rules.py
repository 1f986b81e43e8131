"""The rules of figures of open loops."""

from collections.abc import Callable
from statistics import geometric_mean

from bench.analysis.figures.rule import GEOMETRIC_MEAN, Interval, Rule, Values
from bench.analysis.open_loops.attempts import largest_rate
from bench.analysis.open_loops.queries import InTime, in_time_of, jitter_ns
from bench.analysis.run_processes import Process, Processes
from bench.stats.autocorrelation import at_most, effective_size
from bench.stats.processes import between_values
from bench.stats.proportions import clustered_interval
from bench.words import sentence


def _in_time(run: Processes) -> list[InTime | None]:
    """Answers in time, late and dropped of each process of an open loop."""
    return [
        None if one.bound_ns is None else in_time_of(one.latency_ns, len(one.dropped_ns), one.bound_ns)
        for one in run.each
    ]


def fraction_of(count: Callable[[InTime], int]) -> Rule:
    """What fraction of all queries of an open loop ``count`` counts."""

    def of(run: Processes) -> Values:
        return [count(one) / one.all if one is not None and one.all else None for one in run.once(_in_time)]

    def pooled(run: Processes, values: Values) -> float | None:
        known = [one for one in run.once(_in_time) if one is not None]
        total = sum(one.all for one in known)
        return sum(map(count, known)) / total if total else None

    def interval(run: Processes) -> tuple[float, float] | None:
        pairs = zip(run.once(_in_time), run.each, strict=True)
        known = [(one, process) for one, process in pairs if one is not None and one.all]
        if not known:
            return None
        effective = [_independent(one, process) for one, process in known]
        return clustered_interval([count(one) for one, _ in known], [one.all for one, _ in known], effective)

    return Rule(of=of, pooled=pooled, how=sentence("metric.how.open_loop_fraction"), interval=interval)


def _independent(found: InTime, process: Process) -> float:
    """How many independent queries those of the process are worth: answers that wait for one another are late
    together."""
    if not len(process.latency_ns) or process.bound_ns is None:
        return float(found.all)
    answered = effective_size(at_most(process.latency_ns, process.bound_ns))
    return found.all * answered / len(process.latency_ns)


def in_time(found: InTime) -> int:
    return found.in_time


def dropped(found: InTime) -> int:
    return found.dropped


def _jitter(process: Process) -> float | None:
    frames = process.bound_ns is not None and process.bound_percentile is None
    return jitter_ns(process.latency_ns) if frames else None


def largest_rate_of(process: Process) -> float | None:
    """The largest rate that a process found to hold the bound."""
    percentile = process.bound_percentile
    return None if percentile is None or not process.attempts else largest_rate(process.attempts, percentile)


def _typical(values: Values) -> float | None:
    """Of the processes together; ``None`` unless each has a figure."""
    known = [value for value in values if value is not None]
    return geometric_mean(known) if known and len(known) == len(values) and min(known) > 0 else None


def _typical_ns(values: Values) -> int | None:
    found = _typical(values)
    return None if found is None else round(found)


def _between(of: Callable[[Process], float | None]) -> Callable[[Processes], Interval]:
    def interval(run: Processes) -> Interval:
        values = [of(process) for process in run.each]
        known = [value for value in values if value is not None]
        return between_values(known) if len(known) == len(values) else None

    return interval


JITTER = Rule(
    of=lambda run: [_jitter(process) for process in run.each],
    pooled=lambda run, values: _typical_ns(values),
    how=GEOMETRIC_MEAN,
    interval=_between(_jitter),
)
LARGEST_RATE = Rule(
    of=lambda run: [largest_rate_of(process) for process in run.each],
    pooled=lambda run, values: _typical(values),
    how=GEOMETRIC_MEAN,
    interval=_between(largest_rate_of),
)
