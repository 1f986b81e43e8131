"""Both kinds of text session, driven alike."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.analysis.text import counts, tpots
from bench.contracts import OpenRequest, Scenario
from bench.errors import PluginError
from bench.inputs.prompts import Query
from bench.measure.loop import time_generations
from bench.measure.players.single_stream import token_times
from bench.measure.text_driver import Generator, OpenedText
from bench.passes.text_check import check_text
from bench.stats.timeline import Timeline
from bench.testing import FakeFacts, FakeTokenSession, fake_artifact

Ids = np.ndarray[Any, Any]


class Told(FakeTokenSession, kw_only=True):
    """Keeps what it was asked."""

    asked: list[str]

    def prefill(self, ids: Ids) -> int:
        self.asked.append(f"prefill {ids.tolist()}")
        return super().prefill(ids)

    def reset(self) -> None:
        self.asked.append("reset")
        super().reset()


class Rewinding(Told, kw_only=True):
    """Can cut its cache back, and shows logits, which take its cache."""

    able: bool = True

    def rewinds(self) -> bool:
        return self.able

    def rewind(self, tokens: int) -> None:
        self.asked.append(f"rewind {tokens}")

    def logits(self, ids: Ids) -> Ids:
        self.asked.append("logits")
        return np.zeros((len(ids), 2), np.float32)


class Streaming(FakeFacts):
    """An engine that generates by itself, and stops after three tokens."""

    filled: tuple[int, ...] = ()

    def fill(self, ids: Ids) -> None:
        self.filled = tuple(ids.tolist())

    def held_exactly(self) -> bool:
        return True

    def generate(self, ids: Ids, tokens: int, on_token: Callable[[int], None]) -> None:
        for token in (*self.filled, *ids.tolist())[: min(3, tokens)]:
            on_token(token)


def test_a_decoder_is_filled_then_asked_for_each_token() -> None:
    """The context goes into an empty cache, the prompt after it; tokens come one by one."""
    session = Told({}, asked=[])
    assert (1, 2, 3, 1) == Generator(session).greedy(np.array([7, 8]), np.array([9]), 4)
    assert ["reset", "prefill [7, 8]", "prefill [9]"] == session.asked


def test_a_long_context_comes_in_parts_that_are_multiples_of_the_prompt() -> None:
    """The engine makes the logits of each part, and fixed graphs take as many tokens as the prompt has."""
    sizes = []
    for prompt_tokens in (0, 64, 100, 600):
        session = Told({}, asked=[])
        OpenedText(session, prompt_tokens=prompt_tokens).fill(np.arange(1100))
        sizes.append([len(asked.split(",")) for asked in session.asked[1:]])
    assert [[512, 512, 76], [512, 512, 76], [500, 500, 100], [600, 500]] == sizes


def test_a_context_that_is_still_there_is_not_computed_again() -> None:
    """Where the session can cut its cache back to it; another one, and after what used the cache, is."""
    context, other = np.array([7, 8]), np.array([7, 9])
    session = Rewinding({}, asked=[])
    opened = OpenedText(session)
    assert opened.logits is not None
    for ids in (context, context, other):
        opened.greedy(ids, np.array([5]), 1)
    opened.logits(other)
    opened.fill(other)
    opened.forget()
    opened.fill(other)
    filled = ["reset", "prefill [7, 9]"]
    assert ["reset", "prefill [7, 8]", "prefill [5]", "rewind 2", "prefill [5]", *filled, "prefill [5]"] == (
        session.asked[:8]
    )
    assert ["logits", *filled, *filled] == session.asked[8:]


@pytest.mark.parametrize("able", [True, False])
def test_an_empty_cache_is_never_reached_by_rewinding(able: bool) -> None:
    """And nothing is where the session cannot as it was opened."""
    session = Rewinding({}, asked=[], able=able)
    opened = OpenedText(session)
    assert able == opened.rewinds
    for _ in range(2):
        opened.fill(np.array([], np.int64))
    assert ["reset", "reset"] == session.asked


def test_an_end_of_sequence_token_ends_what_is_asked_for() -> None:
    """Only where it was asked for; it is the last token, and costs no further step. 1, 2, 3, 1, 2, 3 … come."""
    prompt, none = np.array([9]), np.zeros(0, np.int64)
    for stops, expected in (((3, 7), (1, 2, 3)), ((1,), (1,)), ((8,), (1, 2, 3, 1, 2)), ((), (1, 2, 3, 1, 2))):
        session = Told({}, asked=[])
        assert expected == Generator(session, stops).greedy(none, prompt, 5)
        assert len(expected) == session.position


def test_a_generation_that_ended_counts_the_tokens_that_came() -> None:
    """The rest of its row is never; the time per token is over those that came."""
    timeline, endless = Timeline(), iter([Query(np.zeros(0, np.int64), np.array([9]))] * 2)
    ticks = iter(range(0, 1_000, 10))
    time_generations(Generator(FakeTokenSession({}), (3,)), endless, 5, 2, timeline, lambda: next(ticks))
    times = token_times(timeline)
    assert [[10, 20, 30, -1, -1]] * 2 == times.tolist()
    assert ([3, 3], [10, 10]) == (counts(times).tolist(), tpots(times).tolist())


def test_without_a_context_the_cache_is_only_emptied() -> None:
    """No empty prompt is given to the engine."""
    session = Told({}, asked=[])
    Generator(session).fill(np.array([], np.int64))
    assert ["reset"] == session.asked


def test_an_engine_that_streams_may_stop_early() -> None:
    """What it gives is what there is."""
    assert (5, 6, 7) == Generator(Streaming({})).greedy(np.array([5]), np.array([6, 7, 8]), 10)


class Keeping(Streaming):
    """An engine that keeps prefixes, and answers with 9 from the second time on."""

    asked: int = 0

    def keeps_prefixes(self) -> bool:
        return True

    def forget(self) -> None:
        self.asked = 0

    def generate(self, ids: Ids, tokens: int, on_token: Callable[[int], None]) -> None:
        self.asked += 1
        for index in range(tokens):
            on_token(9 if self.asked > 1 and index else 3)


@pytest.mark.parametrize("session", [Streaming({}), Keeping({})])
def test_what_shares_its_beginning_is_kept_of_engines_that_keep_prefixes(session: Any) -> None:
    """As many numbers as queries, or none at all."""
    timeline, opened = Timeline(), OpenedText(session)
    asked = [Query(np.zeros(0, np.int64), np.array([4, 5]), shared) for shared in (0, 2, 2)]
    time_generations(opened, iter(asked), 2, 3, timeline)
    assert ([0, 2, 2] if isinstance(session, Keeping) else []) == list(timeline.shared_tokens)


def test_the_check_asks_twice_from_the_same_state(tmp_path: Path) -> None:
    """Else the second answer is that of the prefix cache, and the engine would seem not to repeat itself."""
    (tmp_path / "net.onnx").touch()
    artifact = fake_artifact(tmp_path / "net.onnx", "text_generation")
    scenario = Scenario("single_stream", prompt_tokens=4, generate_tokens=3)
    given = {"seed": 0, "prompts": None, "tokenizer": None, "forced": None, "emulated": False, "again": True}
    found = check_text(OpenedText(Keeping({})), OpenRequest(artifact, "cpu"), scenario, folder=tmp_path, **given)
    assert ((3, 3, 3), True) == (found.token_ids, found.determinism.identical)


@pytest.mark.parametrize("token", [-3, 1.5, None, "7"])
def test_what_is_no_token_id_is_the_plugins_error(token: Any) -> None:
    """A negative number, and what is no integer; named with the plugin's class."""

    class Wrong(Told):
        def decode(self) -> int:
            return token  # type: ignore[no-any-return]

    with pytest.raises(PluginError, match=rf"Wrong generated {re.escape(repr(token))}, which is not a token id"):
        Generator(Wrong({}, asked=[])).greedy(np.array([7, 8]), np.array([9]), 4)


def test_a_token_id_of_numpy_is_one() -> None:
    """As argmax returns it."""

    class Numpy(Told):
        def decode(self) -> int:
            return np.int64(5)  # type: ignore[return-value]

    assert (5, 5, 5) == Generator(Numpy({}, asked=[])).greedy(np.array([7, 8]), np.array([9]), 3)
