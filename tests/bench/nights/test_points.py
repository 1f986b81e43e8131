"""A record as a point of its series: which series it belongs to, its levels, and the events between two of them."""

import math
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.run_processes import timed
from bench.nights.events import changed_between, events_of
from bench.nights.point import Point, point_of
from bench.nights.series import Series, series_of
from bench.record.record import RecordedRun, Verdict
from bench.record.runner import FleetDevice
from bench.testing.records import ENVIRONMENT, MODEL, TARGET, fake_run


def run(record_id: str = "a", latencies: tuple[int, ...] = (1000, 1000), **plan: Any) -> RecordedRun:
    return fake_run(record_id, [np.full(20, latency) for latency in latencies], **plan)


def point(found: RecordedRun) -> Point:
    return point_of(timed(found), "records/a", "0" * 64)


def on(found: RecordedRun, **environment: Any) -> RecordedRun:
    return replace(found, record=replace(found.record, environment=replace(ENVIRONMENT, **environment)))


def series(found: RecordedRun) -> Series:
    return series_of(found.record)


@pytest.mark.parametrize(
    "changed",
    [
        run(model=replace(MODEL, sha256="1" * 64)),
        on(run(), runtime={"fake": "2"}),
        on(run(), driver={"npu": "32.0.1"}),
        on(run(), host={**ENVIRONMENT.host, "kernel": "6.9"}),
        on(run(), temperature_celsius={"cpu": 80.0}),
    ],
    ids=["model", "runtime", "driver", "kernel", "temperature"],
)
def test_what_is_an_event_does_not_begin_a_new_series(changed: RecordedRun) -> None:
    assert series(changed) == series(run())


@pytest.mark.parametrize(
    "other",
    [
        run(model=replace(MODEL, id="another")),
        run(model=replace(MODEL, precision="int8")),
        run(target=replace(TARGET, id="ort:cpu")),
        run(target=replace(TARGET, options_requested={"threads": "1"})),
        on(run(), host={**ENVIRONMENT.host, "cpu": "another processor"}),
    ],
    ids=["model", "precision", "target", "options", "machine"],
)
def test_another_measurement_is_another_series(other: RecordedRun) -> None:
    assert series(other).id != series(run()).id


def test_a_series_has_an_id_of_its_fields_and_letters_that_are_safe_in_a_path() -> None:
    korean = Series(model="모델/1", target="ort:cpu", scenario="single-stream")
    assert series(run()).id.startswith("fake-null-cpu-")
    assert set(korean.id) <= {*"abcdefghijklmnopqrstuvwxyz0123456789-._"}
    assert korean.id == Series(model="모델/1", target="ort:cpu", scenario="single-stream").id


def test_each_device_of_a_rack_has_a_series_of_its_own() -> None:
    """Two boards of one class are not one machine. The ids of all other series stay as they were."""
    boards = [replace(run().record, fleet=FleetDevice(f"board-{number}", "0" * 20)) for number in (1, 2)]
    first, second = map(series_of, boards)
    assert len({first.id, second.id, series(run()).id}) == 3
    assert first.name == f"{series(run()).name} · board-1"
    assert first.place == f"board-1: {first.machine}"
    assert (series(run()).device, series(run()).place) == ("", series(run()).machine)
    assert Series(model="net", target="null:cpu", scenario="single-stream").id == "net-null-cpu-5ca584a5174c"


def test_levels_are_means_of_logarithms_between_processes() -> None:
    level = point(run(latencies=(1000, 2000))).levels["latency_p50_ns"]
    assert level.mean == pytest.approx(math.log(math.sqrt(2_000_000)))
    assert level.deviation == pytest.approx(math.log(2) / math.sqrt(2))
    assert (level.processes, point(run()).leading) == (2, "latency_p50_ns")
    assert point(run(latencies=(1000,))).levels["latency_p50_ns"].deviation == 0


def test_only_what_was_measured_and_is_valid_counts() -> None:
    valid = run()
    invalid = RecordedRun(replace(valid.record, verdict=Verdict(False, False)), valid.samples)
    failed = RecordedRun(replace(valid.record, status="failed", repeats=(), verdict=None), {})
    assert [point(one).counts for one in (valid, invalid, failed)] == [True, True, False]
    assert point(failed).levels == {}


def test_events_name_what_changed_and_when() -> None:
    nights = [point(run("a")), point(on(run("b"), runtime={"fake": "2"})), point(on(run("c"), runtime={"fake": "2"}))]
    (event,) = events_of(nights)
    assert (event.what, event.before, event.after, event.record_id) == ("runtime fake", "1", "2", "b")
    assert not event.of_machine
    assert changed_between(nights[0], nights[2]) == (replace(event, record_id="c"),)


def test_a_failed_night_does_not_make_what_it_lacks_an_event() -> None:
    failed = RecordedRun(replace(on(run("b"), runtime={}).record, status="failed", repeats=(), verdict=None), {})
    assert events_of([point(run("a")), point(failed), point(run("c"))]) == ()
