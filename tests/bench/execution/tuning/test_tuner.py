"""The search with everything around it but processes: what a heat measures is computed, time passes when told."""

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.comparison.comparison import Word
from bench.contracts import Tunable
from bench.errors import InputError
from bench.execution.runner import Memo
from bench.execution.tuning import tuner as tuner_module
from bench.execution.tuning.budget import whole_minutes
from bench.execution.tuning.heats import Heat
from bench.execution.workbench import Bench
from bench.measure.repeat import MeasureJob
from bench.record.record import Failure
from bench.suite.plan import PlannedRun
from tests.support.tuning.fake_search import (
    CRASH,
    HANG,
    OPTIONS,
    SECOND,
    WORTH,
    FakeGathering,
    Machine,
    options_of,
    tuner_on,
)


def test_the_best_setting_whose_outputs_are_right_is_found(machine: Machine, tmp_path: Path) -> None:
    """``round`` is the fastest and wrong: dropped, with every combination that reached the second round; pace 2 with
    turbo is next, confirmed, and on the front with the figures of both scenarios."""
    found = tuner_on(machine, tmp_path).run()
    assert ("found", {"pace": "2", "turbo": "1"}, 0) == (found.end, found.best, found.status)
    assert all("round" in options for options in options_of(found, "wrong_outputs"))
    assert [] != options_of(found, "wrong_outputs")
    assert "tune.dropped" in [text.code for text in machine.told]
    best = found.tried[1]
    assert found.best == best.options
    assert 0.54 == pytest.approx(best.ratio)
    assert best.on_front
    assert {"latency_p50_ns", "throughput_per_s", "peak_rss_bytes", "sqnr_db"} <= best.figures.keys()
    assert 2e9 / (0.54 * 2e6) == pytest.approx(best.figures["throughput_per_s"])
    assert not found.tried[0].on_front
    assert found.own is not None
    assert "pace: 2\nturbo: 1\n" == found.own.text


def test_the_default_is_in_every_heat(machine: Machine, tmp_path: Path) -> None:
    """The first one is the default against itself."""
    tuner_on(machine, tmp_path).run()
    assert [{}, {}] == machine.heats[0]
    assert all(heat[0] == {} and {} not in heat[1:] for heat in machine.heats[1:])


def test_a_setting_that_crashes_is_named_and_the_search_goes_on(machine: Machine, tmp_path: Path) -> None:
    """Alone and in combinations."""
    found = tuner_on(machine, tmp_path, (*OPTIONS, CRASH)).run()
    assert {"pace": "2", "turbo": "1"} == found.best
    assert {"crash": "1"} in options_of(found, "failed")
    assert all("SIGSEGV" in str(one.reason) for one in found.tried if one.state == "failed")


def test_of_a_heat_that_hangs_the_setting_that_hangs_is_found_out(machine: Machine, tmp_path: Path) -> None:
    """The others wait for it and fail with it; each is measured again beside the default alone."""
    found = tuner_on(machine, tmp_path, (*OPTIONS[:1], HANG), budget_s=3600).run()
    assert {"pace": "2"} == found.best
    assert all("hang" in options for options in options_of(found, "failed"))
    assert not any("hang" in options for options in options_of(found, "measured"))


@pytest.mark.parametrize("budget_s", [130, 200, 300, 1000])
def test_the_budget_is_exceeded_by_no_more_than_a_measurement(machine: Machine, tmp_path: Path, budget_s: int) -> None:
    """With 1,023 settings and 1 s a process the search ends with enough left to confirm."""
    many = tuple(Tunable(name=f"o{i}", values=("1",)) for i in range(10))
    found = tuner_on(machine, tmp_path, many, budget_s=budget_s).run()
    assert found.used_ns <= (budget_s + 4) * SECOND
    assert 1024 == found.space
    assert 0 < found.drawn <= 48
    assert machine.heats[1:]


def test_settings_are_left_out_where_measurements_turn_out_slow(machine: Machine, tmp_path: Path) -> None:
    """Processes take five times as long after the first heat: what was drawn and not measured is said."""
    many = tuple(Tunable(name=f"o{i}", values=("1",)) for i in range(10))
    tuner, before = tuner_on(machine, tmp_path, many, budget_s=300), machine.measure

    def slower(*given: Any, **named: Any) -> Heat:
        found = before(*given, **named)
        machine.process_ns = 5 * SECOND
        return found

    tuner_module.measure = slower  # type: ignore[assignment]
    found = tuner.run()
    assert options_of(found, "left_out")
    assert found.used_ns <= 300 * SECOND + 4 * 5 * SECOND


def test_a_budget_that_is_too_short_is_refused_with_the_time_it_takes(machine: Machine, tmp_path: Path) -> None:
    """A process of 1 s: a fifth of a minute to half a minute is not enough; the budget that the remedy names is taken
    as it is written, and is more than the one that was refused."""
    for budget_s in (12, 30):
        with pytest.raises(InputError) as refused:
            tuner_on(machine, tmp_path, budget_s=budget_s).run()
        named = re.search(r"--budget (\d+)m", refused.value.remedy)
        assert named is not None
        assert 30 < 60 * int(named[1]) <= 180
        assert tuner_on(machine, tmp_path, budget_s=60 * int(named[1])).run().drawn >= 1


