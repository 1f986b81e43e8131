"""Each rule: a submission that breaks it and no other, and one that breaks none."""

import re
from collections.abc import Callable, Mapping
from string import Formatter

import pytest
from msgspec.structs import replace
from submissions.good import (
    CRITERIA,
    Good,
    context,
    criterion_of,
    first,
    form,
    good,
    only,
    record,
    rerun,
    run,
    without_proposals,
)

from bench.contracts import Scenario
from bench.record.evidence import OTHER_SIDE, Alternation, Determinism
from bench.record.quality import UNLABELLED, LeftOut
from bench.record.record import Failure, Fidelity, PlacementSummary, Reason, Record, SamplesFile, Verdict
from bench.record.refused import RefusedRecord
from bench.submission.criterion import Level
from bench.submission.form import SubmittedModel, SubmittedScenario, SubmittedTarget
from bench.submission.rules.context import ModelFile
from bench.submission.rules.table import RULES
from bench.submission.texts import Texts
from bench.words import say, speaking

Break = Callable[[Good], Good]
EMULATOR = "qnn:htp-emu"
OFFLINE = SubmittedScenario(name="offline")
HERE = SubmittedScenario(name="single-stream")
OTHER_SHA256 = "0" * 64


def planned(one: Record, **fields: object) -> Record:
    return replace(one, plan=replace(one.plan, **fields))


def surroundings(one: Record, **fields: object) -> Record:
    return replace(one, environment=replace(one.environment, **fields))


def noted(one: Record, code: str, invalidates: bool = False) -> Record:
    assert one.verdict is not None
    return replace(one, verdict=Verdict(not invalidates, False, (Reason(code, "said", invalidates=invalidates),)))


def second(found: Good, change: Callable[[Record], Record] = lambda one: one, *, decides: bool = True) -> Good:
    """With a further record, which decides or is the older one."""
    other = rerun(found._replace(runs=(run("r2" if decides else "r1"),)), change).runs[0]
    ours = run("r1" if decides else "r2")
    return found._replace(runs=(ours, other))


def emulated(one: Record, target: str = EMULATOR) -> Record:
    made = planned(one, target=replace(one.plan.target, id=target, plugin="qnn", emulated=True))
    return of_quality(made, target=target)


def with_emulator(found: Good) -> Good:
    """The emulator is a target of the form, and has a record."""
    targets = (*found.submission.targets, SubmittedTarget(id=EMULATOR, stand_in=True))
    return second(form(found, targets=targets), emulated)


def with_samples(one: Record) -> Record:
    return replace(one, samples_file=SamplesFile("samples.npz", "c" * 64, 1))


def unsuccessful(one: Record, **fields: object) -> Record:
    failure = Failure("compile", "unsupported_operator", "said", "do")
    return replace(planned(one, **fields), status="failed", repeats=(), failure=failure)


def level(found: Good, part: str, **fields: object) -> Good:
    before = getattr(found.submission.criteria[0], part)
    return criterion_of(found, "latency", **{part: replace(before, **fields)})


def of_quality(one: Record, **fields: object) -> Record:
    assert one.quality is not None
    return replace(one, quality=replace(one.quality, **fields))


def each_repeat(one: Record, change: Callable[[int], Mapping[str, object]]) -> Record:
    return replace(one, repeats=tuple(replace(repeat, **change(i)) for i, repeat in enumerate(one.repeats)))


def without_meter(one: Record) -> Record:
    energies = [repeat.energy for repeat in one.repeats]
    return each_repeat(one, lambda i: {"energy": replace(energies[i], channels=())})


def described(found: Good) -> Good:
    """With what the records of a device would have told."""
    return form(found, device__soc="a chip", device__power_supply="a battery")


def undeclared(found: Good) -> Good:
    """The only target is an emulator, and nothing of a device is claimed."""
    kept = described(only(found, "placement", "top1", "outputs"))
    return rerun(kept, lambda one: emulated(one, "ort:cpu"))


