"""Criterion by criterion: which figures answer, which reasons stand against it, and what the audit says."""

from typing import Any
from zlib import crc32

import numpy as np
import pytest
from msgspec.structs import replace
from sustained import Device, noisy, played, run_of, sustained

from bench.contracts import Scenario
from bench.record.asked import Asked, NamedFile
from bench.record.evidence import Alternation
from bench.record.inputs import PlannedModel
from bench.record.record import Fidelity, Reason, RecordedRun, Verdict
from bench.reproduce.answers import Side, answer, answers
from bench.reproduce.audit import audited
from bench.store.derived import judged
from bench.submission.assessment import Row, assessed
from bench.submission.criterion import Criterion
from bench.submission.form import Submission, SubmittedModel, SubmittedTarget
from bench.submission.measuring.yardstick import is_yardstick, yardstick_of
from bench.testing.records import MODEL, TARGET, fake_run

MS = 1_000_000
MARGIN = 0.05
YARD = PlannedModel("yard", "tensor", "onnx", "float32", "a" * 64, 1_000, 10, 10)

BUILT_IN = Asked(kind="built_in", model=NamedFile("yard"))


def run(name: str, p50_ns: float, states: Any = (1, 1, 1, 1, 1, 1), **plan: Any) -> RecordedRun:
    """Six processes; ``states``: the machine's speed in each, as a factor of time."""
    rng = np.random.default_rng(crc32(name.encode()))
    parts = [np.rint(p50_ns * state * (1 + 0.002 * rng.random(40))).astype(np.int64) for state in states]
    return judged(fake_run(name, parts, **plan)).plain()


def side(name: str, p50_ns: float, states: Any = (1, 1, 1, 1, 1, 1)) -> Side:
    """A run that took turns with a yardstick of 2 ms on a machine that was in ``states``."""
    base = run(f"{name}-y", 2 * MS, states, model=YARD, asked=BUILT_IN, alternation=Alternation(name, "base"))
    return Side(run(name, p50_ns, states, alternation=Alternation(name, "new")), base)


def row(claimed: RecordedRun, metric: str = "summary.latency_ns.p50", unit: str = "ms") -> Row:
    one = Criterion(id="c", title="c", metric=metric, direction="at_most", target=50, unit=unit, weight=100)
    form = Submission(
        format=1,
        track="t",
        rules=1,
        models=(SubmittedModel(id="fake", source="fake"),),
        targets=(SubmittedTarget(id="null:cpu"),),
        criteria=(one,),
    )
    (found,) = assessed(form, [claimed]).rows
    return found


SIDES = ("claimed", "again")
FAST, SLOW = (1, 1.01, 1, 1.02, 1, 1), (1.5, 1.52, 1.5, 1.49, 1.51, 1.5)


@pytest.mark.parametrize(
    ("claimed_ns", "here_ns", "word"),
    [(5 * MS, 5 * MS, "reproduced"), (4.5 * MS, 5 * MS, "not_reproduced"), (5.5 * MS, 5 * MS, "cannot_tell")],
)
def test_the_yardstick_takes_out_the_state_of_the_machine(claimed_ns: float, here_ns: float, word: str) -> None:
    """Half as slow again here: the ratio to the yardstick still tells an honest claim from one that is 10 % too good;
    one that is too modest is not contradicted."""
    claimed, here = side("claim", claimed_ns, FAST), side("here", here_ns, SLOW)
    found = answer(row(claimed.run), claimed, here, MARGIN)
    assert (found.word, found.by_yardstick) == (word, True)


@pytest.mark.parametrize(
    ("factor", "target_ms", "word", "code"),
    [
        (0.9, 50, "reproduced", "reproduce.ratio_alone"),
        (0.9, 4.8, "cannot_tell", "reproduce.target_missed_here"),
        (0.1, 50, "cannot_tell", "reproduce.yardstick_of_another_speed"),
        (1.0, 5.5, "reproduced", None),
    ],
)
def test_a_yardstick_changed_by_the_same_factor(factor: float, target_ms: float, word: str, code: str | None) -> None:
    """The ratio is as before, as on a faster machine: a target that is met only with the claimed figure is not
    confirmed, nor is a factor that no machine's changes explain; and the reason always says what was reproduced."""
    claimed, here = side("claim", 5 * MS, (factor,) * 6), side("here", 5 * MS)
    asked = row(claimed.run)
    asked = replace(asked, criterion=replace(asked.criterion, target=target_ms))
    found = answer(asked, claimed, here, MARGIN)
    assert (found.word, found.by_yardstick) == (word, True)
    assert getattr(found.reason, "code", None) == code


