"""Whether a scenario of text changes what the model answers: with the history kept in the cache and without, at once
with others and alone."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING

from bench.contracts import OpenRequest, Scenario
from bench.inputs.prompts import queries
from bench.measure.conversation import Conversation, conversations
from bench.measure.generation import decoder_of, lengths
from bench.measure.text_driver import OpenedText
from bench.measure.users import answers_at_once
from bench.progress import done
from bench.record.text import AnswersChecked
from bench.scenarios.text import keeps_prefix, turns_of, users_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]


def answers_checked(
    session: OpenedText, request: OpenRequest, scenario: Scenario, given: "Sequence[Ids]", seed: int
) -> AnswersChecked | None:
    """``given``: ids of the user's own prompts. ``None`` of a scenario in which one generation follows another. Raises
    ``RunFailure`` for a session that cannot do what the scenario asks."""
    decoder, tokens = decoder_of(request), scenario.generate_tokens or 1
    seeded = queries((), decoder, lengths(request, scenario), seed)
    turns, users = turns_of(scenario), users_of(scenario)
    if turns is not None:
        return _of_turns(session, request, scenario, next(conversations(given, seeded, turns)))
    if users is None:
        return None
    prompts = (
        [given[user % len(given)] for user in range(users)] if given else [q.prompt for q in islice(seeded, users)]
    )
    ended = partial(_ended, request.stop_tokens)
    at_once = [list(map(ended, answers_at_once(session, prompts, tokens))) for _ in range(2)]
    alone = []
    for place, ids in enumerate(prompts):
        done(2 * len(prompts) + place, 3 * len(prompts))
        session.forget()
        alone.append(ended(session.greedy(ids[:0], ids, tokens)))
    return AnswersChecked(tuple(at_once[0]), tuple(alone), at_once[0] == at_once[1])


def _ended(stop_tokens: Sequence[int], ids: tuple[int, ...]) -> tuple[int, ...]:
    """With the first of ``stop_tokens`` where any of them ended it: not every engine says which it was."""
    return (*ids[:-1], stop_tokens[0]) if ids and ids[-1] in stop_tokens else ids


def _of_turns(
    session: OpenedText, request: OpenRequest, scenario: Scenario, prompts: "Sequence[Ids]"
) -> AnswersChecked:
    """The conversation twice, and then turn by turn from nothing behind the same history."""
    import numpy as np

    tokens, keeps = scenario.generate_tokens or 1, keeps_prefix(scenario)
    talk = Conversation(session, keeps=keeps, forgets=True, stop_tokens=request.stop_tokens)
    session.forget()
    heard = partial(_heard, count(1), (3 if keeps else 2) * len(prompts))
    found, again = (_answers(talk, session, prompts, tokens, heard) for _ in range(2))
    if not keeps:
        return AnswersChecked(found, (), found == again)
    others = []
    history = np.zeros(0, np.int64)
    for prompt, answer in zip(prompts, found, strict=True):
        session.forget()
        history = np.concatenate([history, talk.said(history, prompt)])
        others.append(session.greedy(history[:0], history, tokens))
        heard()
        history = np.concatenate([history, np.array(answer, np.int64)])
    return AnswersChecked(found, tuple(others), found == again)


def _heard(answers: Iterator[int], whole: int) -> None:
    """One answer more, for progress."""
    done(next(answers), whole)


def _answers(
    talk: Conversation, session: OpenedText, prompts: "Sequence[Ids]", tokens: int, heard: Callable[[], None]
) -> tuple[tuple[int, ...], ...]:
    """What the model answers in each turn. ``heard`` is called behind each."""
    found: list[tuple[int, ...]] = []
    talk.begin()
    for prompt in prompts:
        said: list[int] = []
        talk.generate(talk.feed(prompt), tokens, said.append)
        found.append(session.token_ids(said))
        talk.heard(found[-1])
        heard()
    return tuple(found)