def one_memory(found: Good) -> Good:
    """A figure that one process of six has."""
    changed = criterion_of(
        found,
        "latency",
        metric="summary.memory_bytes.peak_rss",
        unit="MiB",
        target=100.0,
        world_best=replace(CRITERIA[0].world_best, value=150.0),
        before=Level(value=200.0),
    )
    return rerun(changed, lambda one: each_repeat(one, lambda i: {} if i == 0 else {"memory_bytes": {}}))


def title(name: str, **fields: object) -> Break:
    return lambda found: criterion_of(found, name, **fields)


BREAKS: Mapping[str, Break] = {
    "ODB-S-001": lambda g: form(g, format=2),
    "ODB-S-002": lambda g: form(g, rules=3),
    "ODB-S-003": lambda g: context(g, track=None, track_problem="There is none."),
    "ODB-S-004": lambda g: form(g, project__name=""),
    "ODB-S-005": lambda g: form(g, project__summary=" "),
    "ODB-S-006": lambda g: form(g, applicant__organisation=""),
    "ODB-S-007": lambda g: form(g, demand_company__organisation=""),
    "ODB-S-008": title("top1", method=Texts(ko="글")),
    "ODB-S-009": title("top1", source="TODO"),
    "ODB-S-010": title("top1", source="ask kim@example.com"),
    "ODB-S-011": lambda g: form(g, measuring__margin_percent=0.0),
    "ODB-S-012": lambda g: form(g, measuring__margin_percent=20.0),
    "ODB-S-013": lambda g: form(g, measuring__preset="slow"),
    "ODB-S-014": lambda g: record(form(g, measuring__preset="quick"), lambda one: planned(one, preset="quick")),
    "ODB-S-015": lambda g: form(g, measuring__max_seconds=0.0),
    "ODB-S-101": lambda g: form(g, device__name=""),
    "ODB-S-102": lambda g: form(g, device__maker=""),
    "ODB-S-103": lambda g: form(g, models=()),
    "ODB-S-104": lambda g: form(g, models=g.submission.models * 2),
    "ODB-S-105": lambda g: first(g, "models", source=""),
    "ODB-S-106": lambda g: context(g, models={"net": ModelFile(False)}),
    "ODB-S-107": lambda g: first(g, "models", licence=""),
    "ODB-S-108": lambda g: first(g, "models", dataset="/data/photos"),
    "ODB-S-109": lambda g: context(g, missing_files={"models[net].dataset": "photos"}),
    "ODB-S-110": lambda g: form(
        g, models=(*g.submission.models, SubmittedModel(id="old", source="old.onnx", licence="MIT"))
    ),
    "ODB-S-111": lambda g: form(described(g), targets=()),
    "ODB-S-112": lambda g: form(g, targets=g.submission.targets * 2),
    "ODB-S-113": lambda g: first(described(g), "targets", stand_in=True),
    "ODB-S-114": undeclared,
    "ODB-S-115": lambda g: form(g, scenarios=(HERE, SubmittedScenario(name="dance"))),
    "ODB-S-116": lambda g: first(g, "scenarios", models=("ghost",)),
    "ODB-S-117": lambda g: form(
        criterion_of(g, "latency", model="old"),
        models=(*g.submission.models, replace(g.submission.models[0], id="old", source="old/net.onnx")),
    ),
    "ODB-S-201": lambda g: form(without_proposals(g), criteria=()),
    "ODB-S-202": title("top1", weight=19.0),
    "ODB-S-203": lambda g: criterion_of(criterion_of(g, "top1", weight=-1.0), "energy", weight=41.0),
    "ODB-S-204": lambda g: criterion_of(without_proposals(g), "top1", id="energy"),
    "ODB-S-205": title("latency", metric="summary.latency_ns.p5"),
    "ODB-S-206": title("latency", unit="MB"),
    "ODB-S-207": title(
        "latency",
        direction="at_least",
        target=1.0,
        world_best=replace(CRITERIA[0].world_best, value=0.5),
        before=Level(value=0.25),
    ),
    "ODB-S-208": lambda g: criterion_of(
        without_proposals(g),
        "outputs",
        target=-0.5,
        world_best=replace(CRITERIA[0].world_best, value=-0.7),
        before=Level(value=-0.9),
    ),
    "ODB-S-209": title("top1", title=""),
    "ODB-S-210": title("top1", method=Texts()),
    "ODB-S-211": title("top1", conditions=" "),
    "ODB-S-212": title("top1", reason=""),
    "ODB-S-213": title("top1", source=""),
    "ODB-S-214": title("latency", repeats=None),
    "ODB-S-215": title("latency", repeats=3),
    "ODB-S-216": title("top1", model="ghost"),
    "ODB-S-217": title("top1", device="npu:x"),
    "ODB-S-218": title("top1", scenario="single-stream:speed=1"),
    "ODB-S-219": lambda g: form(g, scenarios=(OFFLINE,)),
    "ODB-S-220": title("energy", metric="later.standby"),
    "ODB-S-221": title("outputs", metric="placement.macs.share", unit="%", target=95.0, evidence=("placement",)),
    "ODB-S-222": title("top1", proposed=True),
    "ODB-S-223": lambda g: form(
        g, criteria=tuple(replace(one, weight=25.0) for one in g.submission.criteria if one.id != "outputs")
    ),
    "ODB-S-224": title("latency", target=12.0),
    "ODB-S-225": title("placement", evidence=()),
    "ODB-S-226": title("top1", world_best=Level()),
    "ODB-S-227": lambda g: level(g, "world_best", holder=""),
    "ODB-S-228": lambda g: level(g, "world_best", source=""),
    "ODB-S-229": lambda g: level(g, "world_best", conditions=""),
    "ODB-S-230": title("top1", before=Level()),
    "ODB-S-231": lambda g: level(g, "world_best", value=5.0),
    "ODB-S-232": lambda g: level(g, "before", value=10.0),
    "ODB-S-233": lambda g: level(g, "before", value=8.0),
    "ODB-S-301": lambda g: form(criterion_of(g, "top1", scenario="offline"), scenarios=(HERE, OFFLINE)),
    "ODB-S-302": lambda g: rerun(g, lambda one: replace(one, quality=None)),
    "ODB-S-303": lambda g: rerun(
        g, lambda one: replace(one, determinism=Determinism(2, False, ("y",), 1.0, 0.2, False))
    ),
    "ODB-S-304": lambda g: criterion_of(with_emulator(g), "latency", device=EMULATOR),
    "ODB-S-305": lambda g: rerun(
        criterion_of(g, "top1", evidence=("quality", "reference")),
        lambda one: of_quality(one, reference=None, paired=()),
    ),
    "ODB-S-306": lambda g: rerun(g, without_meter),
    "ODB-S-307": title("latency", repeats=8),
    "ODB-S-308": one_memory,
    "ODB-S-309": title("latency", target=3.998),
    "ODB-S-310": title("top1", target=80.5),
    "ODB-S-311": title("latency", target=1.0),
    "ODB-S-312": lambda g: g._replace(runs=(run("r1", slower=4), run("r2"))),
    "ODB-S-313": lambda g: rerun(
        only(g, "latency", "top1"), lambda one: replace(one, fidelity=Fidelity("", reason="no reference"))
    ),
    "ODB-S-314": lambda g: rerun(
        g,
        lambda one: replace(
            one, placement=PlacementSummary("CPU", {"CPU": 8, "X": 1}, {"CPU": 990, "X": 10}, ("Resize a",))
        ),
    ),
    "ODB-S-315": lambda g: rerun(
        g,
        lambda one: of_quality(
            one,
            dataset=replace(one.quality.dataset, left_out=(LeftOut("a.jpg", "labels.json", UNLABELLED),)),  # type: ignore[union-attr]
        ),
    ),
    "ODB-S-316": lambda g: rerun(g, lambda one: of_quality(one, artifact_sha256=OTHER_SHA256)),
    "ODB-S-317": lambda g: second(
        form(criterion_of(g, "top1", scenario="offline"), scenarios=(HERE, OFFLINE)),
        lambda one: unsuccessful(one, scenario=Scenario("offline")),
    ),
    "ODB-S-318": lambda g: criterion_of(with_emulator(g), "latency", device="qnn:htp"),
    "ODB-S-319": lambda g: rerun(g, lambda one: each_repeat(one, lambda i: {"cpu_busy_share": 0.9})),
    "ODB-S-320": lambda g: g._replace(yardsticks=False),
    "ODB-S-401": lambda g: g._replace(refused=(RefusedRecord("r9", "record.json: is cut off"),)),
    "ODB-S-402": lambda g: record(g, lambda one: noted(one, "record_edited", invalidates=True)),
    "ODB-S-403": lambda g: record(g, lambda one: noted(one, "recomputed")),
    "ODB-S-404": lambda g: second(g, unsuccessful),
    "ODB-S-405": lambda g: context(g, record_folders=frozenset({"renamed"})),
    "ODB-S-406": lambda g: context(g, models={"net": ModelFile(True, sha256=OTHER_SHA256, size_bytes=1_000_000)}),
    "ODB-S-407": lambda g: second(
        context(g, models={"net": ModelFile(True)}),
        lambda one: of_quality(
            planned(one, model=replace(one.plan.model, sha256=OTHER_SHA256)), artifact_sha256=OTHER_SHA256
        ),
    ),
    "ODB-S-408": lambda g: second(g, lambda one: surroundings(one, host={**one.environment.host, "cpu": "another"})),
    "ODB-S-409": lambda g: second(g, lambda one: surroundings(one, runtime={"onnxruntime": "1.31.0"})),
    "ODB-S-410": lambda g: second(g, lambda one: replace(one, tool=replace(one.tool, version="0.0.1")), decides=False),
    "ODB-S-411": lambda g: record(
        only(g, "placement", "top1")._replace(yardsticks=False),
        lambda one: replace(one, tool=replace(one.tool, version="0.0.1")),
    ),
    "ODB-S-412": lambda g: form(g, measuring__seed=8),
    "ODB-S-413": lambda g: form(g, measuring__preset="strict"),
    "ODB-S-414": lambda g: first(g, "targets", options={"intra_op_num_threads": "2"}),
    "ODB-S-415": lambda g: context(g, models={"net": ModelFile(True, modified_utc="2026-06-01T00:00:00+00:00")}),
    "ODB-S-416": lambda g: record(g, lambda one: planned(one, asked=replace(one.plan.asked, plugins=("chip.py",)))),
    "ODB-S-417": lambda g: rerun(g, lambda one: surroundings(one, power_source="battery", battery_percent=80.0)),
    "ODB-S-418": lambda g: rerun(g, lambda one: surroundings(one, governor="powersave")),
    "ODB-S-419": lambda g: rerun(g, lambda one: surroundings(one, temperature_celsius={"package": 95.0})),
    "ODB-S-420": lambda g: rerun(g, lambda one: each_repeat(one, lambda i: {"frequency_mhz": (3000.0, 1000.0)})),
    "ODB-S-421": lambda g: record(g, lambda one: noted(one, "sensor_lost")),
    "ODB-S-422": lambda g: second(g, lambda one: planned(one, scenario=Scenario("offline", lanes=1))),
    "ODB-S-423": lambda g: record(second(g, with_samples), with_samples),
}
"""Rule -> a change that breaks it and no other."""


