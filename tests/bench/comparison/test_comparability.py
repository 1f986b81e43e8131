"""May two records be compared: every line of the table, and what it takes from a record."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.comparability import comparable
from bench.comparison.rules import CHECKS, RULES
from bench.record.asked import Asked, NamedFile
from bench.record.evidence import Alternation
from bench.record.inputs import ModelSource
from bench.record.record import Failure, PlacementSummary, Reason, Record, Repeat, Scenario, Tool, Verdict
from bench.suite.presets import shorter_rule
from bench.testing.records import INPUTS, MODEL, TARGET, fake_run


def record(record_id: str = "base", **plan: Any) -> Record:
    """Five processes of twenty queries."""
    return fake_run(record_id, [np.full(20, 1_000_000)] * 5, **plan).record


def changed(part: str, **fields: Any) -> Record:
    """The record ``new`` with fields of a part of its plan replaced; part ``plan``: of the plan itself."""
    new = record("new")
    inner = fields if part == "plan" else {part: replace(getattr(new.plan, part), **fields)}
    return replace(new, plan=replace(new.plan, **inner))


def environment(**fields: Any) -> Record:
    new = record("new")
    return replace(new, environment=replace(new.environment, **fields))


def codes(base: Record, new: Record, *subjects: Any) -> list[tuple[str, bool]]:
    return [(reason.code, reason.invalidates) for reason in comparable(base, new, subjects).reasons]


def test_two_runs_of_the_same_are_comparable() -> None:
    """Nothing differs: no reason, and what is equal is listed."""
    found = comparable(record(), record("new"))
    assert ("comparable", (), ("version",)) == (found.answer, found.reasons, found.subjects)
    assert {"artifact", "input", "scenario", "precision", "target"} <= set(found.equal)


REFUSED = [
    ("schema_differs", replace(record("new"), schema_version=0)),
    ("task_differs", changed("model", task="text_generation")),
    ("model_differs", changed("model", id="other")),
    ("artifact_differs", changed("model", sha256="a" * 64)),
    ("input_differs", changed("inputs", sha256="a" * 64)),
    ("shapes_differ", changed("inputs", shapes={"x": (2, 4)})),
    ("stop_differs", changed("plan", asked=Asked("file", NamedFile("net.onnx"), stop=True))),
    ("scenario_differs", changed("plan", scenario=Scenario("offline"))),
    ("scenario_differs", changed("plan", scenario=Scenario("single-stream", lanes=3))),
    ("rule_differs", changed("plan", preset="strict")),
    ("rule_differs", changed("rule", precision=0.5)),
    ("precision_differs", changed("target", executed_precision="int8")),
    ("machine_differs", environment(host={"cpu": "another", "cores_logical": 2, "memory_bytes": 1 << 34})),
]


@pytest.mark.parametrize(("code", "new"), REFUSED, ids=[code for code, _ in REFUSED])
def test_what_must_be_equal_is_refused(code: str, new: Record) -> None:
    """Each such difference alone forbids the comparison, and is named."""
    found = comparable(record(), new)
    assert ("not_comparable", True) == (found.answer, found.refused)
    assert [code] == [reason.code for reason in found.reasons if reason.invalidates]


FLAGGED = [
    ("system_differs", environment(host={**record().environment.host, "os": "another"})),
    ("power_source_differs", environment(power_source="battery")),
    ("governor_differs", environment(governor="powersave")),
    ("device_differs", changed("target", device_name="another")),
    ("made_apart", replace(record("new"), created_utc="2026-05-09T10:11:12Z")),
    ("time_unknown", replace(record("new"), created_utc="yesterday")),
    ("not_valid", replace(record("new"), verdict=Verdict(False, False, (Reason("drift", "It drifted."),)))),
    ("not_valid", replace(record("new"), verdict=None)),
    ("few_repeats", replace(record("new"), repeats=record().repeats[:3])),
]


@pytest.mark.parametrize(("code", "new"), FLAGGED, ids=[code for code, _ in FLAGGED])
def test_what_may_disturb_is_flagged(code: str, new: Record) -> None:
    """Each such difference alone is a caveat and no more."""
    found = comparable(record(), new)
    assert ("comparable_with_caveats", [(code, False)]) == (found.answer, codes(record(), new))


def test_records_of_an_older_schema_carry_no_seal() -> None:
    """What nobody can show to be unedited is a caveat, on either side."""
    old = replace(record("old"), schema_version=1), replace(record("older"), schema_version=1)
    assert [("not_sealed", False)] == codes(*old)


def test_inputs_of_other_names_are_the_same_shapes_of_two_models() -> None:
    """A converter renames inputs. Where the model is the subject, sizes count and names do not."""
    new = changed("inputs", shapes={"x_int8": (2, 3)})
    old = changed("inputs", shapes={"x": (2, 3)})
    old = replace(old, record_id="old")
    assert [("shapes_differ", True)] == codes(old, new)
    assert [("shapes_differ", False)] == codes(old, new, "model")
    assert [("shapes_differ", True)] == codes(old, changed("inputs", shapes={"x": (2, 4)}), "model")


def test_a_remedy_leads_through_all_refusals() -> None:
    """Another target and another precision: each refusal names both subjects, and with both there is none."""
    new = changed("target", executed_precision="bfloat16", id="other:cpu")
    found = comparable(record(), new, ["model"])
    assert [("target_differs", "To compare them despite this, use --subject target --subject model.")] == [
        (reason.code, reason.remedy) for reason in found.reasons if reason.invalidates
    ]
    plain = [reason.remedy for reason in comparable(record(), new).reasons if reason.invalidates]
    assert ["To compare them despite this, use --subject target --subject model."] == plain
    assert not comparable(record(), new, ["model", "target"]).refused
    alone = comparable(record(), changed("model", sha256="a" * 64))
    assert [True] == [reason.remedy.startswith("Measure the same file twice") for reason in alone.reasons]
    lasting = comparable(record(), replace(new, schema_version=0))
    assert "Measure both with one version." in [reason.remedy for reason in lasting.reasons]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("version",)),
        ({"model": replace(MODEL, sha256="a" * 64)}, ("model",)),
        ({"target": replace(TARGET, executed_precision="int8")}, ("model",)),
        ({"inputs": replace(INPUTS, sha256="a" * 64)}, ("model",)),
        ({"target": replace(TARGET, id="b:npu"), "model": replace(MODEL, id="other")}, ("target", "model")),
    ],
)
def test_what_took_turns_may_differ_in_what_was_changed(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    """Nobody measures two against each other but to see what he changed; made apart, the same is refused or not."""
    took = record(alternation=Alternation("g", "base")), record("new", alternation=Alternation("g", "new"), **fields)
    assert expected == comparable(*took).subjects
    assert "model" not in comparable(record(), record("new", **fields)).subjects


def test_temperature_and_driver_are_compared_where_both_are_known() -> None:
    """15 °C warmer and another driver are flagged; 5 °C, or an unknown temperature, are not."""
    base = environment(temperature_celsius={"package": 40.0}, driver={"npu": "1"})
    base = replace(base, record_id="base")
    warm = environment(temperature_celsius={"package": 55.0, "board": 30.0}, driver={"npu": "1"})
    mild = environment(temperature_celsius={"package": 45.0}, driver={"npu": "1"})
    assert [("temperature_differs", False)] == codes(base, warm)
    assert [] == codes(base, mild)
    assert [] == codes(base, record("new"))
    driver = environment(temperature_celsius={"package": 40.0}, driver={"npu": "2"})
    assert [("driver_differs", False)] == codes(base, driver, "target")
    assert [] == codes(base, driver, "version")


def test_a_busier_machine_is_flagged() -> None:
    """Others used 40 % of the machine in one repeat of one record."""
    new = record("new")
    busy: tuple[Repeat, ...] = (replace(new.repeats[0], cpu_busy_share=0.4), *new.repeats[1:])
    assert [("load_differs", False)] == codes(record(), replace(new, repeats=busy))


def test_few_bytes_of_memory_are_the_same_machine() -> None:
    """A kernel that reserves a little more is not another machine."""
    new = environment(host={**record().environment.host, "memory_bytes": (1 << 34) - 4096})
    assert [] == codes(record(), new)


class TestTheSubject:
    def test_targets_that_differ_are_the_subject(self) -> None:
        """Without a word on it, two targets are compared as targets, and what differs is told."""
        found = comparable(record(), changed("target", id="other:npu", options_requested={"a": "1"}))
        assert ("comparable", ("target",)) == (found.answer, found.subjects)
        assert ["target", "options"] == [difference.what for difference in found.differences]

    def test_targets_are_refused_where_the_version_is_the_subject(self) -> None:
        """--subject version wants one target."""
        assert [("target_differs", True)] == codes(record(), changed("target", id="other:npu"), "version")

    def test_options_are_flagged_where_the_version_is_the_subject(self) -> None:
        """They explain a difference that the version does not."""
        new = changed("target", options_requested={"threads": "1"})
        assert [("options_differ", False)] == codes(record(), new, "version")

    def test_versions_are_the_subject_of_one_target(self) -> None:
        """Another runtime and another tool are what is compared, and told."""
        new = replace(environment(runtime={"fake": "2"}), tool=Tool("ondevice-bench", "1"))
        found = comparable(record(), new)
        assert "comparable" == found.answer
        assert [("tool", "0", "1"), ("runtimes", "fake=1", "fake=2")] == [
            (d.what, d.base, d.new) for d in found.differences
        ]

    def test_versions_are_flagged_where_targets_are_compared(self) -> None:
        """Two targets of one runtime should run the same version of it."""
        assert [("runtime_version_differs", False)] == codes(record(), environment(runtime={"fake": "2"}), "target")

    def test_another_artifact_needs_a_word(self) -> None:
        """int8 against float32 of one model: refused, and with --subject model a caveat."""
        new = changed("model", sha256="a" * 64, precision="int8")
        new = replace(new, plan=replace(new.plan, target=replace(new.plan.target, executed_precision="int8")))
        assert [("artifact_differs", True), ("precision_differs", True)] == codes(record(), new)
        assert [("artifact_differs", False), ("precision_differs", False)] == codes(record(), new, "model")

    def test_two_formats_of_one_declared_model_are_a_caveat_between_targets(self) -> None:
        """ONNX here and IR there: the same model, precision and parameters, in the format each target opens."""
        new = changed("model", sha256="a" * 64, format="openvino_ir")
        new = replace(new, plan=replace(new.plan, target=replace(new.plan.target, id="other:CPU")))
        assert [("artifact_differs", False)] == codes(record(), new)
        other = replace(new, plan=replace(new.plan, model=replace(new.plan.model, parameters=11)))
        assert [("artifact_differs", True)] == codes(record(), other)

    def test_placement_is_flagged_for_one_target(self) -> None:
        """A new version that leaves nodes to the CPU is told."""
        base = replace(record(), placement=PlacementSummary("NPU", {"NPU": 10}))
        new = replace(record("new"), placement=PlacementSummary("NPU", {"NPU": 8, "CPU": 2}))
        assert [("placement_differs", False)] == codes(base, new)


class TestRefusedOutright:
    def test_failed_and_skipped(self) -> None:
        """The reason is the record's own."""
        failure = Failure("compile", "crashed", "it crashed", "")
        new = replace(record("new"), status="failed", failure=failure)
        found = comparable(record(), new)
        assert "not_comparable" == found.answer
        assert ["The new run failed: it crashed."] == [reason.message for reason in found.reasons]

    def test_emulated_against_measured(self) -> None:
        """The emulator's times say nothing of a device, on either side."""
        new = changed("target", emulated=True)
        assert [("emulated_against_measured", True)] == codes(record(), new)
        assert [("emulated_against_measured", True)] == codes(replace(new, record_id="base"), record("new"))

    def test_two_emulated(self) -> None:
        """Nor do two of them of each other."""
        new = changed("target", emulated=True)
        assert [("emulated", True)] == codes(replace(new, record_id="base"), new)

    def test_a_record_against_itself(self) -> None:
        """It would be called the same, which proves nothing."""
        assert [("same_record", True)] == codes(record(), record())


