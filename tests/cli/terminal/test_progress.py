"""What the terminal shows while a suite is measured: which run, which repeat, why one more, and for how long."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.cli.terminal.progress import Drawn, Expected, expected_seconds, most_repeats, span_text, total_seconds
from bench.contracts import Device
from bench.plugins import PluginRef
from bench.record.evidence import Alternation, RepeatRule
from bench.record.record import Failure, Scenario
from bench.scenarios.lasting import lasting_of
from bench.suite.plan import ModelChoice, Plan, PlannedRun, TargetChoice
from bench.suite.presets import PRESETS, emulated_rule, idling_rule, lasting_rule
from bench.suite.suite import ModelAsk
from bench.testing import FakeClock
from bench.testing.records import fake_run

QUICK = PRESETS["quick"]
SECOND_NS = 1_000_000_000


def planned(device: str = "cpu", repeats: RepeatRule = QUICK.repeats) -> PlannedRun:
    target = TargetChoice(PluginRef("targets", "null", "", ""), Device(device, True), {}, ("onnx",), ("tensor",))
    model = ModelChoice(ModelAsk("fake"), PluginRef("models", "fake", "", ""), "tensor", ("onnx",))
    run = PlannedRun(model, target, Scenario("single-stream"), QUICK.rule, "quick", repeats.fewest, 0)
    return replace(run, repeat_rule=repeats)


class FakeBar:
    """Remembers what it was told to show."""

    def __init__(self) -> None:
        self.shown: dict[str, Any] = {}
        self.printed: list[str] = []
        self.console = SimpleNamespace(print=lambda text, **_: self.printed.append(text))

    def add_task(self, description: str, **fields: Any) -> int:
        self.shown = {"description": description, **fields}
        return 0

    def update(self, task: int, **fields: Any) -> None:
        self.shown |= fields


class TestExpected:
    def test_the_fewest_at_their_shortest_to_the_most(self) -> None:
        """Six repeats of 1.4 s to six of 8 s, or to the time for repeats and one more; and 4 s before."""
        assert (12.4, 52.0) == pytest.approx(expected_seconds(planned()))
        tight = replace(QUICK.repeats, budget_ns=100 * SECOND_NS)
        assert 4 + 108.0 == pytest.approx(expected_seconds(planned(repeats=tight)).most)

    def test_a_fixed_number_is_no_more_than_itself(self) -> None:
        """Two repeats of 8 s at most."""
        assert (4 + 2.8, 4 + 16.0) == pytest.approx(expected_seconds(planned(repeats=RepeatRule(2, 2))))

    def test_end_to_end_measures_the_network_and_the_overlap_too(self) -> None:
        """Steady states of 1 to 4 s: a quarter of each for the network, and 2 s overlapped; in alternation neither."""
        rule = replace(QUICK.rule, min_duration_ns=SECOND_NS, max_duration_ns=4 * SECOND_NS)
        one = replace(planned(repeats=RepeatRule(2, 2)), rule=rule)
        staged = replace(one, scenario=Scenario("end-to-end"))
        least, most = expected_seconds(one)
        assert (least + 2 * (0.25 + 2), most + 2 * 3) == pytest.approx(expected_seconds(staged))
        turns = replace(staged, alternation=Alternation("g", "new"))
        assert (least, most) == pytest.approx(expected_seconds(turns))

    def test_no_more_repeats_than_there_is_time_for(self) -> None:
        """Where the fewest take more than the preset's time for repeats, as after long idle times, they are all."""
        idle = Scenario("wake", parameters={"idle_ms": (60_000,), "wakes": 3})
        waking = replace(planned(), scenario=idle, rule=idling_rule(QUICK.rule, idle))
        assert (QUICK.repeats.fewest, QUICK.repeats.most) == (most_repeats(waking), most_repeats(planned()))

    def test_what_is_skipped_takes_no_time(self) -> None:
        """And an emulated run its own."""
        skipped = replace(planned(), skip=Failure("plan", "unavailable", "", ""))
        device = replace(planned().target, device=Device("emu", True, emulated=True))
        emulated = replace(planned(), target=device, rule=emulated_rule())
        assert (0, 0) == expected_seconds(skipped)
        assert (10, 30) == expected_seconds(emulated)
        assert (10 + 12.4, 30 + 52.0) == pytest.approx(total_seconds([skipped, emulated, planned()]))

    def test_beside_a_yardstick_it_takes_twice_as_long(self) -> None:
        """An emulated run has none."""
        device = replace(planned().target, device=Device("emu", True, emulated=True))
        emulated = replace(planned(), target=device, rule=emulated_rule())
        assert (10 + 2 * 12.4, 30 + 2 * 52.0) == pytest.approx(total_seconds([emulated, planned()], beside=True))

    def test_in_words(self) -> None:
        """A span, or one time."""
        assert "0:35 to 2:10" == span_text(Expected(35, 130))
        assert "1:00" == span_text(Expected(60, 60))


