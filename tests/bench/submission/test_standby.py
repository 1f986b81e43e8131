"""Power in standby, bounded from above by the idle power of a joined meter."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.record.energy import JoinedMeter, MeterIdle
from bench.record.record import RecordedRun
from bench.submission.criterion import Criterion
from bench.submission.decision import decide
from bench.submission.figures import Seen, figure_kind
from bench.testing.records import fake_run

METER = JoinedMeter(
    "spl.txt", "0" * 64, "ptd", "Watts", "meter", "marker", 0.0, 0.1, "a", idle_watts=1.5, stated_uncertainty=0.0
)
IDLE = MeterIdle("marker", readings=18, spread_watts=0.1, cooldown_s=2.0)


def run_with(meter: JoinedMeter | None) -> RecordedRun:
    run = fake_run("a", [np.full(100, 1_000_000)])
    return replace(run, record=replace(run.record, meter=meter))


def seen(path: str, **changes: Any) -> Seen:
    return figure_kind(path).see(run_with(replace(METER, idle=IDLE, **changes)))


def limit(path: str) -> Criterion:
    return Criterion(id="a", title="a", metric=path, direction="at_most", target=2, unit="W", weight=5)


@pytest.mark.parametrize(
    ("watts", "word"), [(1.5, "met"), (1.95, "cannot_tell"), (5.0, "cannot_tell")], ids=["below", "near", "above"]
)
def test_standby_may_meet_a_limit_and_never_misses_one(watts: float, word: str) -> None:
    """A device that is awake draws at least as much as in standby: above the limit nothing is known."""
    kind = figure_kind("meter.standby_watts")
    run = run_with(replace(METER, idle=IDLE, idle_watts=watts))
    found = decide(limit(kind.path), kind, kind.see(run), run.record)
    assert word == found.word
    assert (found.achievement is None) == (word == "cannot_tell")
    assert ("upper bound" in str(found.reason)) == (word == "cannot_tell")


def test_idle_power_is_as_uncertain_as_its_idle_times_differ() -> None:
    """By the range of the marker's idle times, and by what the meter states."""
    assert (1.4, 1.6) == pytest.approx((seen("meter.idle_watts").low, seen("meter.idle_watts").high))
    stated = seen("meter.idle_watts", stated_uncertainty=0.02)
    assert (1.37, 1.63) == pytest.approx((stated.low, stated.high))


@pytest.mark.parametrize("path", ["meter.idle_watts", "meter.standby_watts"])
def test_a_meter_of_unstated_uncertainty_decides_nothing(path: str) -> None:
    """Far below the limit, too; the reason says what to state."""
    kind, run = figure_kind(path), run_with(replace(METER, idle=IDLE, idle_watts=0.1, stated_uncertainty=None))
    found = decide(limit(path), kind, kind.see(run), run.record)
    assert found.word == "cannot_tell"
    assert "--meter uncertainty=" in str(found.reason)


@pytest.mark.parametrize(
    "meter", [None, METER, replace(METER, idle=MeterIdle("given"))], ids=["none", "clock", "given"]
)
def test_without_a_marker_there_is_no_idle_power(meter: JoinedMeter | None) -> None:
    """Neither without a meter, nor where the user stated the idle power."""
    found = figure_kind("meter.idle_watts").see(run_with(meter))
    assert found.value is None
    assert "marker" in str(found.reason)


@pytest.mark.parametrize(
    ("watts", "spread", "word", "why"),
    [(1.95, 0.1, "cannot_tell", "idle times"), (5.0, 0.1, "not_met", ""), (1.5, None, "cannot_tell", "one idle time")],
)
def test_idle_power_is_decided_by_what_its_idle_times_leave_open(
    watts: float, spread: float | None, word: str, why: str
) -> None:
    """No repeats make it known better, so the reason does not speak of an interval between processes."""
    kind = figure_kind("meter.idle_watts")
    run = run_with(replace(METER, idle_watts=watts, idle=replace(IDLE, spread_watts=spread)))
    found = decide(limit(kind.path), kind, kind.see(run), run.record)
    assert found.word == word
    assert why in str(found.reason)
