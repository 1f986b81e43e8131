"""Queries through the stages of a pipeline: exact times, and threads that never wait for ever."""

import threading
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest

from bench.contracts import STAGES, Scenario
from bench.errors import InputError, PluginError
from bench.measure.players.end_to_end import play_end_to_end
from bench.measure.stage import Stage
from bench.measure.staged.overlapped import FILLING, WAITING, run_overlapped
from bench.measure.staged.queries import Staged, StageTimes, Step, time_stages
from bench.record.inputs import PipelineFacts
from bench.stats.timeline import Timeline
from bench.testing import FakeClock

MS = 1_000_000
FACTS = PipelineFacts("own", (), 3, 3, "0" * 64)
PATIENCE_S = 20.0


def staged(*steps: Step) -> Staged:
    """A pipeline that takes 0, 1, 2 …"""
    assert len(steps) == len(STAGES)
    return Staged(iter(count()), steps, FACTS, lambda: None)


def taking(clock: FakeClock, duration_ns: int) -> Step:
    """A stage that takes exactly so long."""

    def step(value: Any) -> Any:
        clock.advance(duration_ns)
        return value

    return step


def test_stages_add_up_to_the_latency() -> None:
    """Query by query, and the first of the two inputs takes longer to decode."""
    clock = FakeClock()
    durations = iter([7 * MS, 3 * MS])

    def decode(value: Any) -> Any:
        return taking(clock, next(durations))(value)

    steps = [decode, *(taking(clock, n * MS) for n in (2, 10, 1))]
    timeline, times = Timeline(), StageTimes()
    time_stages(staged(*steps), times, 2, timeline, clock)
    assert [20 * MS, 16 * MS] == timeline.latency_ns().tolist()
    expected = {
        "stage_decode_ns": [7 * MS, 3 * MS],
        "stage_preprocess_ns": [2 * MS] * 2,
        "stage_infer_ns": [10 * MS] * 2,
        "stage_postprocess_ns": [MS] * 2,
    }
    assert expected == times.last(2)


def test_of_a_warm_up_nothing_is_kept() -> None:
    """The stages of the last queries alone."""
    clock = FakeClock()
    times = StageTimes()
    for n in (5, 1, 1):
        time_stages(staged(*[taking(clock, n * MS)] * 4), times, 1, Timeline(), clock)
    assert {f"stage_{name}_ns": [MS, MS] for name in STAGES} == times.last(2)


def test_each_stage_gets_what_the_one_before_returned() -> None:
    """In order, each input once."""
    seen: list[Any] = []
    steps: list[Step] = [lambda v: [v], lambda v: [*v, "p"], lambda v: [*v, "i"], seen.append]
    time_stages(staged(*steps), StageTimes(), 3, Timeline(), FakeClock())
    assert [[n, "p", "i"] for n in range(3)] == seen


def overlapped(*steps: Step, most: int = 40) -> Any:
    return run_overlapped(staged(*steps), 60_000 * MS, most, most)


def test_overlapped_answers_come_in_order_without_those_that_filled_the_pipeline() -> None:
    """Every input once, and what is kept are the rest."""
    seen: list[int] = []
    found = overlapped(lambda v: v, lambda v: v, lambda v: v, seen.append)
    assert list(range(40)) == seen
    assert 40 - FILLING == len(found.done_ns) == len(found.begun_ns)
    assert list(found.begun_ns) == sorted(found.begun_ns)
    assert all(begun <= done for begun, done in zip(found.begun_ns, found.done_ns, strict=True))


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
        if value == 0:
            threading.Event().wait(0.05)  # a stage too many would have begun by now
            held.append(len(begun))
        release.set()

    held: list[int] = []
    overlapped(decode, lambda v: v, lambda v: v, hold, most=holds + 10)
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


def test_arrays_are_whole_nanoseconds() -> None:
    """As every array of the samples."""
    times = StageTimes()
    time_stages(staged(*[lambda v: v] * 4), times, 4, Timeline())
    assert all(np.array(taken).dtype == np.int64 for taken in times.last(4).values())
