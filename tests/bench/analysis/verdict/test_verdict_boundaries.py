"""Where the verdict's codes begin and end, case by case."""

import numpy as np
import pytest
from judged_runs import (
    CACHED,
    FALLBACK,
    FRESH,
    QUICK,
    STEP,
    WILD,
    codes,
    generating,
    judged,
    lost,
    offline,
    planned,
    repeats_with,
    replace,
    run_of,
    run_of_many,
    sound_record,
    steady,
    with_set_aside,
)

from bench.analysis.verdict.judge import judge
from bench.record.evidence import Determinism, RepeatedInput
from bench.record.quality import LeftOut
from bench.record.record import Environment, Fidelity, PlacementSummary, RecordedRun, Scenario


class TestBoundaries:
    def test_skipped_run(self) -> None:
        """A skipped run without a failure says that it was skipped."""
        verdict = judge(run_of(replace(sound_record(), status="skipped"), []))
        assert [reason.message for reason in verdict.reasons] == ["the run was skipped"]

    def test_no_samples_at_all(self) -> None:
        """A run without samples is too small for any percentile, and nothing else breaks."""
        assert codes(judge(run_of(series=[]))) == ["too_few_samples"]

    def test_percentile_outside_the_table(self) -> None:
        """A percentile that the table does not list has its least count computed: p75 needs 24."""
        record = planned(sound_record(), rule=replace(QUICK, percentile=75, precision=1.0))
        short = [steady(i, 7) for i in range(3)]
        assert "The run measured 21 queries; a p75 needs 24." in [
            r.message for r in judge(run_of(record, short)).reasons
        ]

    def test_fixed_number_of_queries(self) -> None:
        """Where a fixed number of queries was asked for, no convergence was."""
        record = planned(sound_record(), rule=replace(QUICK, min_queries=300, max_queries=300))
        assert codes(judge(run_of(record, [WILD, WILD, WILD]))) == []

    @pytest.mark.parametrize(
        ("factor", "expected", "valid"),
        [(1.05, [], True), (1.15, ["processes_differ"], True), (1.2, ["processes_differ"], False)],
    )
    def test_processes_that_differ(self, factor: float, expected: list[str], valid: bool) -> None:
        """Within the preset's 10 % nothing is said; beyond a quarter the figure is not known."""
        verdict = judge(run_of(series=[steady(0), (factor * steady(1)).astype(np.int64), steady(2)]))
        assert (expected, valid) == (codes(verdict), verdict.valid)

    def test_offline_processes_differ_by_their_throughput(self) -> None:
        """300 queries in 1 s, 1 s and 2 s."""
        record = planned(sound_record(), scenario=Scenario("offline"))
        slow = repeats_with(record, duration_ns=2 * 10**9)
        assert codes(judge(run_of(record))) == []
        (reason,) = judge(run_of(slow)).reasons
        assert ("processes_differ", False) == (reason.code, not reason.invalidates)
        assert reason.message.startswith("The throughput of 3 processes was 150 to 300 queries/s: it is known to ")

    def test_beyond_twofold_it_is_a_factor(self) -> None:
        """Per cent more say little by then."""
        (reason,) = judge(run_of(series=[steady(0), 4 * steady(1), 8 * steady(2)])).reasons
        assert "The p50 of 3 processes was 0.998 to 7.99 ms: it is known to a factor of 14; the" in reason.message

    def test_two_processes_are_too_few_to_reject(self) -> None:
        """4 % apart they leave the figure known to 29 %, and no machine is so quiet: it is told, and no more."""
        record = replace(sound_record(), repeats=sound_record().repeats[:2])
        verdict = judge(run_of(record, [steady(0), (1.04 * steady(1)).astype(np.int64)]))
        assert (["processes_differ"], True) == (codes(verdict), verdict.valid)

    def test_no_measurable_time_is_the_timers_matter(self) -> None:
        """Of 0 ns no spread is made up."""
        assert codes(judge(run_of(series=[np.zeros(300, np.int64), steady(1), steady(2)]))) == ["timer_too_coarse"]

    def test_one_process_differs_from_none(self) -> None:
        """One repeat shows no spread: nothing is made up, and that is said."""
        record = replace(sound_record(), repeats=sound_record().repeats[:1])
        assert codes(judge(run_of(record, [steady(0)]))) == ["single_process"]

    @pytest.mark.parametrize(("converged", "expected"), [(True, []), (False, ["not_converged"])])
    def test_offline_converges_by_throughput(self, converged: bool, expected: list[str]) -> None:
        """Offline, latencies may vary as they like; the repeat's own judgement of its throughput counts."""
        assert expected == codes(judge(run_of(offline(converged), [WILD, WILD, WILD])))

    @pytest.mark.parametrize(
        ("others", "apart", "valid"), [(9, 1.0, False), (10, 1.0, True), (10, 1.6, False)], ids=str
    )
    @pytest.mark.parametrize(("restless", "code"), [(WILD, "not_converged"), (STEP, "drift")], ids=["wild", "step"])
    def test_one_repeat_among_many_that_did_not_settle(
        self, restless: np.ndarray, code: str, others: int, apart: float, valid: bool
    ) -> None:
        """One of ten makes the verdict negative; one of eleven is said and no more, if all of them together leave the
        figure as sure as the preset asks."""
        calm = [(steady(i) * (apart if i % 2 else 1.0)).astype(np.int64) for i in range(others)]
        verdict = judge(run_of_many(restless, *calm))
        found = {reason.code: reason.invalidates for reason in verdict.reasons}
        assert (not valid) is found[code]
        assert valid == verdict.valid

    def test_nobody_chooses_among_the_repeats(self) -> None:
        """A repeat that was set aside though nothing disturbed it makes the verdict negative."""
        assert judge(run_of(with_set_aside(0.25))).valid
        verdict = judge(run_of(with_set_aside(0.25, 0.24)))
        assert (["repeats_set_aside"], False) == (codes(verdict), verdict.valid)
        assert verdict.reasons[0].message.endswith("Not disturbed: 1 of them, so the record was edited.")

    @pytest.mark.parametrize(("share", "expected", "valid"), [(0.09, [], True), (0.2, ["host_busy"], True)])
    def test_host_a_little_busy(self, share: float, expected: list[str], valid: bool) -> None:
        """Below a tenth of the machine nothing is said; below a quarter it is said and does not weigh."""
        verdict = judge(run_of(repeats_with(sound_record(), cpu_busy_share=share)))
        assert (codes(verdict), verdict.valid) == (expected, valid)

    @pytest.mark.parametrize(
        ("reason", "count", "valid"),
        [("class id 817 is outside", 13, False), ("class id 817 is outside", 12, True), ("has no label", 99, True)],
    )
    def test_labels_of_another_model(self, reason: str, count: int, valid: bool) -> None:
        """A dataset of which more could not be judged than was, though labelled, is not this model's."""
        left = tuple(LeftOut(f"{i}.jpg", "labels.json", reason) for i in range(count))
        verdict = judge(run_of(judged(left_out=left)))
        assert (["dataset_incomplete"], valid) == (codes(verdict), verdict.valid)

    def test_strict_placement(self) -> None:
        """Fallback makes the verdict negative where placement was to be strict."""
        run = run_of(replace(sound_record(), placement=FALLBACK))
        assert not judge(RecordedRun(planned(run.record, strict_placement=True), run.samples)).valid

    def test_fallback_without_macs(self) -> None:
        """Where MACs are not known, nodes alone are told; more than three operators are cut short."""
        placement = PlacementSummary("HTP", {"HTP": 6, "CPU": 4}, None, ("A a", "B b", "C c", "D d"))
        reasons = judge(run_of(replace(sound_record(), placement=placement))).reasons
        assert [r.message for r in reasons] == ["4 of 10 nodes ran on another device than HTP: A a, B b, C c …."]

    def test_placement_unknown(self) -> None:
        """A runtime that cannot say where nodes ran is not accused of fallback."""
        assert codes(judge(run_of(replace(sound_record(), placement=None)))) == []

    def test_small_drift(self) -> None:
        """3 % from first to last is told apart, and is no reason."""
        series = np.concatenate([steady(8, 150), (1.03 * steady(9, 150)).astype(np.int64)])
        assert codes(judge(run_of(series=[series, series, series]))) == []

    def test_speeding_up_is_drift(self) -> None:
        """A series that becomes 15 % faster was not warmed up."""
        series = np.concatenate([(1.15 * steady(8, 150)).astype(np.int64), steady(9, 150)])
        messages = {reason.code: reason.message for reason in judge(run_of(series=[series])).reasons}
        assert "faster than the first" in messages["drift"]

    def test_queries_without_time(self) -> None:
        """A query of 0 ns was not timed."""
        series = steady(0)
        series[5] = 0
        assert "timer_too_coarse" in codes(judge(run_of(series=[series, steady(1), steady(2)])))

    def test_sensor_lost_in_its_own_pass(self) -> None:
        """A power sensor sampled in a pass of its own is looked at too."""
        assert codes(judge(run_of(lost("power_pass")))) == ["sensor_lost"]

    def test_tokens_reported_only(self) -> None:
        """Tokens compared in a lower precision are told with their count, and do not weigh."""
        fidelity = Fidelity("ort:cpu", token_prefix=12, tokens_compared=32, reason="rounding")
        verdict = judge(run_of(replace(generating(32), fidelity=fidelity)))
        assert [r.message for r in verdict.reasons] == [
            "Compared with ort:cpu: equal before the first difference: 12 of 32 tokens; rounding."
        ]
        assert verdict.valid

    def test_outputs_that_differ_by_rounding(self) -> None:
        """Kernels whose sums change order are told, and do not weigh."""
        found = Determinism(2, False, ("y",), 1e-6, 0.9999999, True)
        verdict = judge(run_of(replace(sound_record(), determinism=found)))
        assert (["nondeterministic_output"], True) == (codes(verdict), verdict.valid)
        assert "which rounding explains" in verdict.reasons[0].message

    def test_tokens_that_change(self) -> None:
        """Greedy tokens that are not the same again make the verdict negative, and the first is named."""
        found = Determinism(2, False, ("tokens",), within_rounding=False, first_difference=7)
        verdict = judge(run_of(replace(sound_record(), determinism=found)))
        assert "The same input was run 2 times: token 7 differed." == verdict.reasons[0].message
        assert not verdict.valid

    def test_a_cache_of_inputs_that_come_back(self) -> None:
        """What is fast only when it comes back later is found as well."""
        record = replace(sound_record(), repeated_input=RepeatedInput(FRESH, FRESH, CACHED))
        assert "An input that came back took 10 % of the time" in judge(run_of(record)).reasons[0].message

    def test_clocks_that_cannot_be_read(self) -> None:
        """Without a reading nothing is said of clocks."""
        repeats = tuple(replace(repeat, frequency_mhz=()) for repeat in sound_record().repeats)
        assert [] == codes(judge(run_of(replace(sound_record(), repeats=repeats))))

    def test_on_battery_without_charge(self) -> None:
        """An unknown charge is not made up."""
        record = replace(sound_record(), environment=Environment(power_source="battery"))
        assert [r.message for r in judge(run_of(record)).reasons] == ["The machine ran on battery."]

    def test_power_source_unknown(self) -> None:
        """A power source that cannot be read is no reason."""
        assert codes(judge(run_of(replace(sound_record(), environment=Environment())))) == []
