"""A run has a usable record where the record says that exactly the same was asked, and is complete."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench import __version__
from bench.contracts import Device, Scenario
from bench.plugins import PluginRef
from bench.record.evidence import RepeatRule
from bench.record.record import Failure, Record, Tool
from bench.record.shown.redact import option_without_paths
from bench.submission.measuring.remaining import record_of, skipped_record
from bench.suite.asked import asked_of
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice, settle_scenario
from bench.suite.presets import PRESETS
from bench.suite.suite import ModelAsk
from bench.testing.records import fake_run

SHA = "f" * 64
ASK = ModelAsk("models/net.onnx", shapes={"x": (1, 3)})
MODEL = ModelChoice(ASK, PluginRef("models", ".onnx", "", ""), "tensor", ("onnx",))
TARGET = TargetChoice(
    PluginRef("targets", "ort", "", ""), Device("cpu", True), {"log": "/home/ann/x", "n": "1"}, ("onnx",), ("tensor",)
)
RUN = PlannedRun(
    MODEL,
    TARGET,
    Scenario("multi-stream", parameters={"streams": 4}),
    PRESETS["quick"].rule,
    "quick",
    3,
    7,
    repeat_rule=RepeatRule(3, 3),
)


def record_for(run: PlannedRun, record_id: str = "r", **fields: object) -> Record:
    """The record that ``run`` leaves."""
    made = fake_run(record_id, [np.full(20, 1_000_000)]).record
    plan = replace(
        made.plan,
        target=replace(
            made.plan.target,
            id=run.target.id,
            options_requested={key: option_without_paths(value) for key, value in run.target.options.items()},
        ),
        scenario=settle_scenario(run.scenario, "tensor", False),
        preset=run.preset,
        seed=run.seed,
        strict_placement=run.strict_placement,
        repeat_rule=run.repeat_rule,
        asked=asked_of(run),
    )
    return replace(made, plan=plan, **fields)


def usable(run: PlannedRun, *records: Record, sha256: str | None = SHA) -> str | None:
    found = record_of(run, lambda: sha256, records)
    return None if found is None else found.record_id


def test_its_own_record_is_usable() -> None:
    """The newest of several."""
    newer = record_for(RUN, "newer", created_utc="2026-06-04T10:11:12+00:00")
    assert usable(RUN, newer, record_for(RUN)) == "newer"


CHANGES: dict[str, Callable[[PlannedRun], PlannedRun]] = {
    "target": lambda run: replace(run, target=replace(run.target, device=Device("npu", True))),
    "option": lambda run: replace(run, target=replace(run.target, options={"n": "2"})),
    "scenario": lambda run: replace(run, scenario=Scenario("offline")),
    "parameter": lambda run: replace(run, scenario=Scenario("multi-stream", parameters={"streams": 8})),
    "cache": lambda run: replace(run, scenario=replace(run.scenario, compile_cache="warm")),
    "lanes": lambda run: replace(run, scenario=replace(run.scenario, lanes=3)),
    "preset": lambda run: replace(run, preset="strict"),
    "seed": lambda run: replace(run, seed=8),
    "repeats": lambda run: replace(run, repeat_rule=RepeatRule(6, 24)),
    "seconds": lambda run: replace(run, max_seconds=1.0),
    "strict": lambda run: replace(run, strict_placement=True),
    "checks": lambda run: replace(run, check_inputs=9),
    "shape": lambda run: replace(run, model=replace(run.model, ask=replace(ASK, shapes={"x": (2, 3)}))),
    "dataset": lambda run: replace(run, model=replace(run.model, ask=replace(ASK, dataset="photos"))),
    "name": lambda run: replace(run, model=replace(run.model, ask=replace(ASK, source="models/other.onnx"))),
}


@pytest.mark.parametrize("what", CHANGES)
def test_another_request_is_left(what: str) -> None:
    """Whatever it is that differs; the changed run's own record is usable for it, and the other is not."""
    changed = CHANGES[what](RUN)
    assert (None, None) == (usable(changed, record_for(RUN)), usable(RUN, record_for(changed)))
    assert usable(changed, record_for(changed)) == "r"


def test_the_models_bytes_decide() -> None:
    """A model that was changed since, or that cannot be read, is measured again."""
    assert (None, None) == (usable(RUN, record_for(RUN), sha256="a" * 64), usable(RUN, record_for(RUN), sha256=None))


def test_a_model_is_read_only_if_all_else_is_the_same() -> None:
    """To hash a large model takes long."""

    def read() -> str:
        raise AssertionError

    assert record_of(replace(RUN, seed=8), read, [record_for(RUN)]) is None


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_what_failed_is_tried_again(status: str) -> None:
    """And what was interrupted."""
    failed = record_for(RUN, status=status, failure=Failure("steady", "interrupted", "stopped", ""))
    assert usable(RUN, failed) is None


def test_files_are_compared_by_their_bytes(tmp_path: Path) -> None:
    """An input that was replaced under its name is another."""
    (tmp_path / "cat.npy").write_bytes(b"1")
    fed = replace(RUN, model=replace(MODEL, ask=replace(ASK, inputs={"x": str(tmp_path / "cat.npy")})))
    made = record_for(fed)
    assert usable(fed, made) == "r"
    (tmp_path / "cat.npy").write_bytes(b"2")
    assert usable(fed, made) is None


def test_open_token_counts_are_those_that_were_settled() -> None:
    """A record of text holds the numbers that were used; a run that asks for those by number is the same."""
    text = replace(RUN, scenario=Scenario("single-stream"))
    made = record_for(text)
    played = Scenario("single-stream", prompt_tokens=64, generate_tokens=32, depth_tokens=0)
    told = replace(
        made, plan=replace(made.plan, scenario=played, model=replace(made.plan.model, task="text_generation"))
    )
    assert usable(text, told) == "r"
    assert usable(replace(text, scenario=Scenario("single-stream", prompt_tokens=16)), told) is None


def told(run: PlannedRun, record: Record, sha256: str = SHA) -> bool:
    return skipped_record(run, lambda: sha256, [record]) is record


def test_a_skip_is_told_once() -> None:
    """For the same reason; for another it is told again."""
    why = Failure("plan", "unavailable", "no driver", "get it")
    skipped = replace(RUN, skip=why)
    made = record_for(skipped, status="skipped", failure=why)
    assert (True, False) == (told(skipped, made), told(RUN, made))
    assert not told(replace(RUN, skip=replace(why, sentence="no device")), made)
    assert not told(replace(skipped, seed=8), made)


def test_what_a_target_does_not_support_is_told_once() -> None:
    """Of the same model by the same version of this tool; another may support it."""
    why = Failure("compile", "unsupported_scenario", "no cache", "")
    made = record_for(RUN, status="skipped", failure=why, tool=Tool("ondevice-bench", __version__))
    assert told(RUN, made)
    assert not told(RUN, made, sha256="a" * 64)
    assert not told(RUN, replace(made, tool=Tool("ondevice-bench", "0.0.0")))
    assert not told(RUN, replace(made, failure=replace(why, kind="runtime_error")))
