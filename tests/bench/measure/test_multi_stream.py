"""One query of several samples: how often the model runs, how long it takes, and what a record says of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from bench.contracts import Scenario
from bench.machine.clocks import CoreClocks
from bench.measure.energy import EnergyMeter
from bench.measure.generation import no_lanes
from bench.measure.loop import time_queries
from bench.measure.players.multi_stream import play_multi_stream, samples_in_turn
from bench.measure.stage import Stage, Watched
from bench.record.record import RecordedRun
from bench.reports.words.scenarios import scenario_words
from bench.scenarios.kinds import KINDS, parse_scenario
from bench.stats.timeline import Timeline
from bench.store.records import load_records
from bench.suite.presets import emulated_rule
from bench.testing import FakeClock

MULTI = parse_scenario("multi-stream:streams=8", KINDS["multi-stream"])


def test_a_query_takes_as_long_as_all_of_its_samples() -> None:
    """Samples of 1, 2, 3 … ns, three a query: 6, 15 and 24 ns."""
    clock, timeline = FakeClock(), Timeline()
    durations = iter(range(1, 10))
    query = samples_in_turn(lambda: clock.advance(next(durations)), 3)
    time_queries(query, 3, timeline, clock)
    assert [6, 15, 24] == timeline.latency_ns().tolist()


@pytest.mark.parametrize("streams", [1, 8])
def test_the_model_runs_once_a_sample(tmp_path: Path, streams: int) -> None:
    """In warm-up and steady state; energy is divided by runs of the model, samples are those of queries."""
    calls, inside = [], []

    def call() -> None:
        calls.append(len(inside) % 2)

    @contextmanager
    def steady() -> Iterator[None]:
        inside.append("begun")
        yield
        inside.append("ended")

    found = play_multi_stream(
        Stage(
            scenario=Scenario("multi-stream", parameters={"streams": streams}),
            rule=emulated_rule(),
            watched=Watched(EnergyMeter({}, (), tmp_path, {}), CoreClocks(tmp_path), None),
            run=partial(time_queries, call),
            call=call,
            lanes=no_lanes,
            steady=steady,
        )
    )
    queries = len(found.arrays["latency_ns"])
    assert 3 == queries
    assert streams * (queries + found.warmup.queries) == len(calls)
    assert {1} == set(calls)
    assert ["begun", "ended"] == inside
    assert streams * queries == found.energy.queries


@pytest.mark.process
def test_a_record_of_it_is_whole(run: Callable[..., list[RecordedRun]], tmp_path: Path) -> None:
    """Eight runs of 0.2 ms a query; CPU time is that of one run; what is read again is what was written."""
    (recorded,) = run(["fake"], ["null:cpu"], scenarios=(MULTI,), options={"latency_us": "200"}, repeats=2)
    record = recorded.record
    assert ("ok", None) == (record.status, record.failure)
    assert {"streams": 8} == record.plan.scenario.own_parameters
    assert "-s multi-stream:streams=8" in record.plan.command
    for repeat, latency in zip(record.repeats, recorded.arrays("latency_ns"), strict=True):
        assert latency.min() >= 8 * 200_000
        assert repeat.energy is not None
        assert 8 * len(latency) == repeat.energy.queries
    assert record.summary.throughput_per_s is not None
    assert record.summary.throughput_per_s <= 1e9 / (8 * 200_000)
    assert record == load_records(tmp_path / "out")[0].record
    assert "Multi-stream: 8 samples a query, one query at a time" == scenario_words("tensor", record.plan.scenario)


@pytest.mark.process
def test_without_a_number_it_is_eight(run: Callable[..., list[RecordedRun]]) -> None:
    """The default of LoadGen's ``multi_stream_samples_per_query``."""
    (recorded,) = run(["fake"], ["null:cpu"], scenarios=(Scenario("multi-stream"),))
    assert {"streams": 8} == recorded.record.plan.scenario.own_parameters
