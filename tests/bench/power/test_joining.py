"""A meter's energy in the records of a run: known joules in known windows, and what has none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.power.alignment import Alignment
from bench.power.idle import Idle
from bench.power.joining import About, Readings, without_meter
from bench.power.log import PowerLog
from bench.power.reading import read_log
from bench.record.energy import RepeatEnergy
from bench.record.record import RecordedRun
from bench.store.derived import judged
from bench.testing.records import fake_run

S = 1_000_000_000
ORIGIN_NS = 1_700_000_000 * S


def log_of(seconds: Any, watts: Any, **changed: Any) -> PowerLog:
    log = PowerLog(
        name="m.csv",
        sha256="a" * 64,
        size_bytes=9,
        format="monsoon",
        channel="P",
        seconds=seconds,
        watts=watts,
        clock="utc",
    )
    return replace(log, **changed)


def run_at(*begins_s: float | None, queries: int = 100, seconds: float = 4.0) -> RecordedRun:
    """A run whose repeats began so long after the origin, each of ``queries`` of equal length."""
    latency = np.full(queries, int(seconds * S / queries), np.int64)
    run = fake_run("20260101T000000000Z-fake-fake-000000", [latency] * len(begins_s))
    repeats = tuple(
        replace(
            repeat,
            energy=RepeatEnergy(
                queries, int(seconds * S), 1.0, (), None if begin is None else ORIGIN_NS + int(begin * S)
            ),
        )
        for repeat, begin in zip(run.record.repeats, begins_s, strict=True)
    )
    return RecordedRun(replace(run.record, repeats=repeats), run.samples)


def joined(log: PowerLog, run: RecordedRun, offset_s: float = 0.0, idle: float | None = 2.0) -> Any:
    readings = Readings(log, Alignment("marker", offset_s, 0.05, stands_for=log.stands_for or "moment"), ORIGIN_NS)
    return readings.joined(run.record, Idle(idle), About())


def test_joules_of_a_window() -> None:
    """10 W for 4 s, less 2 W idle: 32 J over 100 queries, by tier meter."""
    found = joined(log_of(np.arange(0, 60, 0.1), np.full(600, 10.0)), run_at(5.0, 20.0, 40.0))
    assert found.left_out == ()
    record = judged(RecordedRun(found.record, run_at(5.0, 20.0, 40.0).samples)).record
    channel = record.repeats[0].energy.channels[0]
    assert channel.joules_total == pytest.approx(40.0)
    assert channel.joules == pytest.approx(32.0)
    assert record.summary.energy.tier == "meter"
    assert record.summary.energy.joules_per_inference == pytest.approx(0.32)
    assert (record.meter.joined_from, record.meter.log) == (record.record_id, "m.csv")


def test_a_ramp_is_cut_where_the_window_is() -> None:
    """Watts = seconds: between 5.03 and 9.03 s the area is 4 × 7.03 J, wherever the readings are."""
    seconds = np.arange(0, 60, 0.7)
    found = joined(log_of(seconds, seconds), run_at(5.03), idle=None)
    channel = found.record.repeats[0].energy.channels[0]
    assert channel.joules_total == pytest.approx(4 * 7.03)
    assert channel.joules is None


def test_the_offset_moves_the_log() -> None:
    seconds = np.arange(0, 60, 0.1)
    found = joined(log_of(seconds, seconds), run_at(15.0), offset_s=10.0, idle=None)
    assert found.record.repeats[0].energy.channels[0].joules_total == pytest.approx(4 * 7.0)


@pytest.mark.parametrize(
    ("seconds", "begin", "why"),
    [
        (np.arange(0, 60, 0.1), 57.0, "does not cover"),
        (np.arange(0, 60, 0.1), -1.0, "does not cover"),
        (np.arange(0, 60, 0.1), None, "when the repeat began"),
        (np.arange(0, 60, 2.0), 5.0, "too short"),
        (np.delete(np.arange(0, 60, 0.1), np.arange(60, 75)), 5.0, "a gap of 1.6 s"),
    ],
)
def test_a_window_without_energy_says_why(seconds: Any, begin: float | None, why: str) -> None:
    found = joined(log_of(seconds, np.full(len(seconds), 3.0)), run_at(begin))
    assert not found.metered
    assert why in str(found.left_out[0])
    assert found.record.repeats[0].energy.channels == ()
    assert [(one.repeat, str(one.reason)) for one in found.record.meter.left_out] == [(1, str(found.left_out[0])[10:])]


def test_what_one_repeat_lacks_the_others_keep() -> None:
    found = joined(log_of(np.arange(0, 30, 0.1), np.full(300, 10.0)), run_at(5.0, 40.0))
    assert [len(repeat.energy.channels) for repeat in found.record.repeats] == [1, 0]
    assert "repeat 2" in str(found.left_out[0])


def test_a_chips_own_estimate_is_no_meter() -> None:
    found = joined(log_of(np.arange(0, 60, 0.1), np.full(600, 10.0), tier="sensor"), run_at(5.0, 20.0))
    record = judged(RecordedRun(found.record, run_at(5.0, 20.0).samples)).record
    assert record.summary.energy.tier == "sensor"


@pytest.mark.real
def test_a_real_meters_log_gives_its_known_joules(realdata: Path) -> None:
    """The whole of the log as one window: its joules as the folder's README states them."""
    log = read_log(realdata / "power" / "ptd_ranging_spl.txt", zone="UTC")
    span = float(log.seconds[-1])
    readings = Readings(log, Alignment("clock", 0.0, 0.0), ORIGIN_NS)
    window = RepeatEnergy(1, round(span * 1e9), None, (), ORIGIN_NS)
    assert readings.energy(window) == pytest.approx(5083.64, abs=0.01)


