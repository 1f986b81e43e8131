"""What a rule of a figure is: its value in each process, that of the run, and the interval."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from bench.analysis.run_processes import Processes
from bench.words import Sentence, sentence

Unit = Literal[
    "ns",
    "bytes",
    "joules",
    "cpu_seconds",
    "queries_per_s",
    "tokens_per_s",
    "samples_per_s",
    "fraction",
    "joule_seconds",
    "hours",
    "ratio",
    "watts",
    "celsius",
    "mhz",
]
Values = list[float | None]
Figure = int | float | None
Interval = tuple[int, int] | tuple[float, float] | None


GEOMETRIC_MEAN, MEDIAN = sentence("metric.how.geometric_mean"), sentence("metric.how.median")


class Rule(Struct, frozen=True, kw_only=True):
    """How a figure is computed. ``of``: that of each process, in order, ``None`` where it has none; a comparison takes
    their geometric mean. ``pooled``: that of the run, from theirs; ``how``: the same in words. ``interval``: the 95 %
    interval of the run's figure between processes, where it has one."""

    of: Callable[[Processes], Values]
    pooled: Callable[[Processes, Values], Figure]
    how: Sentence
    interval: Callable[[Processes], Interval] | None = None
