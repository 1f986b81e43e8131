"""Blocks of a steady state that takes turns with another process."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bench.measure.interleaved import BLOCK_NS, LEAST_BLOCKS, SPARE_QUERIES, steady_in_turns
from bench.stats.timeline import Timeline
from bench.suite.presets import PRESETS
from bench.testing import FakeClock

RULE = replace(PRESETS["quick"].rule, max_queries=6_000)


def measured(latency_ns: int, turns: int) -> tuple[list[int], list[bool], int]:
    """Queries of each block, whether the side was satisfied before each, and all queries. The other side takes so many
    ``turns``."""
    clock, satisfied = FakeClock(), []

    def take_turn(enough: bool) -> bool:
        satisfied.append(enough)
        return len(satisfied) <= turns or not enough

    timeline, blocks, _ = steady_in_turns(queries(latency_ns, clock), RULE, take_turn, latency_ns, clock=clock)
    return list(blocks), satisfied, len(timeline.done_ns)


def queries(latency_ns: int, clock: FakeClock) -> Callable[[int, Timeline], None]:
    def run(count: int, timeline: Timeline) -> None:
        for _ in range(count):
            timeline.issued_ns.append(clock())
            clock.advance(latency_ns)
            timeline.done_ns.append(clock())

    return run


@pytest.mark.parametrize("latency_ns", [1, 300, 50_000])
def test_memory_is_bounded_by_the_rule(latency_ns: int) -> None:
    """Queries that take no time, against a side that takes 100 turns: the rule's maximum is not passed by more than a
    few queries a block, and every turn has a block."""
    blocks, _, every = measured(latency_ns, turns=100)
    spare = SPARE_QUERIES * (100 - LEAST_BLOCKS)
    assert (100, sum(blocks)) == (len(blocks), every)
    assert RULE.max_queries <= every <= RULE.max_queries + spare


def test_the_maximum_is_enough() -> None:
    """A side alone ends with it, after the least number of blocks, whatever time they took."""
    blocks, satisfied, every = measured(1, turns=0)
    assert ([RULE.max_queries // LEAST_BLOCKS] * LEAST_BLOCKS, RULE.max_queries) == (blocks, every)
    assert [False] * LEAST_BLOCKS + [True] == satisfied


def test_slow_queries_have_blocks_of_equal_time() -> None:
    """The maximum is far away, and blocks are as long as they should be."""
    blocks, _, _ = measured(1_000_000, turns=20)
    assert {BLOCK_NS // 1_000_000} == set(blocks)