def test_a_least_target_that_is_missed_here_is_not_confirmed() -> None:
    """The same of figures of which more is better."""
    claimed, here = side("claim", 5 * MS, (1.1,) * 6), side("here", 5 * MS)
    asked = row(claimed.run)
    asked = replace(asked, criterion=replace(asked.criterion, direction="at_least", target=5.2))
    assert answer(asked, claimed, here, MARGIN).word == "cannot_tell"


def test_without_a_yardstick_a_slow_machine_is_no_false_claim() -> None:
    """The times differ by half, which the machine itself explains; three times would not."""
    claimed = Side(run("claim", 5 * MS))
    here, far = Side(run("here", 7.5 * MS)), Side(run("far", 16 * MS))
    assert answer(row(claimed.run), claimed, here, MARGIN).word == "cannot_tell"
    assert answer(row(claimed.run), claimed, far, MARGIN).word == "not_reproduced"


def with_machine(side: Side, cpu: str) -> Side:
    record = side.run.record
    host = {**record.environment.host, "cpu": cpu}
    changed = replace(record, environment=replace(record.environment, host=host))
    return Side(replace(side.run, record=changed))


def test_another_machine_decides_sizes_and_not_speed() -> None:
    """Whatever the times are."""
    claimed = Side(run("claim", 5 * MS))
    here = with_machine(Side(run("here", 50 * MS)), "another processor")
    speed = answer(row(claimed.run), claimed, here, MARGIN)
    size = answer(row(claimed.run, "plan.model.size_bytes", "kB"), claimed, here, MARGIN)
    assert (speed.word, size.word) == ("cannot_tell", "reproduced")
    assert "machine" in str(speed.reason)


def test_another_file_decides_nothing() -> None:
    """Not even its size."""
    claimed = Side(run("claim", 5 * MS))
    here = Side(run("here", 5 * MS, model=replace(MODEL, sha256="b" * 64)))
    assert answer(row(claimed.run, "plan.model.size_bytes", "kB"), claimed, here, MARGIN).word == "cannot_tell"


def test_an_invalid_run_decides_no_speed() -> None:
    """The reason names which of the two it is."""
    claimed, here = Side(run("claim", 5 * MS)), Side(run("here", 5 * MS))
    verdict = Verdict(False, False, (Reason("host_busy", "busy"),))
    busy = Side(replace(here.run, record=replace(here.run.record, verdict=verdict)))
    found = answer(row(claimed.run), claimed, busy, MARGIN)
    assert found.word == "cannot_tell"
    assert "host_busy" in str(found.reason)


def test_a_busy_machine_leaves_the_ratio_to_the_yardstick() -> None:
    """What disturbs both cancels."""
    claimed, here = side("claim", 5 * MS), side("here", 5 * MS)
    verdict = Verdict(False, False, (Reason("host_busy", "busy"), Reason("not_converged", "wide")))
    busy = Side(replace(here.run, record=replace(here.run.record, verdict=verdict)), here.yardstick)
    assert answer(row(claimed.run), claimed, busy, MARGIN).word == "reproduced"


def with_verdict(one: Side, *codes: str) -> Side:
    verdict = Verdict(not codes, False, tuple(Reason(code, code) for code in codes))
    return Side(replace(one.run, record=replace(one.run.record, verdict=verdict)), one.yardstick)


