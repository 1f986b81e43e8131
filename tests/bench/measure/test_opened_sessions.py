"""What a target returned is told apart once, where it is opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.contracts import OpenRequest, Task, Tensors, TensorSession
from bench.errors import RunFailure
from bench.measure.text_driver import OpenedText, open_session
from bench.testing import FakeFacts, FakeTensorSession, FakeTokenSession, NullTarget, fake_artifact, no_phase


class Opening(NullTarget):
    """Opens whatever it was given."""

    def __init__(self, session: Any) -> None:
        self.session = session

    def open(self, request: OpenRequest, phase: Any) -> Any:
        return self.session


class Stream(FakeFacts):
    """Generates by itself, and puts a token of its own into the cache."""

    def fill(self, ids: Any) -> None: ...

    def generate(self, ids: Any, tokens: int, on_token: Any) -> None: ...

    def held_exactly(self) -> bool:
        return False


class Everything(FakeTokenSession):
    """A token session with all that one may offer."""

    def logits(self, ids: Any) -> Any:
        return np.zeros((len(ids), 5), np.float32)

    def tokenizer(self) -> Any:
        return "a tokenizer"

    def renew(self, tokens: int) -> None:
        self.position = -tokens

    def settle(self) -> None:
        self.position = -1


def opened(tmp_path: Path, session: Any, task: Task) -> Any:
    (tmp_path / "net.onnx").touch()
    artifact = fake_artifact(tmp_path / "net.onnx", task)
    return open_session(Opening(session), OpenRequest(artifact, "cpu"), no_phase)


def test_the_timed_call_is_the_targets_own(tmp_path: Path) -> None:
    """What a session answers is checked; what ``bind`` returns is not wrapped."""

    def call() -> None:
        pass

    class Session(FakeTensorSession):
        def bind(self, feeds: Tensors) -> Callable[[], None]:
            return call

    session = opened(tmp_path, Session({}), "tensor")
    assert isinstance(session, TensorSession)
    assert session.bind({}) is call


def test_a_session_that_is_asked_for_tokens(tmp_path: Path) -> None:
    """It has steps, and what was put into its cache is all that is there; what it does not offer is ``None``."""
    session = FakeTokenSession({})
    text = opened(tmp_path, session, "text_generation")
    assert isinstance(text, OpenedText)
    assert (session, True, None) == (text.steps, text.held_exactly(), text.tokenizer())
    assert (None, None, None) == (text.logits, text.renew, text.settle)
    assert session.facts() == text.facts()
    assert (1, 2, 3) == text.greedy(np.zeros(0, np.int64), np.ones(1, np.int64), 3)


def test_a_session_that_generates_by_itself(tmp_path: Path) -> None:
    """It has no steps, and says itself what it holds."""
    text = opened(tmp_path, Stream({}), "text_generation")
    assert (None, False) == (text.steps, text.held_exactly())


def test_what_a_session_may_offer_is_passed_on(tmp_path: Path) -> None:
    """Each method is the session's own."""
    session = Everything({})
    text = opened(tmp_path, session, "text_generation")
    assert (3, 5) == text.logits(np.zeros(3, np.int64)).shape
    assert "a tokenizer" == text.tokenizer()
    text.renew(7)
    assert -7 == session.position
    text.settle()
    assert -1 == session.position


class NoFacts:
    """As sessions were before ``facts``."""

    inputs = outputs = ()

    def bind(self, feeds: Any) -> Any: ...

    def bind_parallel(self, feeds: Any, lanes: Any) -> Any: ...

    def results(self) -> Any: ...

    def placement(self) -> Any: ...


@pytest.mark.parametrize(
    ("session", "task", "lacks"),
    [
        (NoFacts(), "tensor", "TensorSession (facts missing)"),
        (
            FakeTokenSession({}),
            "tensor",
            "TensorSession (bind, bind_parallel, inputs, outputs, results missing)",
        ),
        (
            FakeTensorSession({}),
            "text_generation",
            "TokenSession (decode, prefill, reset missing) or StreamSession (fill, generate, held_exactly missing)",
        ),
    ],
)
def test_a_session_of_another_kind_is_the_plugins_fault(tmp_path: Path, session: Any, task: Task, lacks: str) -> None:
    """The message names the session's class and what it lacks."""
    with pytest.raises(RunFailure) as caught:
        opened(tmp_path, session, task)
    assert "plugin_error" == caught.value.kind
    opened_as = f"net is a {task} model, but the {type(session).__name__} that was opened for it is not a {lacks}"
    assert opened_as == caught.value.message
