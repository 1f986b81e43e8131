"""Conversations on fakes that say what they were given: with the prefix kept a turn computes its own tokens alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec import field

from bench.contracts import StreamSession
from bench.errors import RunFailure
from bench.measure.conversation import Conversation, conversations, time_conversation
from bench.measure.text_driver import OpenedText
from bench.stats.timeline import Timeline
from bench.testing import FakeClock
from bench.testing.plugins import FakeFacts

TURNS = [np.array([11, 12]), np.array([21, 22, 23]), np.array([31])]


class Asked(FakeFacts):
    """A session that is asked for each token: the n-th that it generates is 100 + n. ``cache``: what it holds."""

    cache: list[int] = field(default_factory=list)
    fed: list[tuple[int, ...]] = field(default_factory=list)
    resets: int = 0
    said: int = 0
    clock: FakeClock | None = None

    def prefill(self, ids: "np.ndarray[Any, Any]") -> int:
        self.fed.append(tuple(int(i) for i in ids))
        self.cache.extend(int(i) for i in ids)
        return self._next(len(ids))

    def decode(self) -> int:
        self.cache.append(100 + self.said)
        return self._next(1)

    def reset(self) -> None:
        self.resets += 1
        self.cache.clear()

    def _next(self, tokens: int) -> int:
        if self.clock is not None:
            self.clock.advance(1_000 * tokens)  # a microsecond a token
        self.said += 1
        return 100 + self.said


def asked(**fields: Any) -> Asked:
    return Asked({}, **fields)


class Streaming(FakeFacts):
    """An engine that generates by itself. ``kept``: whether it finds a history again."""

    kept: bool = True
    told: int | None = 3
    said: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def fill(self, ids: "np.ndarray[Any, Any]") -> None:
        self.said.append(("fill", tuple(ids.tolist())))

    def generate(self, ids: "np.ndarray[Any, Any]", tokens: int, on_token: Callable[[int], None]) -> None:
        self.said.append(("generate", tuple(ids.tolist())))
        for token in range(tokens):
            on_token(token)

    def held_exactly(self) -> bool:
        return True

    def converses(self) -> bool:
        return self.kept

    def turn(self, ids: "np.ndarray[Any, Any]", tokens: int, on_token: Callable[[int], None]) -> None:
        self.said.append(("turn", tuple(ids.tolist())))
        for token in range(tokens):
            on_token(token)

    def computed(self) -> int | None:
        return self.told

    def keeps_prefixes(self) -> bool:
        return self.kept

    def forget(self) -> None:
        self.said.append(("forget", ()))


def test_a_kept_prefix_leaves_the_new_tokens_alone_to_compute() -> None:
    """Each turn is fed behind the cache, with the last token of the answer before, which is not in it yet."""
    session = asked()
    timeline = Timeline()
    time_conversation(Conversation(OpenedText(session), keeps=True), TURNS, 2, timeline)
    assert [(11, 12), (102, 21, 22, 23), (104, 31)] == session.fed
    assert [11, 12, 101, 102, 21, 22, 23, 103, 104, 31, 105] == session.cache
    assert [2, 4, 2] == list(timeline.prompt_tokens)
    assert 1 == session.resets, "once, as the conversation begins"


def test_without_a_kept_prefix_the_whole_history_is_computed_in_each_turn() -> None:
    """The history is the same, token by token; the cache is emptied before each turn."""
    session = asked()
    timeline = Timeline()
    time_conversation(Conversation(OpenedText(session), keeps=False), TURNS, 2, timeline)
    first = (11, 12)
    second = (*first, 101, 102, 21, 22, 23)
    assert [first, second, (*second, 103, 104, 31)] == session.fed
    assert [2, 7, 10] == list(timeline.prompt_tokens)


@pytest.mark.parametrize(("keeps", "firsts_us"), [(True, [2, 4, 2]), (False, [2, 8, 12])])
def test_the_first_token_of_a_turn_comes_after_what_it_computes(keeps: bool, firsts_us: list[int]) -> None:
    """On an exact clock on which a token takes a microsecond."""
    clock = FakeClock()
    session, timeline = asked(clock=clock), Timeline()
    time_conversation(Conversation(OpenedText(session), keeps=keeps), TURNS, 3, timeline, clock)
    issued = np.array(timeline.issued_ns)
    stamps = np.array(timeline.token_ns).reshape(3, 3) - issued[:, None]
    assert [1_000 * us for us in firsts_us] == stamps[:, 0].tolist()
    assert [[1_000, 1_000]] * 3 == np.diff(stamps).tolist()


def test_an_end_that_the_model_has_written_is_not_written_again() -> None:
    """The template begins a turn with the end of the answer before it."""
    session = asked()
    prompts = [np.array([1]), np.array([102, 5]), np.array([7, 5])]
    talk = Conversation(OpenedText(session, stop_tokens=(102,)), keeps=True, stop_tokens=(102,))
    time_conversation(talk, prompts, 4, Timeline())
    assert [(1,), (102, 5), (106, 7, 5)] == session.fed


def test_an_engine_that_generates_by_itself_is_given_the_turn() -> None:
    """It keeps the history; without a kept prefix it is given all of it."""
    session = Streaming({})
    assert isinstance(session, StreamSession)
    time_conversation(Conversation(OpenedText(session), keeps=True), TURNS[:2], 1, Timeline())
    assert [("fill", ()), ("turn", (11, 12)), ("turn", (21, 22, 23))] == session.said
    session = Streaming({}, kept=False)
    time_conversation(Conversation(OpenedText(session), keeps=False), TURNS[:2], 1, Timeline())
    given = [ids for what, ids in session.said if what == "generate"]
    assert [(11, 12), (11, 12, 0, 21, 22, 23)] == given


@pytest.mark.parametrize(("told", "tokens"), [(7, [7, 7]), (None, [2, 3])])
def test_an_engine_that_generates_by_itself_may_tell_what_it_computed(told: int | None, tokens: list[int]) -> None:
    """Where it does not, the tokens of the prompt are kept, and are not taken for those that it computed."""
    talk, timeline = Conversation(OpenedText(Streaming({}, told=told)), keeps=True), Timeline()
    time_conversation(talk, TURNS[:2], 1, timeline)
    assert tokens == list(timeline.prompt_tokens)
    assert (told is not None) == talk.tells


def test_an_engine_that_cannot_do_as_asked_is_refused() -> None:
    """One that keeps nothing, and one that was opened so that it keeps prefixes."""
    with pytest.raises(RunFailure, match="does not keep the history") as refused:
        Conversation(OpenedText(Streaming({}, kept=False)), keeps=True)
    assert "unsupported_scenario" == refused.value.kind
    with pytest.raises(RunFailure, match="opened with a prefix cache"):
        Conversation(OpenedText(Streaming({})), keeps=False)


def test_conversations_that_repeat_are_forgotten_between_them() -> None:
    """Else the second would find the answers of the first."""
    session = Streaming({})
    talk = Conversation(OpenedText(session), keeps=True, forgets=True)
    for _ in range(2):
        time_conversation(talk, TURNS[:1], 1, Timeline())
    assert ["fill", "turn", "forget", "fill", "turn"] == [what for what, _ in session.said]


def test_own_prompts_are_the_turns_over_and_over() -> None:
    """Two prompts and three turns: the first comes again."""
    own = [np.array([1]), np.array([2])]
    made = conversations(own, iter(()), 3)
    assert [[1], [2], [1]] == [ids.tolist() for ids in next(made)]
    assert [[1], [2], [1]] == [ids.tolist() for ids in next(made)]
