"""Two runs measured in alternation: their processes belong together in pairs, and their blocks in neighbours.

Of a pair's medians (latency p50, TTFT, TPOT) the ratio is the median over its neighbouring blocks' ratios, so that a
disturbance of some blocks, which no median of the whole would survive if it lasted half the time, weighs as little as
it lasted. Every other figure is that of the whole process. The ratios' logarithms, one a pair, are what is tested.
"""

import math
from collections.abc import Sequence
from statistics import median

from bench.process_values import Observation
from bench.record import Record

CANCELLED = ("not_converged", "drift", "host_busy")
"""Reasons that make a run's own figure untrue, and fall on both sides of an alternation alike."""


def alternated(base: Record, new: Record) -> bool:
    """Whether repeat i of the one took turns with repeat i of the other."""
    x, y = base.plan.alternation, new.plan.alternation
    return x is not None and y is not None and x.group == y.group and (x.side, y.side) == ("base", "new")


def pair_logs(metric: str, base: Observation, new: Observation) -> list[float] | None:
    """Logarithm of new over base of every pair of processes; ``None`` where they do not belong together."""
    x, y = base.values[metric], new.values[metric]
    if not alternated(base.record, new.record) or len(x) != len(y):
        return None
    blocks = base.blocks.get(metric), new.blocks.get(metric)
    if all(blocks):
        return [_neighbours(a, b) for a, b in zip(blocks[0] or (), blocks[1] or (), strict=True)]
    return [math.log(b / a) for a, b in zip(x, y, strict=True) if a and b]


def _neighbours(base: Sequence[float], new: Sequence[float]) -> float:
    """Both sides have a block each round; at the end one may have one more."""
    return median(math.log(b / a) for a, b in zip(base, new, strict=False))
