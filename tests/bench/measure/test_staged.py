"""Queries through the stages of a pipeline: exact times, and threads that never wait for ever."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.contracts import STAGES, Scenario
from bench.errors import InputError, PluginError
from bench.machine.clocks import CoreClocks
from bench.measure.energy import EnergyMeter
from bench.measure.players.end_to_end import play_end_to_end
from bench.measure.players.single_stream import measure_one_by_one
from bench.measure.stage import Stage, Watched
from bench.measure.staged.overlapped import FILLING, WAITING, run_overlapped
from bench.measure.staged.queries import Staged, Step, passes_rule, time_passes
from bench.record.inputs import PipelineFacts
from bench.stats.passes.settling import PASSES
from bench.stats.timeline import Timeline
from bench.suite.presets import PRESETS
from bench.testing import FakeClock

MS = 1_000_000
FACTS = PipelineFacts("own", (), 3, 3, "0" * 64)
PATIENCE_S = 20.0


def staged(*steps: Step, inputs: int = 1_000) -> Staged:
    """A pipeline whose passes take 0, 1, 2 …"""
    assert len(steps) == len(STAGES)
    return Staged(range(inputs), steps, FACTS, lambda: None)


def taking(clock: FakeClock, duration_ns: int) -> Step:
    """A stage that takes exactly so long."""

    def step(value: Any) -> Any:
        clock.advance(duration_ns)
        return value

    return step


def test_stages_add_up_to_the_latency() -> None:
    """Query by query, and the first of the two inputs takes longer to decode; a pass takes both."""
    clock = FakeClock()
    durations = iter([7 * MS, 3 * MS])

    def decode(value: Any) -> Any:
        return taking(clock, next(durations))(value)

    steps = [decode, *(taking(clock, n * MS) for n in (2, 10, 1))]
    timeline = Timeline()
    time_passes(staged(*steps, inputs=2), 1, timeline, clock)
    assert [36 * MS] == timeline.latency_ns().tolist()
    expected = {
        "stage_decode_ns": [7 * MS, 3 * MS],
        "stage_preprocess_ns": [2 * MS] * 2,
        "stage_infer_ns": [10 * MS] * 2,
        "stage_postprocess_ns": [MS] * 2,
        "start_ns": [0, 20 * MS],
        "latency_ns": [20 * MS, 16 * MS],
    }
    assert expected == {role: readings.tolist() for role, readings in timeline.of_parts.items()}
    assert 2 == timeline.parts


def test_the_rule_counts_whole_passes() -> None:
    """As many queries as it asks, in three passes at least; a fixed number of queries in as few as hold it."""
    rule = PRESETS["standard"].rule
    few, many = passes_rule(rule, 4), passes_rule(rule, 100)
    assert (4, 3, 62_500) == (few.min_queries, few.warmup_min_queries, few.max_queries)
    assert (3, 1) == (many.min_queries, many.warmup_min_queries)
    fixed = passes_rule(replace(rule, max_queries=rule.min_queries), 4)
    assert (4, 4) == (fixed.min_queries, fixed.max_queries)


def test_a_repeat_holds_whole_passes() -> None:
    """Of what was measured; in turns too, where a lead-in is in no array."""
    clock, order = FakeClock(), []

    def decode(value: int) -> int:
        order.append(value)
        return value

    def turns(satisfied: bool) -> bool:
        return not satisfied

    for take_turn in (None, turns):
        order.clear()
        steps: list[Step] = [decode, *(taking(clock, 1) for _ in range(3))]
        rule = replace(PRESETS["quick"].rule, min_duration_ns=0, max_duration_ns=50 * MS)
        watched = Watched(EnergyMeter({}, (), Path("/"), None), CoreClocks(Path("/")), take_turn)
        run = partial(time_passes, staged(*steps, inputs=3), clock=clock)
        found = measure_one_by_one(run, passes_rule(rule, 3), watched, PASSES)
        arrays = found.arrays
        assert len(arrays["latency_ns"]) == 3 * len(arrays["pass_ns"])
        assert (arrays["latency_ns"].reshape(-1, 3).sum(axis=1) == arrays["pass_ns"]).all()
        assert 0 == arrays["start_ns"][0]
        assert order == [0, 1, 2] * (len(order) // 3)
        assert len(arrays["warmup_latency_ns"]) == found.warmup.queries
        if take_turn is not None:
            assert arrays["block_queries"].sum() == len(arrays["latency_ns"])


def test_each_stage_gets_what_the_one_before_returned() -> None:
    """In order, each input once."""
    seen: list[Any] = []
    steps: list[Step] = [lambda v: [v], lambda v: [*v, "p"], lambda v: [*v, "i"], seen.append]
    time_passes(staged(*steps, inputs=3), 1, Timeline(), FakeClock())
    assert [[n, "p", "i"] for n in range(3)] == seen


def overlapped(*steps: Step, most: int = 40, inputs: int = 1) -> Any:
    return run_overlapped(staged(*steps, inputs=inputs), 60_000 * MS, most, most)


def test_overlapped_answers_come_in_order_without_those_that_filled_the_pipeline() -> None:
    """Every input once, and what is kept are the rest."""
    seen: list[int] = []
    found = overlapped(lambda v: v, lambda v: v, lambda v: v, seen.append, inputs=40)
    assert [*range(40), *range(FILLING + 1)] == seen
    assert 41 == len(found.done_ns) == len(found.begun_ns)
    assert list(found.begun_ns) == sorted(found.begun_ns)
    assert all(begun <= done for begun, done in zip(found.begun_ns, found.done_ns, strict=True))


def test_overlapped_answers_are_whole_passes_and_the_one_before_them() -> None:
    """Of 40 answers 8 fill the pipeline, 1 begins and 28 are 4 passes over 7 inputs."""
    assert 29 == len(overlapped(*[lambda v: v] * 4, inputs=7).done_ns)


def test_an_interrupt_leaves_no_thread_behind() -> None:
    """Ctrl-C while stages are overlapped: what was taken is finished, and nothing is begun."""
    before = threading.active_count()

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_overlapped(staged(*[lambda v: v] * 4), 60_000 * MS, 10**9, 10**9, sleep=interrupted)
    assert threading.active_count() == before


def test_queues_are_bounded() -> None:
    """While the last stage is held, the first begins only as many as the stages and the queues between them hold."""
    begun: list[int] = []
    release, full = threading.Event(), threading.Event()
    holds = len(STAGES) + WAITING * (len(STAGES) - 1)

    def decode(value: int) -> int:
        begun.append(value)
        if len(begun) == holds:
            full.set()
        return value

    def hold(value: int) -> None:
        assert full.wait(PATIENCE_S)
        if not held:
            threading.Event().wait(0.05)  # a stage too many would have begun by now
            held.append(len(begun))
        release.set()

    held: list[int] = []
    overlapped(decode, lambda v: v, lambda v: v, hold, most=holds + 10, inputs=10)
    assert [holds] == held
    assert release.is_set()


@pytest.mark.parametrize("broken", range(4))
def test_an_error_of_a_stage_ends_all_threads(broken: int) -> None:
    """It is raised, and no thread is left behind."""
    before = threading.active_count()

    def fail(value: Any) -> Any:
        raise InputError("stage gone")

    steps: list[Callable[[Any], Any]] = [lambda v: v] * 4
    steps[broken] = fail
    with pytest.raises(InputError, match="stage gone"):
        overlapped(*steps, most=1_000)
    assert before == threading.active_count()


def test_a_stage_without_a_pipeline_is_refused() -> None:
    """A plugin's scenario cannot play it by accident."""
    none: Any = None
    stage = Stage(
        scenario=Scenario("end-to-end"), rule=none, watched=none, run=none, call=none, lanes=none, steady=none
    )
    with pytest.raises(PluginError):
        play_end_to_end(stage)
