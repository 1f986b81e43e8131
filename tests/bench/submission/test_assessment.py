"""A submission is decided by the figures of its records, and by nothing else."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.errors import InputError
from bench.record.energy import EnergySummary
from bench.record.record import RecordedRun
from bench.scenarios.kinds import KINDS, parse_scenario, settled
from bench.store.derived import judged
from bench.submission.assessment import assess, assessed
from bench.submission.criterion import Criterion
from bench.submission.decision import Decision, achievement, decide
from bench.submission.figures import Seen, figure_kind, figure_kinds
from bench.submission.form import Submission, SubmittedModel, SubmittedTarget
from bench.submission.track import track_named, track_names
from bench.submission.units import UNITS
from bench.testing.records import fake_run


def criterion(**fields: object) -> Criterion:
    plain = {
        "id": "p50",
        "title": "p50",
        "metric": "summary.latency_ns.p50",
        "direction": "at_most",
        "target": 10.0,
        "unit": "ms",
        "weight": 100.0,
    }
    return Criterion(**{**plain, **fields})  # type: ignore[arg-type]


def test_every_track_can_be_read() -> None:
    """Its id is its file's name, and its weights sum to 100."""
    for name in track_names():
        track = track_named(name)
        assert track.id == name
        assert sum(one.weight for one in track.criteria) == 100


def submission(*criteria: Criterion) -> Submission:
    return Submission(
        format=1,
        track="inspection-drone",
        rules=1,
        models=(SubmittedModel(id="fake", source="fake"),),
        targets=(SubmittedTarget(id="null:cpu"),),
        criteria=criteria,
    )


def run(p50_ns: int = 4_000_000) -> RecordedRun:
    """Six processes of 20 queries each, the slowest 1 % slower than the fastest."""
    parts = [np.full(20, p50_ns + i * p50_ns // 500, np.int64) for i in range(6)]
    return judged(fake_run("r1", parts)).plain()


@pytest.mark.parametrize(
    ("target", "direction", "word"),
    [
        (10.0, "at_most", "met"),
        (4.02, "at_most", "cannot_tell"),
        (3.0, "at_most", "not_met"),
        (3.0, "at_least", "met"),
        (10.0, "at_least", "not_met"),
    ],
)
def test_the_whole_interval_decides(target: float, direction: str, word: str) -> None:
    """A target inside the 95 % interval is not decided by the estimate."""
    (row,) = assessed(submission(criterion(target=target, direction=direction)), [run()]).rows
    assert (row.decision.word, row.record_id) == (word, "r1")


def test_without_a_record_nothing_is_decided() -> None:
    """The reason says what is missing, and the weight counts as undecided."""
    found = assessed(submission(criterion()), [])
    assert found.rows[0].decision.word == "cannot_tell"
    assert (found.met, found.not_met, found.undecided) == (0, 0, 100)
    assert found.achievement is None


def test_speed_of_an_emulator_decides_nothing() -> None:
    """Its sizes do."""
    made = run()
    target = replace(made.record.plan.target, emulated=True)
    emulated = replace(made, record=replace(made.record, plan=replace(made.record.plan, target=target)))
    size = criterion(id="size", metric="plan.model.size_bytes", target=1.0, unit="kB")
    speed, exact = assessed(submission(criterion(), size), [emulated]).rows
    assert speed.decision.word == "cannot_tell"
    assert exact.decision == Decision("met", 1.0)


def test_what_cannot_be_measured_yet_is_never_met() -> None:
    """Scenarios and figures of a later version."""
    rows = assessed(
        submission(criterion(scenario="standby:minutes=10"), criterion(metric="later.standby")), [run()]
    ).rows
    assert [row.decision.word for row in rows] == ["cannot_tell", "cannot_tell"]


def metered(tier: str) -> RecordedRun:
    """A run whose energy is of that tier, with its interval."""
    made = run()
    energy = EnergySummary(tier=tier, joules_per_inference=0.4, joules_per_inference_ci95=(0.39, 0.41))
    return replace(made, record=replace(made.record, summary=replace(made.record.summary, energy=energy)))


@pytest.mark.parametrize(
    ("tier", "evidence", "word"),
    [
        ("meter", ("device", "energy_meter", "external_meter"), "met"),
        ("sensor", ("device", "energy_meter", "external_meter"), "cannot_tell"),
        ("sensor", ("device", "energy_meter"), "met"),
    ],
)
def test_an_external_meter_is_not_replaced_by_a_sensor(tier: str, evidence: tuple[str, ...], word: str) -> None:
    """Where the criterion demands one."""
    asked = criterion(
        metric="summary.energy.joules_per_inference", target=0.5, unit="J", evidence=evidence, direction="at_most"
    )
    (row,) = assessed(submission(asked), [metered(tier)]).rows
    assert row.decision.word == word
    if word == "cannot_tell":
        assert "power meter" in str(row.decision.reason)


def played(text: str) -> RecordedRun:
    """A run in the scenario that ``-s`` takes as ``text``."""
    made = run()
    name = text.partition(":")[0]
    asked = settled(parse_scenario(text, KINDS[name]), KINDS[name])
    return replace(made, record=replace(made.record, plan=replace(made.record.plan, scenario=asked)))


CAMERA = "fixed-rate:rate=30,deadline=33.3ms"


@pytest.mark.parametrize(
    ("asked", "measured", "counts"),
    [
        (CAMERA, CAMERA, True),
        (CAMERA, "fixed-rate:rate=30", False),
        (CAMERA, "fixed-rate:rate=10,deadline=33.3ms", False),
        ("fixed-rate:rate=30", "fixed-rate:rate=30", True),
        ("fixed-rate:rate=30", "fixed-rate:rate=30,deadline=1s", False),
        ("multi-stream", "multi-stream:streams=4", True),
    ],
)
def test_a_run_with_other_parameters_does_not_count(asked: str, measured: str, counts: bool) -> None:
    """A deadline of its own makes another scenario; the reason names what there is."""
    (row,) = assessed(submission(criterion(scenario=asked)), [played(measured)]).rows
    assert bool(row.record_id) is counts
    if not counts:
        assert asked in str(row.decision.reason)
        assert "fixed-rate:rate_per_s=" in str(row.decision.reason)


def test_achievement_is_by_direction() -> None:
    """달성도: target / figure where less is better."""
    assert achievement(criterion(target=10.0), 5e6) == 2.0
    assert achievement(criterion(target=10.0, direction="at_least"), 5e6) == 0.5
    assert achievement(criterion(target=0.0), 5e6) is None


def test_an_unknown_uncertainty_decides_nothing() -> None:
    """One process has no interval between processes."""
    kind = figure_kind("summary.throughput_per_s")
    word = decide(criterion(unit="queries/s"), kind, Seen(value=3.0, n=1), run().record).word
    assert word == "cannot_tell"


def test_every_figure_has_a_unit_for_targets() -> None:
    """A criterion can state its target in it."""
    bases = {base for base, _ in UNITS.values()}
    assert {kind.unit for kind in figure_kinds().values()} <= bases


def test_a_wrong_field_is_named(tmp_path: Path) -> None:
    """With the file."""
    (tmp_path / "submission.toml").write_text('format = 1\ntrack = "x"\nrules = 1\ncolour = 3\n')
    with pytest.raises(InputError, match=r"submission\.toml.*colour"):
        assess(tmp_path)