@pytest.mark.parametrize("codes", [["host_busy"], ["processes_differ", "drift"]])
@pytest.mark.parametrize("whose", ["claimed", "again"])
def test_a_busy_machine_contradicts_no_claim(codes: list[str], whose: str) -> None:
    """Load need not slow down two models by as much: the ratio that contradicts on a calm machine cannot tell."""
    claimed, here = side("claim", 5 * MS), side("here", 7 * MS)
    assert answer(row(claimed.run), claimed, here, MARGIN).word == "not_reproduced"
    changed = [
        with_verdict(one, *codes) if whose == name else one for name, one in zip(SIDES, (claimed, here), strict=True)
    ]
    found = answer(row(claimed.run), *changed, MARGIN)
    assert (found.word, found.by_yardstick) == ("cannot_tell", True)
    assert codes[0] in str(found.reason)


def test_a_yardstick_without_the_figure_cancels_nothing() -> None:
    """A process of it measured no query: plain times of a busy machine are not compared instead."""
    claimed, here = side("claim", 5 * MS), with_verdict(side("here", 50 * MS), "host_busy")
    base = here.yardstick
    assert base is not None
    shorter = replace(base, record=replace(base.record, repeats=base.record.repeats[:-1]))
    found = answer(row(claimed.run), claimed, Side(here.run, shorter), MARGIN)
    assert (found.word, found.by_yardstick) == ("cannot_tell", False)
    assert "host_busy" in str(found.reason)


def test_what_was_not_measured_again_is_open() -> None:
    """So is a criterion without a record."""
    claimed = run("claim", 5 * MS)
    found = answers([row(claimed)], {"claim": (Side(claimed), None)}, MARGIN)
    assert [one.word for one in found] == ["cannot_tell"]
    assert [one.word for one in answers([row(claimed)], {}, MARGIN)] == ["cannot_tell"]


def fidelity(run: RecordedRun, cosine: float, ok: bool, twin: bool = False) -> RecordedRun:
    found = Fidelity("reference", 4, cosine_min=cosine, ok=ok, float_reference=twin)
    return replace(run, record=replace(run.record, fidelity=found))


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [(0.9999999, 0.9999993, "reproduced"), (0.9999, 0.99985, "reproduced"), (0.9999, 0.97, "not_reproduced")],
)
def test_outputs_are_alike_as_far_as_machines_are(before: float, after: float, word: str) -> None:
    """The distance from 1 may double, or be below 1e-4."""
    claimed, here = (Side(fidelity(run(n, 5 * MS), c, True)) for n, c in (("claim", before), ("here", after)))
    assert answer(row(claimed.run, "fidelity.cosine_min", "1"), claimed, here, MARGIN).word == word


@pytest.mark.parametrize(("ok", "word"), [(True, "reproduced"), (False, "not_reproduced")])
def test_on_other_inputs_the_outputs_must_be_right(ok: bool, word: str) -> None:
    """Whatever the figure is there."""
    claimed, here = Side(fidelity(run("claim", 5 * MS), 0.9999, True)), Side(fidelity(run("here", 5 * MS), 0.98, ok))
    assert answer(row(claimed.run, "fidelity.cosine_min", "1"), claimed, here, MARGIN, other_inputs=True).word == word


def test_a_yardstick_is_known_by_its_turns() -> None:
    """Another run of the same built-in model is none."""
    claimed = side("claim", 5 * MS)
    assert claimed.yardstick is not None
    assert is_yardstick(claimed.yardstick.record)
    assert not is_yardstick(run("plain", 2 * MS, model=YARD, asked=BUILT_IN).record)
    assert yardstick_of(claimed.run, [claimed.run, claimed.yardstick]) is claimed.yardstick
    assert yardstick_of(claimed.run, [side("other", MS).yardstick or claimed.run]) is None


@pytest.mark.parametrize(
    ("altered_ns", "same", "word", "code"),
    [
        (5 * MS, False, "passed", ""),
        (6 * MS, False, "failed", "speed_of_another"),
        (4 * MS, False, "failed", "speed_of_another"),
        (5 * MS, True, "failed", "answers_prepared"),
    ],
)
def test_the_audit(altered_ns: float, same: bool, word: str, code: str) -> None:
    """An altered model answers otherwise and takes as long, in whatever state the machine is."""
    original = run("model", 5 * MS, SLOW, alternation=Alternation("audit", "base"))
    copy = run("copy", altered_ns, SLOW, alternation=Alternation("audit", "new"))
    found = audited(original.record, original, fidelity(copy, 0.2, same, twin=True), MARGIN)
    assert (found.word, found.code) == (word, code)


