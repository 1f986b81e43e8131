"""Rules of waking: the first answer after the longest idle time, and what it costs to be kept awake instead."""

from statistics import geometric_mean, median

import numpy as np

from bench.analysis.energy import sensed_of
from bench.analysis.figures.percentiles import percentile_of
from bench.analysis.figures.rule import GEOMETRIC_MEAN, MEDIAN, Figure, Interval, Rule, Values
from bench.analysis.run_processes import NOTHING, Process, Processes, Samples, Series
from bench.stats.processes import MIN_SAMPLES, between_values, ordered

SECOND = 1_000_000_000


def first_answers(run: Processes) -> Series:
    """Latency after the longest idle time; nothing of a scenario that does not idle."""
    last = max((int(process.point.max()) for process in run.each if len(process.idle_ns)), default=0)
    parts = tuple(process.latency_ns[process.point == last] if last else NOTHING for process in run.each)
    return Series(parts, ordered(parts, few=True))


def warm_answers(run: Processes) -> Series:
    """Latency of queries that followed one another."""
    parts = tuple(p.latency_ns[p.point == 0] if len(p.idle_ns) else NOTHING for p in run.each)
    return Series(parts, ordered(parts))


def ratios(after: Series, warm: Series) -> Values:
    """Of each process, its median after idling over that of its warm queries; where all processes together have as
    many queries as a median needs."""
    if min(len(after.ordered.pooled), len(warm.ordered.pooled)) < MIN_SAMPLES[50]:
        return [None] * len(after.parts)
    return [_ratio(one, other) for one, other in zip(after.parts, warm.parts, strict=True)]


def _ratio(after: Samples, warm: Samples) -> float | None:
    if not len(after) or not len(warm):
        return None
    below = float(np.median(warm))
    return float(np.median(after)) / below if below else None


def typical(values: Values) -> float | None:
    known = [value for value in values if value]
    return geometric_mean(known) if known else None


def between(values: Values) -> Interval:
    return between_values([value for value in values if value is not None])


def awake_cpu(process: Process) -> float | None:
    """Processor time of the process in a second of queries one after another."""
    energy = process.repeat.energy
    if energy is None or energy.cpu_seconds is None or not energy.duration_ns:
        return None
    return SECOND * energy.cpu_seconds / energy.duration_ns


def idle_cpu(process: Process) -> float | None:
    """The same in a second of idling."""
    idle_ns = int(process.idle_ns.sum())
    return int(process.idle_cpu_ns.sum()) / idle_ns if idle_ns else None


def _kept_awake(process: Process) -> float | None:
    awake, idle = awake_cpu(process), idle_cpu(process)
    return None if awake is None or idle is None else awake - idle


def _watts(run: Processes) -> Values:
    """Above idle: joules an inference by the best sensor, times inferences a second."""
    found: Values = []
    for process, joules in zip(run.each, run.once(sensed_of).joules, strict=True):
        energy = process.repeat.energy
        if joules is None or energy is None or not energy.duration_ns or not len(process.idle_ns):
            found.append(None)
        else:
            found.append(joules * energy.queries * SECOND / energy.duration_ns)
    return found


def middle(values: Values) -> Figure:
    known = [value for value in values if value is not None]
    return median(known) if known else None


FIRST_ANSWER = percentile_of(lambda run: run.once(first_answers), 50)


def _of_last(run: Processes) -> Values:
    return ratios(run.once(first_answers), run.once(warm_answers))


WAKE_RATIO = Rule(
    of=_of_last,
    pooled=lambda run, values: typical(values),
    how=GEOMETRIC_MEAN,
    interval=lambda run: between(_of_last(run)),
)
KEEP_AWAKE_CPU = Rule(
    of=lambda run: [_kept_awake(process) for process in run.each],
    pooled=lambda run, values: middle(values),
    how=MEDIAN,
)
KEEP_AWAKE_WATTS = Rule(of=_watts, pooled=lambda run, values: middle(values), how=MEDIAN)