def test_what_is_not_told_is_a_caveat() -> None:
    """A runtime that does not tell its precision leaves the comparison open to doubt, and says so."""
    new = changed("target", executed_precision=None)
    assert [("precision_unknown", False)] == codes(record(), new)
    assert "The executed precision is unknown in the new record." == comparable(record(), new).reasons[0].message


def test_a_prompt_is_its_seed() -> None:
    """Text generation has no input hash: the seed decides the prompt."""
    tokens = [np.arange(1, 61).reshape(12, 5) * 1000] * 5
    base, new = (fake_run(name, [array[:, -1] for array in tokens], tokens).record for name in ("base", "new"))
    assert [] == codes(base, new)
    other = replace(new, plan=replace(new.plan, seed=1))
    assert [("input_differs", True)] == codes(base, other)
    remedy = comparable(base, other).reasons[0].remedy
    assert all(flag in remedy for flag in ("--seed", "--prompts", "--chat"))


def test_codes_are_unique() -> None:
    """One code, one meaning."""
    found = [rule.code for rule in RULES]
    assert sorted(set(found)) == sorted(found)
    assert len(set(CHECKS)) == len(CHECKS)


def turned_rule(one: Record, side: Any = "new") -> Record:
    """The record as it is where it took turns."""
    rule = shorter_rule(one.plan.rule)
    return replace(one, plan=replace(one.plan, rule=rule, alternation=Alternation("g", side)))