@pytest.mark.parametrize(("slowest_ns", "word"), [(40 * MS, "passed"), (48 * MS, "failed")])
def test_the_audit_of_a_pipeline_looks_at_whole_passes(slowest_ns: int, word: str) -> None:
    """Three inputs, of which one takes longer: the median of all queries is that of another input."""
    found = []
    for name, of_the_last, turns in (("base", 40 * MS, "base"), ("copy", slowest_ns, "new")):
        rng = np.random.default_rng(crc32(name.encode()))
        made = [np.tile([10 * MS, 12 * MS, of_the_last], 12) * (1 + 0.002 * rng.random(36)) for _ in range(6)]
        latency = [np.rint(one).astype(np.int64) for one in made]
        arrays = [{"pass_ns": one.reshape(-1, 3).sum(axis=1)} for one in latency]
        scenario = Scenario("end-to-end", parameters={"pipeline": "own"})
        alternation = Alternation("audit", turns)  # type: ignore[arg-type]
        fake = fake_run(name, latency, arrays=arrays, scenario=scenario, alternation=alternation)
        found.append(judged(fake).plain())
    original, copy = found
    audit = audited(original.record, original, fidelity(copy, 0.2, False, twin=True), MARGIN)
    assert (audit.word, audit.code) == (word, "" if word == "passed" else "speed_of_another")


def test_a_busy_machine_accuses_no_altered_model() -> None:
    """Nor do three pairs; a factor of more than 2, and prepared answers, are seen in any state."""
    original = run("model", 5 * MS, alternation=Alternation("audit", "base"))
    copy = fidelity(run("copy", 8 * MS, alternation=Alternation("audit", "new")), 0.2, False, twin=True)
    assert audited(original.record, original, copy, MARGIN).code == "speed_of_another"
    busy = with_verdict(Side(copy), "host_busy").run
    found = audited(original.record, original, busy, MARGIN)
    assert (found.word, "host_busy" in str(found.reason), found.answers_differ) == ("cannot_tell", True, True)
    far = fidelity(run("far", 15 * MS, alternation=Alternation("audit", "new")), 0.2, False, twin=True)
    far = with_verdict(Side(far), "host_busy").run
    assert audited(original.record, original, far, MARGIN).code == "speed_of_another"
    prepared = audited(original.record, original, fidelity(busy, 1.0, True, twin=True), MARGIN)
    assert (prepared.code, prepared.answers_differ) == ("answers_prepared", False)
    three = (1, 1, 1)
    original = run("model", 5 * MS, three, alternation=Alternation("audit", "base"))
    copy = fidelity(run("copy", 8 * MS, three, alternation=Alternation("audit", "new")), 0.2, False, twin=True)
    assert audited(original.record, original, copy, MARGIN).word == "cannot_tell"


@pytest.mark.parametrize("metric", ["summary.latency_ns.p50", "summary.latency_ns.p999"])
def test_no_time_of_an_emulator_is_shown(metric: str) -> None:
    """Neither as claimed nor as measured here, and the reason is the emulator, also where too few queries were made."""
    claimed, again = (run(name, 5 * MS, target=replace(TARGET, emulated=True)) for name in ("a", "b"))
    found = answer(row(claimed, metric), Side(claimed), Side(again), MARGIN)
    assert (found.word, found.claimed, found.again) == ("cannot_tell", None, None)
    assert getattr(found.reason, "code", "") == "submission.emulated_figure"


def test_the_audit_of_an_emulator_looks_at_answers_alone() -> None:
    """Its times are of no device."""
    record = run("model", 5 * MS, target=replace(TARGET, emulated=True)).record
    copy = fidelity(run("copy", 50 * MS), 0.2, False, twin=True)
    assert audited(record, None, copy, MARGIN).word == "passed"
    assert audited(record, None, fidelity(copy, 1.0, True, twin=True), MARGIN).code == "answers_prepared"
    assert audited(record, None, fidelity(copy, 1.0, True), MARGIN).word == "cannot_tell"


