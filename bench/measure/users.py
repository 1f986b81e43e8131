"""Users who generate at once, each in a closed loop: one begins the next generation when the last has ended.

An engine that generates for several at once is driven by one thread, step by step; it decides itself what it computes
in a step. Of other engines each user has a session on the same model, with a thread and a cache.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from bench.contracts import BatchingSession
from bench.errors import RunFailure
from bench.measure.conversation import no_token
from bench.measure.text_driver import Generator, OpenedText
from bench.measure.window import Driver
from bench.record.samples import NEVER
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

Clock = Callable[[], int]


class User(Struct, kw_only=True):
    """``prompts``: of one generation after another; the user leaves when there is none. ``heard``: called with each
    token, if asked for."""

    prompts: "Iterator[Ids]"
    timeline: Timeline = field(default_factory=Timeline)
    heard: Callable[[int], None] | None = None


def drivers_of(
    session: OpenedText, users: Sequence[User], tokens: int, clock: Clock = perf_counter_ns
) -> Sequence[Driver]:
    """What has to run, each in a thread of its own, for ``users`` to generate ``tokens`` tokens again and again. Raises
    ``RunFailure`` for an engine that generates for one at a time."""
    if session.batching is not None:
        return [partial(_drive_steps, session.batching, users, tokens, clock)]
    if session.parallel is None:
        raise RunFailure(
            "unsupported_scenario",
            sentence("measure.one_user_at_a_time"),
            sentence("measure.measure_single_stream"),
            "steady",
        )
    generators = session.parallel(len(users))
    return [partial(_drive_user, *pair, tokens, clock) for pair in zip(generators, users, strict=True)]


def _drive_user(generator: Generator, user: User, tokens: int, clock: Clock, stop: threading.Event) -> None:
    import numpy as np

    stamps, stamp, heard = user.timeline.token_ns, user.timeline.token_ns.append, user.heard
    nothing = np.zeros(0, np.int64)

    def on_token(token: int) -> None:
        stamp(clock())
        if heard is not None:
            heard(token)

    for prompt in user.prompts:
        generator.fill(nothing)
        before = len(stamps)
        t0 = clock()
        generator.generate(prompt, tokens, on_token)
        _ended(user.timeline, t0, len(prompt), tokens, len(stamps) - before)
        if stop.is_set():
            return


def _drive_steps(
    session: BatchingSession, users: Sequence[User], tokens: int, clock: Clock, stop: threading.Event
) -> None:
    issued: dict[int, tuple[int, int, int]] = {}  # when, tokens of the prompt, stamps before

    def submit(index: int) -> None:
        prompt = next(users[index].prompts, None)
        if prompt is not None:
            issued[index] = clock(), len(prompt), len(users[index].timeline.token_ns)
            session.submit(index, prompt, tokens)

    for index in range(len(users)):
        submit(index)
    while issued:
        given = session.step()
        now = clock()
        for one in given:
            user = users[one.user]
            user.timeline.token_ns.extend([now] * len(one.tokens))
            if user.heard is not None:
                for token in one.tokens:
                    user.heard(token)
            if one.ended:
                t0, length, before = issued.pop(one.user)
                _ended(user.timeline, t0, length, tokens, len(user.timeline.token_ns) - before)
                if not stop.is_set():
                    submit(one.user)


def _ended(timeline: Timeline, issued_ns: int, prompt_tokens: int, tokens: int, given: int) -> None:
    """A generation is complete. ``done_ns`` comes last: it is what another thread counts."""
    if not given:
        raise no_token("steady")
    last = timeline.token_ns[-1]
    timeline.token_ns.extend([NEVER] * (tokens - given))
    timeline.prompt_tokens.append(prompt_tokens)
    timeline.issued_ns.append(issued_ns)
    timeline.done_ns.append(last)


def answers_at_once(session: OpenedText, prompts: "Sequence[Ids]", tokens: int) -> list[tuple[int, ...]]:
    """What each of so many users is answered who ask at once. Raises what a driver raised."""
    heard: list[list[int]] = [[] for _ in prompts]
    users = [User(prompts=iter([ids]), heard=ids_of.append) for ids, ids_of in zip(prompts, heard, strict=True)]
    never, errors = threading.Event(), list[BaseException]()

    def run(driver: Driver) -> None:
        try:
            driver(never)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(driver,)) for driver in drivers_of(session, users, tokens)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [session.token_ids(ids) for ids in heard]