def test_what_power_was_between_readings_at_an_end_is_part_of_the_uncertainty() -> None:
    """A reading a second, and a step from 10 to 30 W in the second in which the repeat begins: half a second may have
    had 10 W and not 25 W on average, 7.5 J of 297.5 J. A steady power is known."""
    seconds = np.arange(0.0, 60.0)
    step = joined(log_of(seconds, np.where(seconds > 5, 30.0, 10.0)), run_at(5.5, seconds=10.0))
    assert step.record.repeats[0].energy.channels[0].joules_total == pytest.approx(297.5)
    assert step.record.repeats[0].energy.channels[0].doubt_joules == pytest.approx(7.5, rel=0.02)
    even = joined(log_of(seconds, np.full(60, 30.0)), run_at(5.5, seconds=10.0))
    assert even.record.repeats[0].energy.channels[0].doubt_joules == pytest.approx(0.0, abs=1e-9)


def test_a_short_prefill_pass_is_as_uncertain_as_its_own_window() -> None:
    """Five seconds within a step that both windows begin in: the same 7.5 J are 5 % of 150 J, and not 2.5 % as of the
    whole. Without the log the record is what it was."""
    seconds = np.arange(0.0, 60.0)
    run = run_at(5.5, seconds=10.0)
    (repeat,) = run.record.repeats
    prefill = RepeatEnergy(6, 5 * S, 1.0, (), ORIGIN_NS + int(5.5 * S))
    record = replace(run.record, repeats=(replace(repeat, prefill_energy=prefill),))
    found = joined(log_of(seconds, np.where(seconds > 5, 30.0, 10.0)), replace(run, record=record))
    (channel,) = found.record.repeats[0].prefill_energy.channels
    assert channel.joules_total == pytest.approx(147.5)
    assert channel.doubt_joules == pytest.approx(7.5, rel=0.02)
    assert without_meter(found.record) == record


def test_a_log_that_reads_nothing_is_not_exact() -> None:
    """A channel of the wrong sign: no fraction of its energy is known, and the energy is not valid."""
    run = run_at(5.0, 20.0, 40.0)
    record = joined(log_of(np.arange(0, 60, 0.1), np.full(600, -10.0)), run, idle=None).record
    record = judged(RecordedRun(record, run.samples)).record
    (reason,) = [one for one in record.verdict.reasons if one.code == "meter_uncertain"]
    assert reason.invalidates
    assert "is not above 0" in str(reason.message)
