"""A run beside its yardstick: its own figures by its own repeats, and the yardstick's as many."""

from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.analysis.repeats import Seen
from bench.errors import RunFailure
from bench.execution import interleaved
from bench.execution.interleaved import Steps, _pair
from bench.execution.one_run import Gathering
from bench.execution.suite_run import Listener
from bench.execution.yardsticks import run_beside_yardsticks
from bench.plugins import Catalog, discover
from bench.record.evidence import OTHER_SIDE, RepeatRule, of_yardstick
from bench.record.record import RecordedRun
from bench.store.records import load_records, prepare_folder
from bench.submission.measuring.yardstick import is_yardstick, yardstick_of
from bench.suite.plan import PlannedRun
from bench.suite.presets import PRESETS
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.words import Sentence, speaking

pytestmark = pytest.mark.process

PLUGINS = Path(__file__).resolve().parents[3] / "bench" / "testing" / "plugins.py"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover([PLUGINS])


class Told(Listener):
    """What a progress bar is told."""

    def __init__(self) -> None:
        self.turns: list[int] = []
        self.steps: list[str] = []

    def turn(self, index: int, run: PlannedRun) -> None:
        self.turns.append(index)

    def step(self, text: Sentence | str) -> None:
        with speaking("en"):
            self.steps.append(str(text))


TOLD = Told()


@pytest.fixture(scope="module")
def measured(
    catalog: Catalog, own_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[RecordedRun], list[RecordedRun]]:
    """The suite's own records, and all that are on disk."""
    cache, out = own_cache, tmp_path_factory.mktemp("out")
    suite = Suite(
        models=(ModelAsk("fake"),),
        targets=(TargetAsk("null:cpu", {"latency_us": "200"}),),
        repeats=2,
        max_seconds=0.2,
    )
    recorded = run_beside_yardsticks(suite, catalog, out, task_of=lambda run: "tensor", cache=cache, listener=TOLD)
    return recorded, load_records(out)


def test_both_are_measured_and_one_is_the_suites(measured: tuple[list[RecordedRun], list[RecordedRun]]) -> None:
    """They took turns, and each knows which it is."""
    recorded, every = measured
    assert len(recorded) == 1
    assert len(every) == 2
    turns = [run.record.plan.alternation for run in every]
    assert [one.side for one in turns if one is not None] == ["base", "new"]
    assert [of_yardstick(one) for one in turns] == [True, False]


def test_progress_counts_each_repeat_of_both_once(measured: tuple[list[RecordedRun], list[RecordedRun]]) -> None:
    """What the yardstick does is named so; the run needs no name beside the line's own."""
    assert TOLD.turns == [0, 0]
    assert any(step.startswith("yardstick: ") for step in TOLD.steps)
    assert not any(step.startswith(("base: ", "new: ")) for step in TOLD.steps)


def test_the_run_has_its_own_rule(measured: tuple[list[RecordedRun], list[RecordedRun]]) -> None:
    """The number of repeats that was asked for, as long as alone; the yardstick has as many."""
    _, every = measured
    assert [len(run.record.repeats) for run in every] == [2, 2]
    assert {run.record.plan.rule.max_duration_ns for run in every} == {200_000_000}
    assert {run.record.repeats_ended for run in every} == {"fixed"}


def test_a_yardstick_that_would_need_more_repeats_ends_with_its_run(
    catalog: Catalog, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has reached its precision after five pairs; the yardstick has two speeds, and time left. Both records can
    be read back."""
    quick = PRESETS["quick"]
    brief = replace(
        quick,
        repeats=RepeatRule(5, 9, budget_ns=100_000_000_000),
        rule=replace(quick.rule, warmup_max_duration_ns=50_000_000),
    )
    for module in ("suite.plan", "store.plan_contradictions"):
        monkeypatch.setattr(f"bench.{module}.PRESETS", {"quick": brief})
    p50_of_base_and_new = cycle((100.0, 100.0, 150.0, 100.0))
    monkeypatch.setattr(
        "bench.execution.one_run.seen_of",
        lambda *given, took_ns: Seen(next(p50_of_base_and_new), disturbed=False, took_ns=1_000_000_000),
    )
    suite = Suite(models=(ModelAsk("fake"),), targets=(TargetAsk("null:cpu", {"latency_us": "200"}),), max_seconds=0.05)
    run_beside_yardsticks(
        suite, catalog, prepare_folder(tmp_path / "out"), task_of=lambda run: "tensor", cache=own_cache
    )
    base, new = load_records(tmp_path / "out")
    assert is_yardstick(base.record)
    assert [(5, "other_side"), (5, "precise")] == [
        (len(run.record.repeats), run.record.repeats_ended) for run in (base, new)
    ]


def test_the_run_is_found_with_its_yardstick(measured: tuple[list[RecordedRun], list[RecordedRun]]) -> None:
    """By the group of their turns."""
    base, new = measured[1]
    assert [is_yardstick(run.record) for run in (base, new)] == [True, False]
    assert yardstick_of(new, measured[1]) is base
    assert yardstick_of(base, measured[1]) is None


def test_without_a_yardstick_a_run_is_measured_alone(tmp_path: Path) -> None:
    """As on a target that no model of this project runs on."""
    every = discover([PLUGINS])
    models = tuple(ref for ref in every.refs if ref.kind != "models" or ref.from_file)
    suite = Suite(models=(ModelAsk("fake"),), targets=(TargetAsk("null:cpu"),), repeats=1, max_seconds=0.1)
    (run,) = run_beside_yardsticks(
        suite, Catalog(models), tmp_path, task_of=lambda one: "tensor", cache=tmp_path / "cache"
    )
    assert run.record.plan.alternation is None
    assert run.record.status == "ok"


PICKY = """
from bench.errors import RunFailure
from bench.testing import FakeModel, NullTarget


class Picky(NullTarget):
    def check(self, artifact, device, options):
        if not artifact.model_id.startswith("fake"):
            raise RunFailure("unsupported_operator", "an operator is missing", "", "compile")


PLUGINS = {"models": {"fake": FakeModel}, "targets": {"picky": Picky, "null": NullTarget}}
"""


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_run_whose_yardstick_fails_is_measured_alone(
    when: str, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is measured, or in its first process: the run that counts has all its repeats and took no turns, and
    no record of fewer repeats is there beside it."""
    (tmp_path / "picky.py").write_text(PICKY)

    def pair(sides: list[Gathering], index: int, *others: Any) -> Steps:
        def fail() -> None:
            raise RunFailure("runtime_error", "crashed", "", "steady")

        (base, _), new = _pair(sides, index, *others)
        return [(base, fail), new]

    if when == "while":
        monkeypatch.setattr(interleaved, "_pair", pair)
    target = TargetAsk("picky:cpu" if when == "before" else "null:cpu", {"latency_us": "200"})
    suite = Suite(models=(ModelAsk("fake"),), targets=(target,), repeats=2, max_seconds=0.1)
    catalog, out = discover([tmp_path / "picky.py"]), prepare_folder(tmp_path / "out")
    (run,) = run_beside_yardsticks(suite, catalog, out, task_of=lambda one: "tensor", cache=own_cache)
    assert (run.record.status, len(run.record.repeats), run.record.plan.alternation) == ("ok", 2, None)
    others = [one.record for one in load_records(out) if one.record.record_id != run.record.record_id]
    assert [(one.status, is_yardstick(one)) for one in others] == [("failed", True), ("failed", False)]
    assert [one.failure.phase for one in others if one.failure] == [
        "compile" if when == "before" else "steady",
        OTHER_SIDE,
    ]
