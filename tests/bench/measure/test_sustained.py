"""A sustained run on an exact clock: what is issued when, what is kept, and which figures follow."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from sustained import MINUTE_NS, MS, READ_NS, Device, noisy, played, run_of, sustained

from bench.contracts import Scenario
from bench.measure.long_run import Begun, LongRun
from bench.record.energy import Trace
from bench.record.record import Environment, Reason, RecordedRun
from bench.store.contradictions import refuse
from bench.store.derived import judged
from bench.words import Sentence

SECOND_NS = 1_000_000_000


class Noted(LongRun):
    """Keeps what the player does between its queries."""

    def __init__(self) -> None:
        self.looks: list[int] = []
        self.told: list[Sentence] = []
        self.kept: list[Begun] = []

    def look(self, now_ns: int) -> None:
        self.looks.append(now_ns)

    def tell(self, what: Callable[[float | None], Sentence]) -> None:
        self.told.append(what(61.5))

    def keep(self, begun: Begun) -> None:
        self.kept.append(begun)


def after(level: Callable[[float], float], scenario: Scenario, seed: int = 1, **changes: Any) -> RecordedRun:
    """The record of a device whose queries take so many milliseconds by the minute, with its figures and verdict."""
    return judged(run_of([played(Device(noisy(level, seed)), scenario)], scenario, **changes))


def slower(minute: float) -> float:
    """A fifth is lost at minute seven."""
    return 100 if minute < 7 else 125


def figures(run: RecordedRun) -> dict[str, Any]:
    return {name: figure.value for name, figure in run.record.summary.figures.items()}


def reasons(run: RecordedRun) -> dict[str, Reason]:
    assert run.record.verdict is not None
    return {reason.code: reason for reason in run.record.verdict.reasons}


def test_queries_follow_one_another_until_the_minutes_are_over() -> None:
    """Four minutes of a second a query: 240 of them, sixty in each minute."""
    steady = played(Device(lambda minute, number: SECOND_NS), sustained(4))
    assert 240 == steady.energy.queries == len(steady.arrays["latency_ns"])
    assert [60, 60, 60, 60] == np.bincount(steady.arrays["point"]).tolist()
    assert {SECOND_NS + READ_NS} == {*steady.arrays["latency_ns"].tolist()}
    assert 0 <= steady.duration_ns - 4 * MINUTE_NS < SECOND_NS


def test_each_minute_is_kept_as_it_ends() -> None:
    """The minutes together are the samples of the run; each says what there was when it ended."""
    noted, device = Noted(), Device(noisy(lambda minute: 50))
    steady = played(device, sustained(3), noted)
    assert [1, 2, 3] == [round(begun.duration_ns / MINUTE_NS) for begun in noted.kept]
    assert steady.energy.queries == noted.kept[-1].queries
    for role in ("latency_ns", "start_ns", "point"):
        whole = np.concatenate([begun.arrays[role] for begun in noted.kept])
        assert np.array_equal(whole, steady.arrays[role])


def test_the_device_is_looked_at_every_five_seconds() -> None:
    """And what happens is said as often: minute, rate and temperature."""
    noted = Noted()
    played(Device(lambda minute, number: 10 * MS), sustained(2), noted)
    assert [round(at / SECOND_NS) for at in noted.looks] == list(range(0, 125, 5))
    assert "minute 1 of 2, 99.8 queries/s, 62 °C" == str(noted.told[0])
    assert "minute 2 of 2" in str(noted.told[-2])


def test_a_long_run_is_looked_at_less_often() -> None:
    """An hour has 360 looks, one in ten seconds; longer runs have one a minute at least."""
    for minutes, looks in ((60, 361), (400, 401)):
        noted = Noted()
        played(Device(lambda minute, number: 10 * SECOND_NS - 2 * READ_NS), sustained(minutes), noted)
        assert abs(looks - len(noted.looks)) <= 1


def test_a_fast_model_keeps_every_kth_query() -> None:
    """By the pace of the warm-up, whatever the latencies are; the number of all queries is known."""
    steady = played(Device(noisy(lambda minute: 10)), sustained(2), most=1_000)
    (every,) = steady.arrays["kept_every"]
    whole = played(Device(noisy(lambda minute: 10)), sustained(2))
    assert every in (12, 13)
    assert np.array_equal(whole.arrays["start_ns"][::every], steady.arrays["start_ns"])
    assert np.array_equal(whole.arrays["latency_ns"][::every], steady.arrays["latency_ns"])
    assert whole.energy.queries == steady.energy.queries
    run = judged(run_of([steady], sustained(2)))
    refuse(run.record, run.samples, "r")


def test_at_a_rate_every_query_is_issued_when_it_is_due() -> None:
    """Ten a second, 20 ms each: due every 100 ms, issued when the clock has been read."""
    steady = played(Device(lambda minute, number: 20 * MS), sustained(2, rate_per_s=10))
    assert 1_200 == len(steady.arrays["due_ns"])
    assert np.array_equal(steady.arrays["due_ns"], np.arange(1_200) * 100 * MS)
    late = steady.arrays["start_ns"] - steady.arrays["due_ns"]
    assert 0 < late.min() <= late.max() <= 5 * READ_NS
    assert np.array_equal(steady.arrays["latency_ns"], late + 20 * MS + READ_NS)


def test_what_waits_while_another_runs_is_not_in_time() -> None:
    """Due every 100 ms, 250 ms each: the newest that waits is issued, at once, and its latency counts from when it was
    due. No query is in time, and the device does four a second."""
    scenario = sustained(2, rate_per_s=10)
    steady = played(Device(lambda minute, number: 250 * MS), scenario)
    assert [0, 2, 5, 7, 10, 12] == (steady.arrays["due_ns"][:6] // (100 * MS)).tolist()
    assert [250, 300, 250, 300] == (steady.arrays["latency_ns"][:4] // MS).tolist()
    assert 250 * MS < steady.arrays["latency_ns"].min() < steady.arrays["latency_ns"].max() < 350 * MS
    found = figures(judged(run_of([steady], scenario)))
    assert (0.0, None) == (found["steady_rate_per_s"], found["retained_fraction"])


def test_a_pause_before_the_warm_up_is_idle() -> None:
    """The device cools down for as long as was asked, before the first query."""
    device = Device(lambda minute, number: 10 * MS)
    played(device, sustained(2, cooldown_s=90))
    assert [90] == device.slept


def test_a_throttle_at_minute_seven_is_found() -> None:
    """Within a minute, and its size within 2 %: of 20 minutes with 5 % noise, a fifth slower from minute 7 on."""
    run = after(slower, sustained(20))
    found, summary = figures(run), run.record.summary.figures
    assert abs(found["time_to_throttle_ns"] - 7 * MINUTE_NS) < MINUTE_NS
    assert abs(found["retained_fraction"] - 0.8) < 0.8 * 0.02
    assert abs(found["steady_rate_per_s"] - 8) < 8 * 0.02
    assert all(summary[name].interval95 is not None for name in ("retained_fraction", "steady_rate_per_s"))
    told = reasons(run)["throttled"]
    assert "After 7.0 minutes the device lost 20 % of its speed" in told.message
    assert not told.invalidates


def test_a_throttled_device_may_still_be_in_time() -> None:
    """At four a second the same device answers every query in time: nothing is lost of what it delivers, and that it
    became slower is said."""
    run = after(slower, sustained(20, rate_per_s=4))
    assert abs(figures(run)["retained_fraction"] - 1) < 0.001
    assert abs(figures(run)["time_to_throttle_ns"] - 7 * MINUTE_NS) < MINUTE_NS


@pytest.mark.parametrize(
    "level",
    [
        pytest.param(lambda minute: 100, id="even"),
        pytest.param(lambda minute: 125 if 7 <= minute < 8 else 100, id="a dip that passes"),
        pytest.param(lambda minute: 100 if minute < 7 else 103, id="three per cent"),
        pytest.param(lambda minute: 125 if minute < 7 else 100, id="faster"),
    ],
)
def test_what_is_no_throttle(level: Callable[[float], float]) -> None:
    """Neither noise nor a minute of other work, nor a change that is too small, nor one for the better."""
    run = after(level, sustained(20))
    assert figures(run)["time_to_throttle_ns"] is None
    assert "throttled" not in reasons(run)


def test_a_gradual_loss_is_a_throttle_and_its_end_is_the_steady_rate() -> None:
    """From 10 to 8 queries a second within ten minutes, then even."""
    found = figures(after(lambda minute: 1000 / (10 - min(minute, 10) / 5), sustained(20)))
    assert 2 * MINUTE_NS < found["time_to_throttle_ns"] < 6 * MINUTE_NS
    assert abs(found["steady_rate_per_s"] - 8) < 0.08


def test_a_throttle_late_in_the_run_is_what_the_device_is_left_with() -> None:
    """In the last three of thirty minutes: the steady rate is theirs, and no mean of both."""
    found = figures(after(lambda minute: 100 if minute < 27 else 200, sustained(30)))
    assert abs(found["retained_fraction"] - 0.5) < 0.01


def test_several_processes_have_an_interval_between_them() -> None:
    """Of three runs that retain 0.79, 0.80 and 0.81 the interval is that of their spread, not of one run's slices."""
    levels = (100 / 0.79, 100 / 0.80, 100 / 0.81)
    steady = [played(Device(noisy(lambda m, slow=slow: 100 if m < 1 else slow)), sustained(3)) for slow in levels]
    found = judged(run_of(steady, sustained(3))).record.summary.figures["retained_fraction"]
    low, high = found.interval95 or (0, 0)
    assert abs((found.value or 0) - 0.80) < 0.005
    assert 0.77 < low < 0.785 < 0.815 < high < 0.83


