"""Figures of queries through a pipeline: the mean time of an input over whole passes, of it each stage's and the
network's fraction, and the rate of overlapped queries."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis.figures.percentiles import percentile_of
from bench.analysis.figures.pooled import typical_time
from bench.analysis.figures.rule import GEOMETRIC_MEAN, Interval, Rule
from bench.analysis.run_processes import NOTHING, SECOND, Process, Processes
from bench.stats.fractions import fraction_interval
from bench.stats.passes.means import pass_means, standard_error
from bench.stats.processes import between_values
from bench.words import sentence

if TYPE_CHECKING:
    Samples = np.ndarray[Any, Any]

INFER = "stage_infer_ns"


def network_fractions(run: Processes) -> list[float | None]:
    """Of each process, how much of the time of all queries the network took."""
    return [_fraction(process) for process in run.each]


def network_fraction(run: Processes, values: Sequence[float | None]) -> float | None:
    """Of all processes together."""
    pairs = _pairs(run)
    whole = sum(int(latency.sum()) for _, latency in pairs)
    return sum(int(inside.sum()) for inside, _ in pairs) / whole if whole else None


def network_interval(run: Processes) -> tuple[float, float] | None:
    """The 95 % interval of ``network_fraction``."""
    pairs = _pairs(run)
    passes = [len(one.pass_ns) for one in run.each if INFER in one.staged and one.latency_ns.sum()]
    return fraction_interval([inside for inside, _ in pairs], [latency for _, latency in pairs], passes=passes)


def _pairs(run: Processes) -> "list[tuple[Samples, Samples]]":
    return [(one.staged[INFER], one.latency_ns) for one in run.each if INFER in one.staged and one.latency_ns.sum()]


def _fraction(process: Process) -> float | None:
    whole = int(process.latency_ns.sum())
    return int(process.staged[INFER].sum()) / whole if INFER in process.staged and whole else None


def overlapped_rate(process: Process) -> float | None:
    """Answers a second of overlapped queries, from the first to the last; ``None`` for fewer than two."""
    found = [process.staged.get(f"overlapped_{role}_ns") for role in ("start", "latency")]
    if found[0] is None or found[1] is None or len(found[0]) != len(found[1]) or len(found[0]) < 2:
        return None
    done = found[0] + found[1]
    span = int(done[-1] - done[0])
    return SECOND * (len(done) - 1) / span if span > 0 else None


NETWORK_ALONE = percentile_of(lambda run: run.staged("network_alone_ns"), 50)
"""The median of queries that are all of one input."""


def per_input(of: "Callable[[Process], Samples]") -> Rule:
    """The mean of the times ``of`` a process over its whole passes, which weigh every input alike. The interval is that
    between processes, wide enough to hold what passes within them leave uncertain."""

    def values(run: Processes) -> list[float | None]:
        return [float(taken.mean()) if len(taken := of(process)) else None for process in run.each]

    def interval(run: Processes) -> Interval:
        known = [value for value in values(run) if value is not None]
        within = _within([pass_means(taken, len(p.pass_ns)) for p in run.each if len(taken := of(p))])
        between = between_values(known)
        both = [one for one in (within, between) if one is not None]
        if not both or (between is None and len(known) > 1):
            return None
        return math.floor(min(low for low, _ in both)), math.ceil(max(high for _, high in both))

    return Rule(of=values, pooled=typical_time, how=GEOMETRIC_MEAN, interval=interval)


def _within(means: "Sequence[Samples]") -> tuple[float, float] | None:
    """The 95 % interval of the mean of the processes' means, by the passes of each; ``None`` for too few of them. Of a
    single process by Student's t. By the error of its logarithm, as between processes, so that no time is below 0."""
    found = [standard_error(one) for one in means]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    from scipy.special import stdtrit

    centre = sum(float(one.mean()) for one in means) / len(means)
    error = math.sqrt(sum(one[0] ** 2 for one in known)) / len(known)
    quantile = float(stdtrit(known[0][1], 0.975)) if len(known) == 1 else NormalDist().inv_cdf(0.975)
    if centre <= 0:
        return None
    reach = quantile * error / centre
    return centre * math.exp(-reach), centre * math.exp(reach)


TIME_PER_INPUT = per_input(lambda process: process.latency_ns if len(process.pass_ns) else NOTHING)


def stage_time(role: str) -> Rule:
    """Of the times of that role."""
    return per_input(lambda process: process.staged.get(role, NOTHING))


def overlapped_passes(process: Process) -> "Samples":
    """The latencies of overlapped queries, in whole passes where their number is known."""
    found = process.staged.get("overlapped_latency_ns", NOTHING)
    inputs = len(process.latency_ns) // len(process.pass_ns) if len(process.pass_ns) else 1
    return found[len(found) % inputs :] if len(found) >= inputs else NOTHING


NETWORK = Rule(
    of=network_fractions,
    pooled=network_fraction,
    how=sentence("metric.how.fraction_of_all"),
    interval=network_interval,
)
"""How much of the time from file to answer the network takes."""
