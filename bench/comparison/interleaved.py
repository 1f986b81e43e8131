"""Two runs measured in alternation: their processes belong together in pairs, and their blocks in neighbours.

Of a pair's medians (latency p50, TTFT, TPOT) the ratio is the median over its neighbouring blocks' ratios, so that a
disturbance affects only the blocks in which it occurs, while a disturbance of half the time would change the median of
the whole. How far that median may be off is estimated from the order of the blocks' ratios, and a pair that was
disturbed all along counts for less. Every other figure is that of the whole process. What is tested are the ratios'
logarithms, one a pair.
"""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from bench.comparison.observe import Observation
from bench.record.evidence import OTHER_SIDE, Until, took_turns
from bench.record.record import Record
from bench.stats.autocorrelation import effective_sample_size
from bench.stats.intervals import median_error

CANCELLED = ("not_converged", "drift", "host_busy")
"""Reasons that make a run's own figure untrue, and fall on both sides of an alternation alike."""

STEP = 1e-9  # of a logarithm: below the resolution of statistics of integers


class PairLogs(Struct, frozen=True):
    """``logs``: of new over base, one per pair. ``errors``: the standard error of each, if it is known from blocks."""

    logs: tuple[float, ...]
    errors: tuple[float, ...] | None = None


def broken(base: Record, new: Record) -> bool:
    """Whether the new run failed or was skipped where the base was measured; or failed, and that alone kept the base,
    which took turns with it, from being measured."""
    waited = base.failure is not None and base.failure.phase == OTHER_SIDE
    return (base.status == "ok" and new.status != "ok") or (waited and new.status == "failed")


def alternated(base: Record, new: Record) -> bool:
    """Whether repeat i of the one took turns with repeat i of the other."""
    return took_turns(base.plan.alternation, new.plan.alternation)


def until_of(base: Observation, new: Observation) -> Until | None:
    """How the number of pairs of the two was decided while they were measured; ``None`` where it was fixed."""
    turns = base.record.plan.alternation
    return turns.until if turns is not None and alternated(base.record, new.record) else None


def pair_logs(metric: str, base: Observation, new: Observation) -> PairLogs | None:
    """The pairs of processes by one metric that all of them have; ``None`` where they do not belong together."""
    x, y = base.values[metric], new.values[metric]
    if not alternated(base.record, new.record) or len(x) != len(y):
        return None
    of_base, of_new = base.blocks.get(metric, ()), new.blocks.get(metric, ())
    if of_base and len(of_base) == len(of_new):
        found = [neighbours(a, b) for a, b in zip(of_base, of_new, strict=True)]
        errors = [error for _, error in found if error is not None]
        return PairLogs(tuple(log for log, _ in found), tuple(errors) if len(errors) == len(found) else None)
    return PairLogs(tuple(math.log(b / a) for a, b in zip(x, y, strict=True) if a and b))


def neighbours(base: Sequence[float], new: Sequence[float]) -> tuple[float, float | None]:
    """Median log ratio of neighbouring blocks, and its standard error; ``None`` below 6 blocks. Both sides have a block
    each round; at the end one may have one more."""
    count = min(len(base), len(new))
    logs = np.log(np.asarray(new[:count])) - np.log(np.asarray(base[:count]))
    error = median_error(logs)
    if error is None:
        return float(np.median(logs)), None
    steps = np.rint(logs / STEP).astype(np.int64)
    return float(np.median(logs)), error * math.sqrt(count / effective_sample_size(steps, 50))