def test_a_yardstick_of_another_target_is_none() -> None:
    """Nor is one of two that claim to have taken turns with the same run: which of them did is not known."""
    claimed = side("claim", 5 * MS)
    assert claimed.yardstick is not None
    record = claimed.yardstick.record
    elsewhere = replace(record.plan, target=replace(record.plan.target, id="other:cpu"))
    optioned = replace(record.plan, target=replace(record.plan.target, options_requested={"threads": "1"}))
    for plan in (elsewhere, optioned):
        moved = replace(claimed.yardstick, record=replace(record, plan=plan))
        assert yardstick_of(claimed.run, [claimed.run, moved]) is None
    second = replace(claimed.yardstick, record=replace(record, record_id="second"))
    assert yardstick_of(claimed.run, [claimed.run, claimed.yardstick]) == claimed.yardstick
    assert yardstick_of(claimed.run, [claimed.yardstick, second]) is None


def minutes_of(name: str, after_ms: float, throttle_minute: float, processes: int) -> Side:
    """Of ten minutes at a query every 100 ms, which take ``after_ms`` from a minute on."""
    scenario = sustained(10)
    level = [noisy(lambda minute: 100.0 if minute < throttle_minute else after_ms, seed) for seed in range(processes)]
    found = run_of([played(Device(one), scenario) for one in level], scenario)
    return Side(judged(replace(found, record=replace(found.record, record_id=name))).plain())


@pytest.mark.parametrize(
    ("metric", "unit", "after_ms", "at", "processes", "word"),
    [
        ("retained_fraction", "%", 125, 4, 1, "reproduced"),
        ("retained_fraction", "%", 160, 4, 1, "cannot_tell"),
        ("retained_fraction", "%", 160, 4, 5, "not_reproduced"),
        ("time_to_throttle_ns", "ms", 125, 4, 1, "reproduced"),
        ("time_to_throttle_ns", "ms", 125, 6, 1, "cannot_tell"),
        ("steady_rate_per_s", "queries/s", 125, 4, 1, "cannot_tell"),
        ("steady_rate_per_s", "queries/s", 125, 4, 3, "reproduced"),
    ],
)
def test_of_a_run_of_minutes_its_own_parts_are_confirmed(
    metric: str, unit: str, after_ms: float, at: float, processes: int, word: str
) -> None:
    """Without a yardstick: the speed of the machine cancels in a retained fraction, and not in a rate."""
    claimed, here = minutes_of("claim", 125, 4, processes), minutes_of("here", after_ms, at, processes)
    asked = row(claimed.run, f"summary.figures.{metric}.value", unit)
    one = replace(asked.criterion, direction="at_least", scenario="sustained:minutes=10")
    assert answer(replace(asked, criterion=one), claimed, here, MARGIN).word == word


def test_a_point_of_a_curve_is_compared_by_process() -> None:
    """A criterion that names an idle time is answered as any other."""
    point = np.tile([*[0] * 10, 1], 6)
    idle_ns = np.where(point == 1, 100 * MS, 0)
    scenario = Scenario("wake", parameters={"idle_ms": (100,), "wakes": 6})
    arrays = {"point": point, "idle_ns": idle_ns, "idle_cpu_ns": idle_ns // 10}

    def woken(name: str) -> Side:
        rng = np.random.default_rng(crc32(name.encode()))
        parts = [np.rint(np.choose(point, [2 * MS, 8 * MS]) * (1 + 0.002 * rng.random(len(point)))) for _ in range(6)]
        latency = [part.astype(np.int64) for part in parts]
        return Side(judged(fake_run(name, latency, arrays=[arrays] * 6, scenario=scenario)).plain())

    claimed = woken("claim")
    asked = row(claimed.run, "summary.curves.latency_p50_ns.at.100")
    assert answer(asked, claimed, woken("here"), MARGIN).word == "reproduced"
