"""Which records decide a criterion: of its kind of model, its scenario, its device or what stands in for that."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Scenario
from bench.contracts.model import Task
from bench.record.asked import Asked, NamedFile
from bench.record.evidence import Alternation
from bench.record.record import RecordedRun
from bench.store.derived import judged
from bench.submission.assessment import assessed
from bench.submission.criterion import Criterion
from bench.submission.form import Submission, SubmittedModel, SubmittedTarget
from bench.submission.matching import is_of, is_played
from bench.testing.records import fake_run

CRITERION = Criterion(
    id="p50", title="p50", metric="summary.latency_ns.p50", direction="at_most", target=10, unit="ms", weight=100
)


def run(
    record_id: str,
    target: str = "chip:npu",
    *,
    scenario: Scenario | None = None,
    emulated: bool = False,
    task: Task = "tensor",
) -> RecordedRun:
    made = judged(fake_run(record_id, [np.full(20, 4_000_000 + i * 1000, np.int64) for i in range(6)])).plain()
    plan = made.record.plan
    planned = replace(
        plan,
        model=replace(plan.model, task=task),
        target=replace(plan.target, id=target, emulated=emulated),
        scenario=scenario or plan.scenario,
    )
    return replace(made, record=replace(made.record, plan=planned))


def submission(criterion: Criterion) -> Submission:
    """With a chip, its emulator, and the developer's CPU."""
    return Submission(
        format=1,
        track="t",
        rules=1,
        models=(SubmittedModel(id="fake", source="fake"),),
        targets=(
            SubmittedTarget(id="chip:npu"),
            SubmittedTarget(id="chip:emulator", stand_in=True),
            SubmittedTarget(id="host:cpu"),
        ),
        criteria=(criterion,),
    )


def decided_by(criterion: Criterion, runs: Sequence[RecordedRun]) -> tuple[str, str]:
    """The record that decides, and the word."""
    (row,) = assessed(submission(criterion), runs).rows
    return row.record_id, row.decision.word


def test_the_developers_cpu_does_not_decide_for_the_chip() -> None:
    """Where the criterion names the chip: with a CPU's record alone it stays undecided."""
    cpu = run("cpu", "host:cpu")
    assert decided_by(replace(CRITERION, device="chip:npu"), [cpu]) == ("", "cannot_tell")
    assert decided_by(CRITERION, [cpu]) == ("cpu", "met")


def test_an_emulator_stands_in_for_the_device_of_its_plugin() -> None:
    """For sizes and the like, but not for speed, and only where the device itself is missing."""
    emulated = run("emu", "chip:emulator", emulated=True)
    size = replace(CRITERION, metric="plan.model.size_bytes", unit="MB", target=1000, device="chip:npu")
    assert decided_by(size, [emulated]) == ("emu", "met")
    assert decided_by(replace(CRITERION, device="chip:npu"), [emulated]) == ("emu", "cannot_tell")
    assert decided_by(size, [emulated, run("npu")]) == ("npu", "met")
    assert decided_by(replace(size, device="host:cpu"), [emulated]) == ("", "cannot_tell")


def test_a_model_of_another_kind_decides_nothing() -> None:
    """``applies`` names the kind."""
    tensors = run("r")
    assert decided_by(replace(CRITERION, applies="tensor"), [tensors]) == ("r", "met")
    assert decided_by(replace(CRITERION, applies="text_generation"), [tensors]) == ("", "cannot_tell")


@pytest.mark.parametrize(
    ("asked", "played"),
    [
        ("", True),
        ("multi-stream", True),
        ("multi-stream:streams=4", True),
        ("multi-stream:streams=8", False),
        ("multi-stream:streams=4,compile_cache=warm", False),
        ("multi-stream:streams=many", False),
        ("single-stream", False),
    ],
)
def test_a_scenario_is_that_of_the_parameters_asked_for(asked: str, played: bool) -> None:
    """Four streams are not eight, and a cold compilation is not a warm one."""
    record = run("r", scenario=Scenario("multi-stream", parameters={"streams": 4})).record
    assert is_played(record, asked) is played


def test_a_warm_start_does_not_count_as_a_cold_one() -> None:
    """Unless the criterion asks for the warm one."""
    record = run("r", scenario=Scenario("single-stream", compile_cache="warm")).record
    assert not is_played(record, "single-stream")
    assert is_played(record, "single-stream:compile_cache=warm")


def test_a_missing_figure_of_an_emulator_is_the_emulators() -> None:
    """More queries in the emulator would not help: it says that its speed is no evidence."""
    emulated = run("emu", "chip:emulator", emulated=True)
    tail = replace(CRITERION, metric="summary.latency_ns.p99")
    for made, told in ((emulated, "emulator"), (run("npu"), "662 queries")):
        (row,) = assessed(submission(tail), [made]).rows
        assert row.seen.value is None
        assert told in str(row.decision.reason)


def turning(made: RecordedRun, side: Literal["base", "new"], name: str, asked: Asked) -> RecordedRun:
    """``made`` of the model ``name``, measured in alternation."""
    plan = made.record.plan
    planned = replace(
        plan, alternation=Alternation("g", side), asked=asked, model=replace(plan.model, id=name, sha256=side * 16)
    )
    return replace(made, record=replace(made.record, plan=planned))


@pytest.mark.parametrize("source", ["fake.onnx", "models/fake.onnx", "fake"])
def test_a_yardstick_decides_nothing(source: str) -> None:
    """Neither for a file of the same name as the built-in that is the yardstick, nor where that is submitted."""
    built_in = Asked(kind="built_in", model=NamedFile("fake"))
    given = built_in if source == "fake" else Asked(kind="file", model=NamedFile("fake.onnx"))
    pair = [turning(run("yard"), "base", "fake", built_in), turning(run("own"), "new", "fake", given)]
    model = SubmittedModel(id="m", source=source)
    found = assessed(replace(submission(CRITERION), models=(model,)), pair)
    assert [(row.record_id, row.others) for row in found.rows] == [("own", ())]
    assert [one.record.record_id for one in found.own] == ["own"]
    assert is_of(pair[1].record, model)
    assert is_of(pair[0].record, model) == (source == "fake")