@pytest.mark.parametrize(("least_s", "minutes"), [(1, 1), (54, 1), (55, 2), (124, 3), (600, 11)])
def test_minutes_that_are_asked_for_suffice(least_s: int, minutes: int) -> None:
    """Rounded up, with a tenth for the next time: 124 s are not 2 minutes."""
    assert minutes == whole_minutes(least_s * SECOND)


def test_where_nothing_is_better_the_default_is_as_good_and_nothing_is_confirmed(
    machine: Machine, tmp_path: Path
) -> None:
    """Status 0, and the suite is that of the default."""
    machine.worth = dict.fromkeys(WORTH, 1.1)
    found = tuner_on(machine, tmp_path).run()
    assert ("default", {}, None, 0) == (found.end, found.best, found.confirmation, found.status)
    assert "tune.end.default.unmeasured" == found.reason.code


@pytest.mark.parametrize(
    ("word", "end", "code", "status"),
    [
        ("same", "default", "tune.end.default", 0),
        ("slower", "default", "tune.end.default.worse", 0),
        ("cannot_tell", "not_decided", "tune.end.not_decided", 3),
    ],
)
def test_what_the_confirmation_says_is_the_answer(
    machine: Machine, tmp_path: Path, word: Word, end: str, code: str, status: int
) -> None:
    """Whatever the search thought."""
    machine.confirmed = word
    found = tuner_on(machine, tmp_path).run()
    assert (end, code, status) == (found.end, found.reason.code, found.status)
    assert found.best == ({} if end == "default" else {"pace": "2", "turbo": "1"})


def test_a_confirmation_that_is_not_claimed_says_why(machine: Machine, tmp_path: Path) -> None:
    """A gain that was measured on a busy machine is not decided, and it is not the budget's fault."""
    machine.claimed = False
    found = tuner_on(machine, tmp_path).run()
    assert ("not_decided", "tune.end.not_decided.unclaimed", 3) == (found.end, found.reason.code, found.status)
    assert str(found.reason).endswith("the machine was busy")
    assert "budget" not in str(found.reason)


def test_after_an_interrupt_what_was_measured_is_there(machine: Machine, tmp_path: Path) -> None:
    """The best so far, said to be unconfirmed."""
    machine.interrupt_at = 4
    tuner = tuner_on(machine, tmp_path, OPTIONS[:2])
    with pytest.raises(KeyboardInterrupt):
        tuner.run()
    found = tuner.result("interrupted")
    assert ("interrupted", 3) == (found.end, found.status)
    assert "tune.end.interrupted.unmeasured" == found.reason.code
    assert len(options_of(found, "measured")) > 2
    assert found.best


def test_the_same_seed_measures_the_same_in_the_same_order(machine: Machine, tmp_path: Path) -> None:
    """Another seed another order."""
    heats = []
    for seed in (1, 1, 2):
        machine.heats.clear()
        tuner_on(machine, tmp_path, seed=seed).run()
        heats.append([list(heat) for heat in machine.heats])
    assert heats[0] == heats[1] != heats[2]


class BatchedGathering(FakeGathering):
    """Of the model with several samples a query; ``batch`` reaches the fake machine as an option."""

    def __init__(self, bench: Bench, run: PlannedRun, memo: Memo, say: object, passes: object) -> None:
        super().__init__(bench.workspace)
        ((size, *_),) = run.model.ask.shapes.values()
        self.batch = size

    def prepare(self) -> bool:
        return self.batch < 8

    @property
    def evidence(self) -> Any:
        class Ended:
            failure = Failure("compile", "out_of_memory", "too large", "")

        return Ended

    def network_job(self, in_turns: bool = False) -> MeasureJob:
        job = super().network_job(in_turns)
        return replace(job, request=replace(job.request, options={"size": str(self.batch)}))


def test_for_throughput_a_batch_counts_by_samples_and_one_that_cannot_be_prepared_is_dropped(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query of 4 samples takes 2.5 times as long: 1.6 times the samples a second. 8 do not fit the memory."""
    monkeypatch.setattr(tuner_module, "Gathering", BatchedGathering)
    machine.worth |= {("size", "2"): 1.6, ("size", "4"): 2.5}
    batch = Tunable(name="batch", values=("2", "4", "8"), intents=("throughput",))
    found = tuner_on(machine, tmp_path, (batch,), goal="throughput").run()
    assert {"batch": "4"} == found.best
    assert {"x": (4, 4)} == found.shapes
    assert [{"batch": "8"}] == options_of(found, "failed")
    assert [4 / 2.5, 2 / 1.6] == [pytest.approx(one.ratio) for one in found.tried[1:3]]
    assert found.tried[1].interval is not None
    assert 4 / 2.5 == pytest.approx(found.tried[1].interval[0])
    assert 1.6 * found.tried[0].figures["throughput_per_s"] == pytest.approx(found.tried[1].figures["throughput_per_s"])
    assert found.own is not None
    assert "batch" not in found.own.text
