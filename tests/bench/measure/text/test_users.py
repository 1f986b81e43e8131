"""Users at once on exact fakes: a closed loop each, and what of it lies in the window."""

import threading
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
import pytest
from msgspec import field

from bench.analysis.run_processes import token_rate
from bench.contracts import GivenTokens
from bench.errors import RunFailure
from bench.measure.players.concurrent import window_arrays
from bench.measure.text_driver import OpenedText
from bench.measure.users import User, answers_at_once, drivers_of
from bench.record.record import Phases, Repeat, SampleArrays
from bench.stats.timeline import Timeline
from bench.testing import FakeClock, FakeTokenSession

PROMPT = np.array([1, 2])
STEP_NS = 1_000


class Batching(FakeTokenSession):
    """A scheduler that gives every user a token a step, of the user's number; a step takes a microsecond."""

    clock: FakeClock | None = None
    left: dict[int, int] = field(default_factory=dict)
    steps: int = 0
    most_steps: int = 12
    stop: threading.Event | None = None

    def submit(self, user: int, ids: "np.ndarray[Any, Any]", tokens: int) -> None:
        assert user not in self.left, "one generation at a time for each"
        self.left[user] = tokens

    def step(self) -> Sequence[GivenTokens]:
        assert self.clock is not None
        assert self.stop is not None
        self.clock.advance(STEP_NS)
        self.steps += 1
        if self.steps == self.most_steps:
            self.stop.set()
        found = []
        for user in list(self.left):
            self.left[user] -= 1
            found.append(GivenTokens(user, (user,), self.left[user] == 0))
            if not self.left[user]:
                del self.left[user]
        return found


def driven(users: int, tokens: int, most_steps: int) -> list[Timeline]:
    """What each of ``users`` saw until so many steps were made, and no generation was under way."""
    clock, stop = FakeClock(), threading.Event()
    session = Batching({}, clock=clock, stop=stop, most_steps=most_steps)
    everyone = [User(prompts=repeat(PROMPT)) for _ in range(users)]
    (driver,) = drivers_of(OpenedText(session), everyone, tokens, clock)
    driver(stop)
    return [user.timeline for user in everyone]


def test_a_user_begins_the_next_generation_when_the_last_has_ended() -> None:
    """Four tokens a generation, a token a step: the next is issued at the moment of the last token."""
    for timeline in driven(users=3, tokens=4, most_steps=12):
        assert [0, 4_000, 8_000] == list(timeline.issued_ns)
        assert [4_000, 8_000, 12_000] == list(timeline.done_ns)
        assert [1_000, 2_000, 3_000, 4_000] == list(timeline.token_ns)[:4]


def test_what_is_under_way_as_the_window_closes_is_waited_for() -> None:
    """The stop comes at step 6, in the middle of the second generation."""
    (timeline,) = driven(users=1, tokens=4, most_steps=6)
    assert [4_000, 8_000] == list(timeline.done_ns)


def test_the_window_holds_whole_generations_and_those_under_way() -> None:
    """From 2 to 10 microseconds: one ended before, two inside, and one was under way; all three tokens a user that
    came inside count, wherever their generation began."""
    timelines = driven(users=2, tokens=4, most_steps=12)
    arrays = window_arrays(timelines, 5_000, 10_000)
    assert [4_000, 4_000] == arrays["latency_ns"].tolist()
    assert [-1_000, -1_000] == arrays["start_ns"].tolist(), "issued before the window"
    assert [0, 1] == arrays["point"].tolist()
    assert [3_000, 3_000] == arrays["in_flight_start_ns"].tolist()
    names = {role: role for role in arrays}
    measured = Repeat(Phases(), samples=SampleArrays(2, names), duration_ns=5_000)
    # tokens at 5, 6, 7, 8 and 9 microseconds of two users in 5 microseconds
    assert 2 * 5 / 5e-6 == pytest.approx(token_rate(measured, arrays))


def test_the_rate_does_not_depend_on_where_the_window_lies() -> None:
    """Users who get a token a microsecond get it in every window."""
    timelines = driven(users=3, tokens=7, most_steps=70)
    for begin in range(10_500, 30_000, 1_300):
        arrays = window_arrays(timelines, begin, begin + 20_000)
        measured = Repeat(Phases(), samples=SampleArrays(0, {role: role for role in arrays}), duration_ns=20_000)
        assert 3e6 == pytest.approx(token_rate(measured, arrays))


def test_a_session_for_one_at_a_time_is_refused() -> None:
    """With the reason, before a thread is started."""
    with pytest.raises(RunFailure, match="one user at a time") as refused:
        drivers_of(OpenedText(FakeTokenSession({})), [User(prompts=repeat(PROMPT))] * 2, 4)
    assert "unsupported_scenario" == refused.value.kind


class Several(FakeTokenSession):
    """A session of which there may be more; each says its own number."""

    def parallel(self, users: int) -> "list[FakeTokenSession]":
        return [FakeTokenSession({}, ids=(10 * user, 10 * user + 1)) for user in range(users)]


def test_each_user_has_a_session_and_a_thread() -> None:
    """What each is answered belongs to that session."""
    found = answers_at_once(OpenedText(Several({})), [PROMPT] * 3, 3)
    assert [(0, 1, 0), (10, 11, 10), (20, 21, 20)] == found


class Failing(FakeTokenSession):
    def parallel(self, users: int) -> "list[FakeTokenSession]":
        def fail() -> None:
            raise RunFailure("runtime_error", "out of memory")

        return [FakeTokenSession({}, work=fail) for _ in range(users)]


def test_what_a_thread_raises_is_raised() -> None:
    """And not lost with the thread."""
    with pytest.raises(RunFailure, match="out of memory"):
        answers_at_once(OpenedText(Failing({})), [PROMPT] * 2, 3)