def test_a_record_that_took_turns_is_compared_with_one_that_did_not() -> None:
    """One preset, repeats of half the length: a caveat that says why, in figures and words, and no refusal."""
    found = comparable(record("base"), turned_rule(record("new")))
    (told,) = [reason for reason in found.reasons if reason.code == "rule_differs"]
    assert ("comparable_with_caveats", False) == (found.answer, told.invalidates)
    expected = (
        "The preset or its stopping rule differs: min_duration_ns 0.5 s → 0.25 s, max_duration_ns 3 s → "
        "1.5 s; the new record took turns with another run, with more and shorter repeats."
    )
    assert expected == told.message


def test_another_rule_under_one_name_says_what_differs() -> None:
    """Both say quick, and one was cut short by hand, or asks for another precision: refused, with both figures."""
    for change, words in (
        ({"max_duration_ns": 10**9}, "max_duration_ns 3 s → 1 s."),
        ({"precision": 0.1}, "precision 0.05 → 0.1."),
    ):
        one = record("new")
        other = replace(one, plan=replace(one.plan, rule=replace(one.plan.rule, **change)))
        found = comparable(record("base"), other)
        (told,) = [reason for reason in found.reasons if reason.code == "rule_differs"]
        assert (True, True) == (found.refused, told.message.endswith(words))
        assert "--max-seconds" in told.remedy


