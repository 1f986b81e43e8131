"""Figures of queries through a pipeline: the network's fraction of the time, and the rate of overlapped queries."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis.figures.percentiles import percentile_of
from bench.analysis.figures.rule import Rule
from bench.analysis.run_processes import SECOND, Process, Processes
from bench.stats.fractions import fraction_interval
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
    return fraction_interval([inside for inside, _ in pairs], [latency for _, latency in pairs])


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


def median_of_role(role: str) -> Rule:
    """The median of the times of that role of the samples."""
    return percentile_of(lambda run: run.staged(role), 50)


NETWORK = Rule(
    of=network_fractions,
    pooled=network_fraction,
    how=sentence("metric.how.fraction_of_all"),
    interval=network_interval,
)
"""How much of the time from file to answer the network takes."""
