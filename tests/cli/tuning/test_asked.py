"""What `odb tune` understands of its flags."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli.tuning.asked import asked, checked_budget
from bench.cli.tuning.tune_command import _refuse_used, command
from bench.errors import InputError
from bench.execution.tuning.opening import failed
from bench.execution.tuning.question import Asked
from bench.plugins import discover
from bench.record.record import Failure

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2m 30s", 150), ("5", 300), ("0.5m", 30)],
)
def test_a_budget_is_a_time(text: str, seconds: float) -> None:
    """A number alone is minutes."""
    assert seconds * SECOND == checked_budget(text)


@pytest.mark.parametrize("text", ["", "soon", "0", "0s", "-5m", "10x", "m", "30m1h", "999h", "nan", "1e3"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """The error names the flag."""
    with pytest.raises(InputError, match="--budget"):
        checked_budget(text)


def understood(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Asked:
    """What the command would search for; the search itself is not begun."""
    found: list[Asked] = []

    def keep(question: Asked, *others: Any) -> int:
        found.append(question)
        return 0

    monkeypatch.setattr("bench.cli.tuning.tune_command._tuned", keep)
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    return found[0]


def test_flags_of_a_run_that_are_not_given_are_as_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever flags `odb run` gets: the suite is the one that `odb run -m M -t T` would measure."""
    question = understood(monkeypatch, "-m", "mobilenet_v2", "-t", "null:cpu")
    assert (600 * SECOND, "latency", 0.03, 0) == (
        question.budget_ns,
        question.goal,
        question.tolerance,
        question.seed,
    )
    (model,), (target,), (scenario,) = question.suite.models, question.suite.targets, question.suite.scenarios
    assert ("mobilenet_v2", "null:cpu", "single-stream") == (model.source, target.id, scenario.name)
    assert question.suite.repeats is None
    assert not question.suite.strict_placement


def test_flags_that_are_given_reach_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixed options, tokens, the seed."""
    flags = ("-O", "a=1", "--goal", "memory", "--seed", "7", "-p", "32", "-n", "16", "--preset", "standard")
    question = understood(monkeypatch, "-m", "llama-15M", "-t", "null:cpu", *flags, "--tolerance", "5")
    (scenario,) = question.suite.scenarios
    assert ({"a": "1"}, 7, "standard") == (question.suite.options, question.seed, question.suite.preset)
    assert (32, 16) == (scenario.prompt_tokens, scenario.generate_tokens)
    assert ("memory", 0.05) == (question.goal, question.tolerance)


def test_a_tolerance_out_of_range_is_refused(tmp_path: Path) -> None:
    """As in a comparison."""
    given = {"models": ("mobilenet_v2",), "targets": ("null:cpu",), "options": ()}
    with pytest.raises(InputError, match="tolerance"):
        asked(given, goal="latency", budget="1m", tolerance=0.0, catalog=discover(), cache=tmp_path)


@pytest.mark.parametrize(("kind", "status"), [("bad_input", 2), ("fallback", 3), ("crashed", 3)])
def test_a_model_that_cannot_be_read_is_bad_input(kind: str, status: int) -> None:
    """Status 2, as of `odb run`; other failures of the default measure nothing."""
    assert status == failed(Failure("prepare", kind, "net.onnx: is empty", "")).exit_status


@pytest.mark.parametrize("name", ["tuning.json", "suite.toml", "base"])
def test_an_earlier_search_is_not_overwritten(tmp_path: Path, name: str) -> None:
    """Refused before anything is measured, with the file that is there; it stays as it is."""
    earlier = tmp_path / "out" / name
    earlier.parent.mkdir()
    earlier.write_text("earlier", encoding="utf-8")
    words = ["-m", "mobilenet_v2", "-t", "ort:cpu", "-o", str(earlier.parent)]
    found = CliRunner().invoke(command, words, standalone_mode=False)
    assert isinstance(found.exception, InputError)
    assert str(earlier) in found.exception.message
    assert earlier.read_text(encoding="utf-8") == "earlier"


@pytest.mark.parametrize(
    ("end", "goes_on"), [(None, True), ("interrupted", True), ("found", False), ("not_decided", False)]
)
def test_a_search_that_did_not_end_is_gone_on_with(tmp_path: Path, end: str | None, goes_on: bool) -> None:
    """Killed, it left a journal without a result; interrupted, a result that says so."""
    (tmp_path / "journal.jsonl").write_bytes(b"")
    if end is not None:
        (tmp_path / "tuning.json").write_text(f'{{"end": "{end}"}}', encoding="utf-8")
        (tmp_path / "suite.toml").write_text("", encoding="utf-8")
    if goes_on:
        _refuse_used(tmp_path)
        return
    with pytest.raises(InputError, match="earlier search"):
        _refuse_used(tmp_path)
