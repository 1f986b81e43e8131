"""The verdict: every code is provoked, stays silent on a sound run, and weighs as it is stated to."""

from typing import Any

import msgspec
import numpy as np
import pytest

from bench.energy_record import ChannelReading, RepeatEnergy
from bench.measure.stopping import PRESETS, emulated_rule
from bench.quality.record import DatasetFacts, LeftOut, Quality
from bench.record import (
    SCHEMA_VERSION,
    Environment,
    Failure,
    Fidelity,
    Harness,
    Phases,
    PlacementSummary,
    PlannedModel,
    PlannedTarget,
    PlanPart,
    Reason,
    Record,
    RecordedRun,
    Repeat,
    SampleArrays,
    Scenario,
    Summary,
    TextGeneration,
    Tool,
    Verdict,
    Warmup,
)
from bench.record_evidence import Determinism, RepeatedInput
from bench.record_json import decode, encode
from bench.verdict import CHECKS, CODES, judge

QUICK = PRESETS["quick"].rule
TIMING = {code for code, known in CODES.items() if known.timing}
replace = msgspec.structs.replace


def steady(seed: int, n: int = 300) -> np.ndarray:
    """A sound series: 1 ms with 2 % noise."""
    return (1e6 * np.random.default_rng(seed).lognormal(0, 0.02, n)).astype(np.int64)


def sound_record() -> Record:
    """A run about which there is nothing to say."""
    repeats = tuple(
        Repeat(
            Phases(runtime_import=1, compile=1, first_inference=1),
            warmup=Warmup(20, 10**8, True),
            energy=RepeatEnergy(300, 10**9, channels=(ChannelReading("rapl", "package-0", "package", 2.0),)),
            samples=SampleArrays(300, {"latency_ns": f"r{i}/latency_ns", "start_ns": f"r{i}/start_ns"}),
            duration_ns=10**9,
            converged=True,
            cpu_busy_share=0.02,
            frequency_mhz=(3000.0, 2900.0),
        )
        for i in range(3)
    )
    return Record(
        schema_version=SCHEMA_VERSION,
        record_id="r",
        created_utc="2026-01-01T00:00:00Z",
        status="ok",
        tool=Tool("ondevice-bench", "0"),
        plan=PlanPart(
            PlannedModel("m", "tensor"),
            PlannedTarget("ort:cpu", "ort", "cpu"),
            Scenario("single-stream"),
            preset="quick",
            rule=QUICK,
            seed=0,
            repeats=3,
        ),
        environment=Environment(power_source="ac", battery_percent=80),
        repeats=repeats,
        placement=PlacementSummary("CPU", {"CPU": 10}),
        fidelity=Fidelity("ort:cpu", inputs=3, cosine_min=1.0, ok=True),
        determinism=Determinism(2, True),
        repeated_input=RepeatedInput((1_000, 1_020, 990, 1_010), (950, 1_000, 980, 1_000), (1_010, 990, 1_000, 1_020)),
        harness=Harness(100),
    )


def run_of(record: Record | None = None, series: list[np.ndarray] | None = None) -> RecordedRun:
    """``record`` with one series a repeat."""
    parts = [steady(i) for i in range(3)] if series is None else series
    samples = {f"r{i}/latency_ns": part for i, part in enumerate(parts)}
    samples |= {f"r{i}/start_ns": np.cumsum(part) - part[0] for i, part in enumerate(parts) if len(part)}
    return RecordedRun(record or sound_record(), samples)


def planned(record: Record, **changes: Any) -> Record:
    return replace(record, plan=replace(record.plan, **changes))


def repeats_with(record: Record, **changes: Any) -> Record:
    """Only the second repeat is changed."""
    first, second, *rest = record.repeats
    return replace(record, repeats=(first, replace(second, **changes), *rest))


def generating(tokens: int) -> Record:
    """A text generation asked for 32 tokens that brought so many."""
    record = planned(sound_record(), scenario=Scenario("single-stream", prompt_tokens=16, generate_tokens=32))
    return replace(record, summary=Summary(text_generation=TextGeneration(16, tokens, ())))


def saying(*ids: int) -> Record:
    """A text generation whose first prompt gave these tokens."""
    record = planned(sound_record(), scenario=Scenario("single-stream", prompt_tokens=16, generate_tokens=len(ids)))
    return replace(record, summary=Summary(text_generation=TextGeneration(16, len(ids), ids)))


def lost(role: str) -> Record:
    """A sensor that was lost in the repeat's window (energy) or in the pass of its own (power_pass)."""
    reading = ChannelReading("hwmon", "vdd", "board", lost=True)
    return repeats_with(sound_record(), **{role: RepeatEnergy(300, 10**9, channels=(reading,))})