def test_caches_in_two_precisions_are_two_models() -> None:
    """As with the precision of the arithmetic: refused, and a caveat where two models are compared."""
    base, new = changed("target", executed_kv_cache="float32"), changed("target", executed_kv_cache="int8")
    new = replace(new, record_id="another")
    assert [("kv_cache_differs", True)] == codes(base, new)
    assert [("kv_cache_differs", False)] == codes(base, new, "model")


def test_a_cache_of_unknown_precision_is_a_caveat_only_beside_a_known_one() -> None:
    """Records of vision models have none, and older ones do not tell."""
    assert [] == codes(record(), record("new"))
    assert [("kv_cache_unknown", False)] == codes(record(), changed("target", executed_kv_cache="int8"))


def test_two_builds_of_one_source_are_compared_and_said() -> None:
    """Another graph of the same file in the same precision is a caveat; of another file, or in another precision, it is
    another model."""

    def made_of(source_sha256: str, record_id: str = "new", **fields: Any) -> Record:
        source = ModelSource("gguf", "net.gguf", ("net.gguf",), source_sha256, 7, "Q4_1")
        return record(record_id, model=replace(MODEL, source=source, **fields))

    base = made_of("a" * 64, "base")
    assert [("artifact_differs", False)] == codes(base, made_of("a" * 64, sha256="1" * 64))
    assert [("artifact_differs", True)] == codes(base, made_of("b" * 64, sha256="1" * 64))
    assert ("artifact_differs", True) in codes(base, made_of("a" * 64, sha256="1" * 64, precision="int8"))
    assert ("a" * 64, 7) == (base.plan.model.named_sha256, base.plan.model.named_size_bytes)
    assert (MODEL.sha256, MODEL.size_bytes) == (MODEL.named_sha256, MODEL.named_size_bytes)
