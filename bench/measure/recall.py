"""Times inputs that were seen before against new ones, to find a cache that answers instead of the model.

In a process and pass of its own. The mechanism knows neither tensors nor prompts: it is given inputs and something that
times one of them.
"""

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeVar

from bench.contracts import Tensors, TensorSession
from bench.measure.generator import Generator
from bench.measure.loop import Clock, quiet_interpreter
from bench.measure.prompts import Query
from bench.record_evidence import RepeatedInput
from bench.repeated_input import LEAST_ROUNDS
from bench.text_contracts import StreamSession, TokenSession

if TYPE_CHECKING:
    import numpy as np

Input = TypeVar("Input")

ROUNDS = 16
BUDGET_NS = 2_000_000_000  # after which the least rounds are enough


def recall(
    time_one_ns: Callable[[Input], int], known: Input, fresh: Iterable[Input], clock: Clock = perf_counter_ns
) -> RepeatedInput:
    """Rounds of a new input, the same again, and ``known``, which has been seen twice before the first round.

    ``fresh`` yields inputs that were never seen; where it yields too few, that is the reason nothing is told.
    """
    rounds: list[tuple[int, int, int]] = []
    with quiet_interpreter():
        for _ in range(2):
            time_one_ns(known)
        begin_ns = clock()
        for one in fresh:
            rounds.append((time_one_ns(one), time_one_ns(one), time_one_ns(known)))
            late = len(rounds) >= LEAST_ROUNDS and clock() - begin_ns > BUDGET_NS
            if late or len(rounds) == ROUNDS:
                break
    if len(rounds) < LEAST_ROUNDS:
        return RepeatedInput(reason="too few inputs that differ could be made")
    fresh_ns, again_ns, recalled_ns = zip(*rounds, strict=True)
    return RepeatedInput(fresh_ns, again_ns, recalled_ns)


def recall_tensors(session: TensorSession, feeds: Tensors, clock: Clock = perf_counter_ns) -> RepeatedInput:
    """New inputs are ``feeds`` with their values moved along, so that range and distribution stay."""

    def time_one_ns(tensors: Tensors) -> int:
        call = session.bind(tensors)
        begin_ns = clock()
        call()
        return clock() - begin_ns

    return recall(time_one_ns, feeds, moved_along(feeds), clock)


def recall_prompts(
    session: TokenSession | StreamSession, queries: Iterator[Query], clock: Clock = perf_counter_ns
) -> RepeatedInput:
    """Times to the first token, each from an empty cache: one that keeps prefixes shows here. ``queries``: all
    different, without a context."""
    generator = Generator(session)

    def time_one_ns(query: Query) -> int:
        generator.fill(query.context)
        begin_ns = clock()
        generator.first_token(query.prompt)
        return clock() - begin_ns

    return recall(time_one_ns, next(queries), queries, clock)


def moved_along(feeds: Tensors) -> "Iterator[dict[str, np.ndarray[Any, Any]]]":
    """``feeds`` with the values of every tensor moved along by one, two, …; of tensors so short that they come round
    again, also shuffled. Each differs from all before it."""
    import numpy as np

    from bench.measure.feeds import feeds_sha256

    seen = {feeds_sha256(feeds)}
    rng = np.random.default_rng(0)
    for attempt in range(1, 8 * ROUNDS):
        if attempt < max((array.size for array in feeds.values()), default=0):
            moved = {name: np.roll(array.ravel(), attempt) for name, array in feeds.items()}
        else:
            moved = {name: rng.permutation(array.ravel()) for name, array in feeds.items()}
        moved = {name: array.reshape(feeds[name].shape) for name, array in moved.items()}
        digest = feeds_sha256(moved)
        if digest not in seen:
            seen.add(digest)
            yield moved
