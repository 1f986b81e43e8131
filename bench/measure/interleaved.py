"""A steady state measured in turns with another process, block by block, never both at the same time.

Disturbances of the machine, such as other load, heat or a change of clock, then affect both equally and cancel in the
ratio of neighbouring blocks. Running two sides close in time is known as paired or duet benchmarking (Bulej et al.
2020, Duet benchmarking, ICPE); taking turns instead of running side by side keeps the two from competing.
"""

import math
from array import array
from collections.abc import Callable
from time import perf_counter_ns

from bench.measure.loop import Clock
from bench.measure.stopping import finished
from bench.record.record import StoppingRule
from bench.stats.passes.settling import QUERIES, Settling
from bench.stats.timeline import Timeline

BLOCK_NS = 50_000_000
"""A block is as many queries as fit, at least one: long compared with a change of turns, short compared with
disturbances."""

LEAST_BLOCKS = 12
"""Of each side, so that the median of their ratios is one of many."""

SPARE_QUERIES = 256
"""A block's most once a side has all queries that its rule allows, and only the other still measures."""

LEAD_IN_SHARE = 0.25  # of a block: a faster query is run once untimed as a block begins, on caches the other has used


def steady_in_turns(
    run: Callable[[int, Timeline], None],
    rule: StoppingRule,
    take_turn: Callable[[bool], bool],
    pace_ns: float,
    look: Callable[[], None] = lambda: None,
    clock: Clock = perf_counter_ns,
    settling: Settling = QUERIES,
) -> tuple[Timeline, "array[int]", int]:
    """Block after block until both sides have measured enough by ``rule``, whose times count own turns only.

    The rule's maximum of queries bounds memory: ``LEAST_BLOCKS`` blocks hold no more, and blocks after them few, so
    that blocks of a query that takes no time are shorter than ``BLOCK_NS``.
    ``pace_ns``: what a query took in the warm-up. Returns the timeline, the queries of each block, and the time worked.
    The turn is still held when it returns.
    """
    timeline, blocks, worked_ns, satisfied = Timeline(), array("q"), 0, False
    most = math.ceil(rule.max_queries / LEAST_BLOCKS)
    while take_turn(satisfied):
        if pace_ns < LEAD_IN_SHARE * BLOCK_NS:
            run(1, Timeline())
        used_up = len(timeline.done_ns) >= rule.max_queries
        count = max(1, min(round(BLOCK_NS / max(1.0, pace_ns)), most, SPARE_QUERIES if used_up else most))
        begin_ns = clock()
        run(count, timeline)
        worked_ns += clock() - begin_ns
        blocks.append(count)
        pace_ns = worked_ns / len(timeline.done_ns)
        if not satisfied and len(blocks) >= LEAST_BLOCKS:
            satisfied = finished(timeline.latency_ns(), worked_ns, rule, settling)
        look()
    return timeline, blocks, worked_ns