def judged(left_out: tuple[LeftOut, ...] = (), **changes: Any) -> Record:
    """A run whose quality was judged on twelve photographs, on the file and target that were measured."""
    record = planned(sound_record(), model=PlannedModel("m", "tensor", sha256="a" * 64))
    dataset = DatasetFacts("photos", "classification", "d" * 64, 12, left_out)
    return replace(record, quality=replace(Quality(dataset, "a" * 64, "ort:cpu"), **changes))


def offline(converged: bool) -> Record:
    return repeats_with(planned(sound_record(), scenario=Scenario("offline")), converged=converged)


EMULATED = planned(
    sound_record(),
    target=PlannedTarget("qnn:htp-emu", "qnn", "htp-emu", emulated=True),
    rule=emulated_rule(),
)
STEP = np.concatenate([steady(8, 150), (1.15 * steady(9, 150)).astype(np.int64)])
WILD = (1e6 * np.random.default_rng(3).lognormal(0, 0.8, 300)).astype(np.int64)
FRESH = tuple(1_000_000 + 10_000 * i for i in range(-4, 4))
CACHED = tuple(f // 10 + 1_000 * (i % 3 - 1) for i, f in enumerate(FRESH))
FALLBACK = PlacementSummary("HTP", {"HTP": 7, "CPU": 3}, {"HTP": 90, "CPU": 10}, ("Resize a", "Resize b", "Cast c"))

PROVOKED: dict[str, tuple[RecordedRun, str]] = {
    "not_measured": (
        run_of(replace(sound_record(), status="failed", failure=Failure("compile", "crashed", "It crashed.", ""))),
        "It crashed.",
    ),
    "too_few_samples": (
        run_of(series=[steady(0, 3), steady(1, 3), steady(2, 4)]),
        "10 queries were measured; a p50 needs 11.",
    ),
    "not_converged": (
        run_of(series=[steady(0), WILD, steady(2)]),
        "1 of 3 repeats ended before the p50 was known to 10 %",
    ),
    "processes_differ": (
        run_of(series=[steady(0), (1.3 * steady(1)).astype(np.int64), steady(2)]),
        "The p50 of 3 processes was 0.998 to 1.3 ms: it is known to 46 %, and the preset asks for 10 %, which takes 13 "
        "repeats.",
    ),
    "drift": (
        run_of(series=[steady(0), STEP, steady(2)]),
        "1 of 3 repeats drifted: the last third was up to 15 % slower",
    ),
    "not_steady": (
        run_of(repeats_with(sound_record(), warmup=Warmup(20, 10**9, False))),
        "1 of 3 warm-ups ended unsteady, the longest after 1 s.",
    ),
    "host_busy": (run_of(repeats_with(sound_record(), cpu_busy_share=0.5)), "used up to 50 % of the machine"),
    "on_battery": (
        run_of(replace(sound_record(), environment=Environment(power_source="battery", battery_percent=41))),
        "The machine ran on battery, charged to 41 %.",
    ),
    "timer_too_coarse": (
        run_of(replace(sound_record(), harness=Harness(200_000))),
        "The loop itself takes 200.00 µs, which is 20 % of the median of 9",
    ),
    "frequency_changed": (
        run_of(repeats_with(sound_record(), frequency_mhz=(3000.0, 2400.0))),
        "the fastest core ran at 2400 to 3000 MHz, 20 % apart, over 6 readings.",
    ),
    "cached_results": (
        run_of(replace(sound_record(), repeated_input=RepeatedInput(FRESH, CACHED, FRESH))),
        "An input run again at once took 10 % of the time of a new one, 100 against 995 µs in 8 rounds",
    ),
    "nondeterministic_output": (
        run_of(replace(sound_record(), determinism=Determinism(2, False, ("y",), 0.5, 0.8, False))),
        "The same input was run 2 times: y differed by up to 0.5, cosine 0.800000.",
    ),
    "output_mismatch": (
        run_of(replace(sound_record(), fidelity=Fidelity("ort:cpu", ok=False, rule="float32", reason="y: cosine 0.5"))),
        "Against ort:cpu (float32): y: cosine 0.5.",
    ),
    "output_unchecked": (
        run_of(replace(sound_record(), fidelity=None)),
        "The outputs were not held against a reference.",
    ),
    "quality_of_another": (
        run_of(judged(artifact_sha256="b" * 64)),
        "Measured and judged differ: file.",
    ),
    "dataset_incomplete": (
        run_of(judged(left_out=(LeftOut("road.jpg", "labels.json", "has no label"),))),
        "1 of 13 samples of photos left out: road.jpg: has no label (labels.json).",
    ),
    "short_generation": (run_of(generating(20)), "20 tokens were generated; 32 were asked for."),
    "degenerate_generation": (
        run_of(saying(1, 2, 3, 4, *(8, 9) * 12)),
        "From token 5 of 28 on, the same 2 came over and over.",
    ),
    "fallback": (
        run_of(replace(sound_record(), placement=FALLBACK)),
        "3 of 10 nodes ran elsewhere than on HTP, with 10 % of the multiply-accumulates: Resize a, Resize b, Cast c.",
    ),
    "sensor_lost": (run_of(lost("energy")), "No energy from hwmon vdd: a reading was lost."),
    "emulated": (run_of(EMULATED, [steady(0, 3)]), "qnn:htp-emu is an emulator"),
}


SILENT: dict[str, RecordedRun] = {
    "not_measured": run_of(),
    "too_few_samples": run_of(series=[steady(0, 6), steady(1, 6), steady(2, 6)]),
    "not_converged": run_of(series=[(1e6 * np.random.default_rng(i).lognormal(0, 0.2, 300)) for i in range(3)]),
    "processes_differ": run_of(series=[steady(0), (1.05 * steady(1)).astype(np.int64), steady(2)]),
    "drift": run_of(
        series=[(1e6 * (1 + np.random.default_rng(i).pareto(1.5, 900))).astype(np.int64) for i in range(3)]
    ),
    "not_steady": run_of(repeats_with(sound_record(), warmup=Warmup(3, 10**9, True))),
    "host_busy": run_of(repeats_with(sound_record(), cpu_busy_share=0.09)),
    "frequency_changed": run_of(repeats_with(sound_record(), frequency_mhz=())),
    "cached_results": run_of(
        replace(sound_record(), repeated_input=RepeatedInput(FRESH, tuple(int(0.8 * f) for f in FRESH), FRESH))
    ),
    "on_battery": run_of(replace(sound_record(), environment=Environment(power_source="ac", battery_percent=3))),
    "timer_too_coarse": run_of(replace(sound_record(), harness=Harness(90_000))),
    "output_mismatch": run_of(replace(sound_record(), fidelity=Fidelity("ort:cpu", cosine_min=0.99, ok=True))),
    "nondeterministic_output": run_of(replace(sound_record(), determinism=Determinism(2, True))),
    "output_unchecked": run_of(replace(sound_record(), fidelity=Fidelity("ort:cpu", ok=False))),
    "short_generation": run_of(generating(32)),
    "degenerate_generation": run_of(saying(*range(20), 7, 7, 7, 7)),
    "quality_of_another": run_of(judged()),
    "dataset_incomplete": run_of(judged()),
    "fallback": run_of(replace(sound_record(), placement=PlacementSummary("HTP", {"HTP": 10}))),
    "sensor_lost": run_of(),
    "emulated": run_of(planned(sound_record(), target=PlannedTarget("qnn:htp", "qnn", "htp"))),
}
"""For each code a run that comes close to it, or is like it in kind, and must not be given it."""

ALONG_WITH = {"too_few_samples": {"not_converged"}, "drift": {"not_converged", "processes_differ"}}
"""Too few queries bound no median, and of a series that moves each query says
little that its neighbour has not, and the whole is another than those that did not move."""


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_sound_run_has_no_reasons() -> None:
    """Every check stays silent on a sound run, which is valid."""
    assert judge(run_of()) == Verdict(valid=True, emulated=False)


def test_every_code_is_provoked() -> None:
    """The table of this test, the codes and the checks name the same codes."""
    assert set(CODES) == set(PROVOKED) == set(CHECKS) | {"not_measured"}


@pytest.mark.parametrize(
    ("changes", "differs"),
    [({"target": "openvino:CPU"}, "target"), ({"options_effective": {"threads": "1"}}, "options")],
)
def test_quality_of_another_target_is_told(changes: dict[str, Any], differs: str) -> None:
    """Quality belongs to a run only where file, target and options are the run's; then nothing is said."""
    (reason,) = judge(run_of(judged(**changes))).reasons
    assert ("quality_of_another", f"Measured and judged differ: {differs}.") == (reason.code, reason.message)
    assert judge(run_of(judged())).reasons == ()


@pytest.mark.parametrize("code", list(CODES))
def test_silent_otherwise(code: str) -> None:
    """Every code has a run that comes close to it and is not given it."""
    assert code not in codes(judge(SILENT[code]))


def test_every_code_has_a_silent_run() -> None:
    """The table of silent runs leaves no code out."""
    assert set(CODES) == set(SILENT)


@pytest.mark.parametrize("code", list(PROVOKED))
def test_figures_are_numbers_or_words(code: str) -> None:
    """A script can use what stands behind the sentence: finite numbers, or words."""
    run, _ = PROVOKED[code]
    for reason in judge(run).reasons:
        assert reason.figures
        for figure in reason.figures.values():
            assert isinstance(figure, str) or np.isfinite(figure)


@pytest.mark.parametrize("code", list(PROVOKED))
def test_provoked(code: str) -> None:
    """A run with that one fault has that one reason, with its figures, its remedy and its weight."""
    run, message = PROVOKED[code]
    verdict = judge(run)
    reasons: dict[str, Reason] = {reason.code: reason for reason in verdict.reasons}
    assert {code} == set(reasons) - ALONG_WITH.get(code, set())
    assert message in reasons[code].message
    assert reasons[code].figures
    assert CODES[code].remedy == reasons[code].remedy
    assert CODES[code].invalidates == reasons[code].invalidates
    assert verdict.valid == (not CODES[code].invalidates)


def test_what_makes_a_verdict_negative() -> None:
    """The codes that weigh by default are these, and no others."""
    assert {code for code, known in CODES.items() if known.invalidates} == {
        "not_measured",
        "too_few_samples",
        "not_converged",
        "processes_differ",
        "drift",
        "host_busy",
        "timer_too_coarse",
        "cached_results",
        "output_mismatch",
        "nondeterministic_output",
        "quality_of_another",
        "short_generation",
    }


@pytest.mark.parametrize("code", sorted(TIMING))
def test_times_of_an_emulator_are_not_judged(code: str) -> None:
    """What is about times stays silent for an emulated run, which stays valid."""
    run, _ = PROVOKED[code]
    record = planned(run.record, target=EMULATED.plan.target)
    verdict = judge(RecordedRun(record, run.samples))
    assert codes(verdict) == ["emulated"]
    assert verdict.valid
    assert verdict.emulated


def test_emulated_output_is_judged() -> None:
    """A wrong output makes an emulated run invalid."""
    verdict = judge(run_of(replace(EMULATED, fidelity=Fidelity("ort:cpu", ok=False)), [steady(0, 3)]))
    assert (codes(verdict), verdict.valid) == (["output_mismatch", "emulated"], False)


def test_can_be_judged_again_from_disk() -> None:
    """A record written with its verdict and read back is judged the same."""
    run, _ = PROVOKED["drift"]
    verdict = judge(run)
    read = decode(encode(replace(run.record, verdict=verdict)))
    assert verdict == judge(RecordedRun(read, run.samples))


def test_verdict_in_the_record_is_not_trusted() -> None:
    """A verdict edited to valid does not survive being judged again."""
    run, _ = PROVOKED["drift"]
    edited = replace(run.record, verdict=Verdict(valid=True, emulated=False))
    assert not judge(RecordedRun(edited, run.samples)).valid


def test_converged_flag_is_not_trusted() -> None:
    """Samples that did not converge are found out, whatever the record says of them."""
    run = run_of(series=[WILD, WILD, WILD])
    assert all(repeat.converged for repeat in run.record.repeats)
    assert "not_converged" in codes(judge(run))


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
        assert "21 queries were measured; a p75 needs 24." in [r.message for r in judge(run_of(record, short)).reasons]

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

    def test_one_process_differs_from_none(self) -> None:
        """One repeat shows no spread: nothing is made up."""
        record = replace(sound_record(), repeats=sound_record().repeats[:1])
        assert codes(judge(run_of(record, [steady(0)]))) == []

    @pytest.mark.parametrize(("converged", "expected"), [(True, []), (False, ["not_converged"])])
    def test_offline_converges_by_throughput(self, converged: bool, expected: list[str]) -> None:
        """Offline, latencies may vary as they like; the repeat's own judgement of its throughput counts."""
        assert expected == codes(judge(run_of(offline(converged), [WILD, WILD, WILD])))

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
        run, _ = PROVOKED["fallback"]
        assert not judge(RecordedRun(planned(run.record, strict_placement=True), run.samples)).valid

    def test_fallback_without_macs(self) -> None:
        """Where MACs are not known, nodes alone are told; more than three operators are cut short."""
        placement = PlacementSummary("HTP", {"HTP": 6, "CPU": 4}, None, ("A a", "B b", "C c", "D d"))
        reasons = judge(run_of(replace(sound_record(), placement=placement))).reasons
        assert [r.message for r in reasons] == ["4 of 10 nodes ran elsewhere than on HTP: A a, B b, C c …."]

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
            "Against ort:cpu: the first 12 of 32 tokens are equal; rounding."
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
        assert "The same input was run 2 times: token 7 was not the same." == verdict.reasons[0].message
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
