"""The measuring loop, on a clock that is a number."""

from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

from bench.contracts import OpenRequest
from bench.errors import RunFailure
from bench.inputs.prompts import Query
from bench.measure.loop import (
    loop_overhead_ns,
    quiet_interpreter,
    steady_state,
    time_generations,
    time_queries,
    warm_up,
)
from bench.measure.text_driver import Generator
from bench.stats.timeline import Timeline
from bench.suite.presets import PRESETS
from bench.testing import FakeClock, FakeTarget, FakeTokenSession, fake_artifact, no_phase


def test_a_query_takes_exactly_its_time(tmp_path: Path) -> None:
    """Each latency is the call's own, and queries follow one another without a gap."""
    clock = FakeClock()
    (tmp_path / "m.onnx").write_text("m")
    request = OpenRequest(fake_artifact(tmp_path / "m.onnx"), "cpu")
    session = FakeTarget(clock, [5, 7, 11]).open(request, no_phase)
    timeline = Timeline()
    time_queries(session.bind({}), 3, timeline, clock)
    assert [5, 7, 11] == timeline.latency_ns().tolist()
    assert [0, 5, 12] == list(timeline.issued_ns)


def test_every_token_has_its_stamp() -> None:
    """A generation of n tokens leaves n stamps; the query ends with the last of them."""
    clock = FakeClock(100)
    generator = Generator(FakeTokenSession({}, work=lambda: clock.advance(10)))
    timeline = Timeline()
    time_generations(generator, repeat(Query(np.array([], np.int64), np.array([1, 2]))), 4, 2, timeline, clock)
    assert [110, 120, 130, 140, 150, 160, 170, 180] == list(timeline.token_ns)
    assert ([100, 140], [140, 180]) == (list(timeline.issued_ns), list(timeline.done_ns))


def test_steady_state_ends_by_the_rule() -> None:
    """Constant latencies converge at the minimum time and not later than a batch after it."""
    clock, rule = FakeClock(), PRESETS["quick"].rule

    def run(count: int, timeline: Timeline) -> None:
        time_queries(lambda: clock.advance(1_000_000), count, timeline, clock)

    timeline = steady_state(run, rule, clock)
    assert rule.min_duration_ns <= clock.now_ns <= 1.1 * rule.min_duration_ns
    assert len(timeline.done_ns) == clock.now_ns // 1_000_000


def test_warm_up_sees_that_latency_settles() -> None:
    """Warm-up goes on while latencies fall, and says that it became steady."""
    clock, rule = FakeClock(), PRESETS["quick"].rule
    latencies = iter([*(50_000_000 - 4_000_000 * i for i in range(10)), *repeat(10_000_000, 1_000)])

    def run(count: int, timeline: Timeline) -> None:
        time_queries(lambda: clock.advance(next(latencies)), count, timeline, clock)

    timeline, steady = warm_up(run, rule, clock)
    assert (True, 10_000_000) == (steady, timeline.latency_ns()[-1])
    assert len(timeline.done_ns) > 10


def test_warm_up_gives_up_in_time() -> None:
    """Latencies that never settle end the warm-up at its time, and it says so."""
    clock, rule = FakeClock(), PRESETS["quick"].rule
    latency = iter(int(1_000_000 * 1.1**i) for i in range(1_000))

    def run(count: int, timeline: Timeline) -> None:
        time_queries(lambda: clock.advance(next(latency)), count, timeline, clock)

    _, steady = warm_up(run, rule, clock)
    assert not steady
    assert clock.now_ns >= rule.warmup_max_duration_ns


def test_a_run_that_measures_nothing_is_refused() -> None:
    """A scenario's loop that appends no query ends at once, as the plugin's error; it does not go on for ever."""
    with pytest.raises(RunFailure) as caught:
        warm_up(lambda count, timeline: None, PRESETS["quick"].rule, FakeClock())
    assert ("plugin_error", "measure.no_query") == (caught.value.kind, caught.value.sentence.code)


def test_garbage_collector_rests_inside_only() -> None:
    """Collection is off inside, and on again afterwards, also after an error."""
    import gc

    seen = []
    try:
        with quiet_interpreter():
            seen.append(gc.isenabled())
            raise KeyError
    except KeyError:
        seen.append(gc.isenabled())
    assert [False, True] == seen


def test_loop_overhead_is_what_the_clock_says() -> None:
    """On a clock that takes 3 ns a reading, the loop around nothing costs 3 ns."""
    clock = FakeClock()

    def ticking() -> int:
        clock.advance(3)
        return clock.now_ns

    assert loop_overhead_ns(100, ticking) == 3