def test_the_good_submission_breaks_no_rule() -> None:
    """It is accepted, and every rule passed."""
    found = good().checked()
    assert found.findings == ()
    assert found.passed_rules == tuple(rule.id for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_broken_alone(rule) -> None:  # type: ignore[no-untyped-def]
    """The finding has the rule's id and severity, a place, and words in both languages with every figure filled in."""
    found = BREAKS[rule.id](good()).checked()
    assert {finding.rule for finding in found.findings} == {rule.id}, [str(f.told) for f in found.findings]
    assert rule.id in (*found.failed_rules, *found.warned_rules)
    assert rule.id not in found.passed_rules
    for finding in found.findings:
        assert finding.severity == rule.severity
        assert re.match(r"(submission\.toml: |records/).", finding.where)
        for language in ("en", "ko"):
            with speaking(language):
                assert "{" not in f"{finding.told}{finding.remedy}"


def test_one_process_is_enough_of_a_run_of_minutes() -> None:
    """It has an interval of its own, over its slices; elsewhere five processes are asked for."""
    for scenario, flagged in (("sustained:minutes=20", False), ("single-stream", True)):
        found = criterion_of(good(), "latency", repeats=1, scenario=scenario).checked()
        assert ("ODB-S-215" in {finding.rule for finding in found.findings}) is flagged


def test_what_is_detected_is_never_asked() -> None:
    """Processor and power source are asked for only where no record of the preferred device tells them."""
    told = good().checked()
    assert "ODB-S-102" in told.passed_rules
    targets = (SubmittedTarget(id="qnn:htp"), *good().submission.targets)
    (asked,) = form(good(), targets=targets).checked().findings
    assert asked.told.figures["fields"] == ["device.soc", "device.power_supply"]


def test_an_emulators_missing_figure_is_told_once() -> None:
    """By the rule about emulators."""
    found = criterion_of(with_emulator(good()), "latency", device="qnn:htp", metric="summary.latency_ns.p999")
    assert {finding.rule for finding in found.checked().findings} == {"ODB-S-318"}


def denying(one: Record) -> Record:
    """It says that it is of a device."""
    assert one.verdict is not None
    made = planned(one, target=replace(one.plan.target, emulated=False))
    return replace(made, verdict=replace(one.verdict, emulated=False))


@pytest.mark.parametrize("stand_in", [True, False])
def test_a_record_cannot_deny_that_its_target_is_an_emulator(stand_in: bool) -> None:
    """Not even with a track of the applicant's own that leaves emulators out."""
    found = with_emulator(good())
    assert found.context.track is not None
    own = replace(found.context.track, targets=tuple(one for one in found.context.track.targets if not one.stand_in))
    targets = tuple(replace(one, stand_in=one.stand_in and stand_in) for one in found.submission.targets)
    runs = tuple(replace(run, record=denying(run.record)) for run in found.runs)
    denied = form(found, targets=targets)._replace(context=replace(found.context, track=own), runs=runs)
    (told,) = [one for one in denied.checked().findings if one.rule == "ODB-S-114"]
    assert (EMULATOR in str(told.told), told.severity) == (True, "reject")
    assert told.where.startswith("records/" if stand_in else "submission.toml: ")


def test_ids_are_unique_and_in_order() -> None:
    """An id never moves to another rule."""
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(r"ODB-S-\d{3}", name) for name in ids)
    assert len(ids) >= 40
    assert set(ids) == set(BREAKS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_has_all_its_words(rule) -> None:  # type: ignore[no-untyped-def]
    """Title and cause stand in docs/rules.md, without figures."""
    for part in ("title", "cause"):
        text = say(f"rule.{rule.id}.{part}")
        assert text
        assert [] == [name for _, name, _, _ in Formatter().parse(text) if name]


def test_a_finding_names_no_more_than_can_be_read() -> None:
    """Of a long list the first twelve, and that there are more."""
    models = tuple(replace(good().submission.models[0], id=f"m{i}", source=f"m{i}.onnx") for i in range(100))
    found = form(good(), models=models).checked()
    (known,) = {tuple(one.told.figures["known"]) for one in found.findings if one.rule == "ODB-S-216"}
    assert known == (*(f"m{i}" for i in range(12)), "…")


@pytest.mark.parametrize("whose", ["yardstick", "waiting"])
def test_a_yardstick_that_failed_is_not_reported(whose: str) -> None:
    """Nor the run that waited for it and was measured alone then; a run that failed itself is."""

    def failed(one: Record) -> Record:
        if whose == "yardstick":
            turns, asked = Alternation("g", "base"), replace(one.plan.asked, kind="built_in")
            return unsuccessful(one, alternation=turns, asked=asked)
        made = unsuccessful(one, alternation=Alternation("g", "new"))
        return replace(made, failure=Failure(OTHER_SIDE, "unavailable", "said", "do"))

    assert second(good(), failed).checked().findings == ()
    assert [one.rule for one in second(good(), unsuccessful).checked().findings] == ["ODB-S-404"]
