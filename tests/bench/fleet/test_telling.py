"""What the process that measures an order says of it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.contracts import Scenario
from bench.fleet.device.carrying import Said, Telling, TellingYardstick, of_order
from bench.suite.plan import Plan
from bench.suite.suite import ModelAsk, Suite, TargetAsk

PLAN: Any = Plan(())


@pytest.fixture
def pipe() -> Any:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def said(pipe: tuple[int, int]) -> Callable[[], list[tuple[str, str]]]:
    def read() -> list[tuple[str, str]]:
        os.write(pipe[1], b"\n")
        lines = os.read(pipe[0], 1 << 16).splitlines()
        return [(one.kind, str(one.text)) for one in (msgspec.json.decode(line, type=Said) for line in lines if line)]

    return read


def test_who_is_waited_for_is_told_before_anything_else(pipe: tuple[int, int], said: Any) -> None:
    """And a repeat once, as it begins."""
    telling = Telling(pipe[1])
    telling.step("waiting for a run by hand")
    telling.planned(PLAN)
    telling.step("reading the model")
    telling.turn(0, PLAN)
    for text in ("repeat 1", "warm-up", "half of it"):
        telling.step(text)
    assert [("waits", "waiting for a run by hand"), ("step", "reading the model"), ("turn", "repeat 1")] == said()


def test_a_yardstick_says_what_it_waits_for_and_when_it_is_measured(pipe: tuple[int, int], said: Any) -> None:
    """Not that it is one while a run by hand is waited for."""
    yardstick = TellingYardstick(Telling(pipe[1]))
    yardstick.step("waiting for a run by hand")
    assert [("waits", "waiting for a run by hand")] == said()
    yardstick.planned(PLAN)
    yardstick.step("repeat 1")
    ((kind, text),) = said()
    assert "turn" == kind
    assert text.startswith("yardstick")


def test_an_order_has_a_name_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of its model's file or folder, or of a built-in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model" / "llm-1.7b").mkdir(parents=True)
    (tmp_path / "model" / "net.v2.onnx").touch()
    for source, model in (("tiny", "tiny"), ("model/net.v2.onnx", "net.v2"), ("model/llm-1.7b", "llm-1.7b")):
        suite = Suite(models=(ModelAsk(source),), targets=(TargetAsk("t:d"),), scenarios=(Scenario("offline"),))
        said = of_order(suite)
        assert (model, "t:d", "offline") == (said.model, said.target, said.scenario)
    assert "" == of_order(Suite()).model