def test_a_change_of_speed_is_no_doubt_of_a_sustained_run() -> None:
    """It neither drifted nor failed to converge: it is valid."""
    run = after(lambda minute: 20 if minute < 1 else 40, sustained(2))
    assert run.record.verdict is not None
    assert run.record.verdict.valid
    assert {"throttled", "single_process"} <= set(reasons(run))
    assert not {"drift", "not_converged"} & set(reasons(run))


def test_the_temperature_is_told_beside_the_throttle() -> None:
    """Of the zone that was hottest then; where others used the machine, that they may be the cause."""
    at = (0, 7 * MINUTE_NS)
    traces = (Trace("x86_pkg_temp", "celsius", at, (41.0, 97.0)), Trace("acpitz", "celsius", at, (30.0, 45.0)))
    told = reasons(after(slower, sustained(20), traces=traces))["throttled"]
    assert "x86_pkg_temp had risen from 41 °C to 97 °C." in told.message
    told = reasons(after(slower, sustained(20), traces=traces, cpu_busy_share=0.4))["throttled"]
    assert "Other processes used 40 % of the machine, so that the cause may be theirs." in told.message


def test_unplugged_midway_invalidates() -> None:
    """From mains to battery within the run; from battery to mains it does not."""
    even = Device(lambda minute, number: 100 * MS)
    steady = played(even, sustained(2))
    run = judged(run_of([steady], sustained(2), power_sources=("ac", "battery", "ac")))
    assert run.record.verdict is not None
    assert "unplugged_midway" in run.record.verdict.invalidating
    plugged = run_of([steady], sustained(2), power_sources=("battery", "ac"))
    environment = Environment(power_source="battery")
    plugged = judged(RecordedRun(replace(plugged.record, environment=environment), plugged.samples))
    assert "unplugged_midway" not in reasons(plugged)
