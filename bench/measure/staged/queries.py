"""Passes over all inputs of a pipeline, each of which goes through all stages: what each stage takes of each input."""

import math
from collections.abc import Callable, Sequence
from itertools import cycle
from time import perf_counter_ns
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import STAGES
from bench.measure.loop import Clock
from bench.record.inputs import PipelineFacts
from bench.record.record import StoppingRule
from bench.stats.convergence import LEAST_PASSES
from bench.stats.timeline import Timeline

Step = Callable[[Any], Any]
"""One stage: takes what the stage before it returned."""


def _nothing_more(value: Any, timeline: Timeline) -> None:
    pass


class Staged(Struct, frozen=True):
    """An open pipeline. ``items``: what a pass takes, in order. ``steps``: one for each of ``STAGES``; the first takes
    one of ``items``. ``facts``: what the steps are. ``network``: the network alone, on inputs that are bound. Steps may
    run on threads of their own, one query in each. ``keep``: takes what the last step returned, when its time has been
    read, and keeps more of the query than its time."""

    items: Sequence[Any]
    steps: tuple[Step, Step, Step, Step]
    facts: PipelineFacts
    network: Callable[[], None]
    keep: Callable[[Any, Timeline], None] = _nothing_more

    def in_turn(self) -> Callable[[], None]:
        """One query, untimed, of one input after another."""
        items = cycle(self.items)

        def query() -> None:
            value = next(items)
            for step in self.steps:
                value = step(value)

        return query


def stage_role(name: str) -> str:
    """The role of a stage's array in the samples."""
    return f"stage_{name}_ns"


def passes_rule(rule: StoppingRule, inputs: int) -> StoppingRule:
    """``rule``, which counts queries, for whole passes over ``inputs``: as many queries in whole passes, and enough
    passes to see how they differ, unless a fixed number of queries is asked for."""
    fixed = rule.min_queries >= rule.max_queries
    least = math.ceil(rule.min_queries / inputs)
    least = least if fixed else max(LEAST_PASSES, least)
    return replace(
        rule,
        min_queries=least,
        max_queries=least if fixed else max(least + 1, rule.max_queries // inputs),
        warmup_min_queries=math.ceil(rule.warmup_min_queries / inputs),
    )


def time_passes(staged: Staged, count: int, timeline: Timeline, clock: Clock = perf_counter_ns) -> None:
    """Pass ``count`` times over all inputs, one query after another; ``of_parts`` of the timeline gets what is read of
    each. One reading of the clock ends a stage and begins the next, so that the stages of a query add up to its latency
    exactly. A pass takes what its queries take together."""
    steps = [(step, stage_role(name)) for step, name in zip(staged.steps, STAGES, strict=True)]
    for _ in range(count):
        first, whole = None, 0
        for item in staged.items:
            value, ends = item, []
            begin = before = clock()
            for step, _ in steps:
                value = step(value)
                ends.append(clock())
            for (_, role), end in zip(steps, ends, strict=True):
                timeline.keep(role, end - before)
                before = end
            timeline.keep("start_ns", begin)
            timeline.keep("latency_ns", before - begin)
            staged.keep(value, timeline)
            first = begin if first is None else first
            whole += before - begin
        if first is not None:
            timeline.issued_ns.append(first)
            timeline.done_ns.append(first + whole)