def test_what_is_left_of_a_run_of_half_an_hour() -> None:
    """4 s before it, 1.1 to 3 s around it, and 30 minutes, of which ten are over; then all of them."""
    bar, clock = FakeBar(), FakeClock()
    drawn = Drawn(bar, clock.seconds)
    scenario = Scenario("sustained", parameters={"minutes": 30})
    lasting = lasting_of(scenario)
    assert lasting is not None
    rule = lasting_rule(QUICK.rule, lasting, 1)
    run = replace(planned(repeats=RepeatRule(1, 1)), scenario=scenario, rule=rule)
    drawn.planned(Plan((run,)))
    drawn.began(0, run)
    assert ("about 30:05 to 30:07 left", 1.0) == (bar.shown["left"], drawn.every_seconds())
    clock.advance(4 * SECOND_NS)
    drawn.turn(0, run)
    assert drawn.every_seconds() == 5.0
    clock.advance(601 * SECOND_NS)
    drawn.step("minute 10 of 30, 31.2 queries/s, 61 °C")
    assert "[1/1] fake on null:cpu: minute 10 of 30, 31.2 queries/s, 61 °C" == bar.shown["description"]
    assert "about 20:00 to 20:02 left" == bar.shown["left"]
    assert 605 / 1805 == pytest.approx(bar.shown["completed"] / bar.shown["total"], abs=0.001)
    clock.advance(1200 * SECOND_NS)
    drawn.step("minute 30 of 30, 31.2 queries/s, 61 °C")
    assert "about 0:00 to 0:02 left" == bar.shown["left"]


def test_what_is_shown_of_rounds() -> None:
    """The run and its repeat, why there is one more, and a time left that shrinks; each record as it is written."""
    bar, clock = FakeBar(), FakeClock()
    drawn = Drawn(bar, clock.seconds)
    runs = (planned("a"), planned("b"))
    drawn.planned(Plan(runs))
    drawn.began(0, runs[0])
    assert "[1/2] fake on null:a: starting" == bar.shown["description"]
    assert "about 0:25 to 1:44 left" == bar.shown["left"]
    clock.advance(4 * SECOND_NS)
    drawn.began(1, runs[1])
    clock.advance(4 * SECOND_NS)
    for repeat in range(6):
        for index, run in enumerate(runs):
            drawn.turn(index, run)
            drawn.step(f"repeat {repeat + 1} of 6")
            clock.advance(SECOND_NS)
    drawn.turn(1, runs[1])
    drawn.step("repeat 7, at most 24 (known to 18 %, asked 10 %)")
    assert "[2/2] fake on null:b: repeat 7, at most 24 (known to 18 %, asked 10 %)" == bar.shown["description"]
    least, most = expected_seconds(runs[0])
    assert f"about {span_text(Expected(2 * (least - 10), 2 * (most - 10)))} left" == bar.shown["left"]
    assert 0 < bar.shown["completed"] <= bar.shown["total"]
    drawn.written(0, fake_run("a", [np.full(20, 1_000_000)]))
    assert ["[1/2] fake on null:a: ok"] == bar.printed
    drawn.step("repeat 7")
    assert f"about {span_text(Expected(least - 10, most - 10))} left" == bar.shown["left"]
