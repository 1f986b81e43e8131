"""Queries through all stages, one after another: what each stage takes, and all of them together."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter_ns
from typing import Any

from msgspec import Struct

from bench.contracts import STAGES
from bench.measure.loop import Clock
from bench.record.inputs import PipelineFacts
from bench.stats.timeline import Timeline

Step = Callable[[Any], Any]
"""One stage: takes what the stage before it returned."""


class Staged(Struct, frozen=True):
    """An open pipeline. ``steps``: one for each of ``STAGES``; the first takes one of ``items``, which never end.
    ``facts``: what the steps are. ``network``: the network alone, on inputs that are bound. Steps may run on threads of
    their own, one query in each."""

    items: Iterator[Any]
    steps: tuple[Step, Step, Step, Step]
    facts: PipelineFacts
    network: Callable[[], None]

    def query(self) -> None:
        """One query, untimed."""
        value = next(self.items)
        for step in self.steps:
            value = step(value)


class StageTimes:
    """What each stage took, in nanoseconds, query by query."""

    def __init__(self) -> None:
        self.of: dict[str, list[int]] = {name: [] for name in STAGES}

    def last(self, count: int) -> dict[str, Sequence[int]]:
        """Of the last ``count`` queries, by the names of the samples' arrays."""
        return {stage_role(name): taken[len(taken) - count :] for name, taken in self.of.items()}


def stage_role(name: str) -> str:
    """The role of a stage's array in the samples."""
    return f"stage_{name}_ns"


def time_stages(
    staged: Staged, times: StageTimes, count: int, timeline: Timeline, clock: Clock = perf_counter_ns
) -> None:
    """Issue ``count`` queries one after another. One reading of the clock ends a stage and begins the next, so that the
    stages of a query add up to its latency exactly."""
    issued, done, items = timeline.issued_ns.append, timeline.done_ns.append, staged.items
    steps = [(step, times.of[name].append) for step, name in zip(staged.steps, STAGES, strict=True)]
    for _ in range(count):
        value = next(items)
        begin = before = clock()
        for step, taken in steps:
            value = step(value)
            now = clock()
            taken(now - before)
            before = now
        issued(begin)
        done(before)
