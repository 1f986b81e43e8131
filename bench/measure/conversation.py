"""Conversations: turns whose history grows by each prompt and by each answer.

With the prefix kept, a turn computes its own tokens alone, behind what the cache holds. Without, the cache is emptied
before each turn, and the whole history is computed again. Both have the same history, token by token.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from bench.errors import RunFailure
from bench.inputs.prompts import Query
from bench.measure.text_driver import OpenedText
from bench.record.samples import NEVER
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

Clock = Callable[[], int]


def conversations(given: "Sequence[Ids]", endless: Iterator[Query], turns: int) -> "Iterator[Sequence[Ids]]":
    """The prompts of one conversation after another, ``turns`` each: the user's own in turn, the same in all of them,
    or seeded ones, which never come twice."""
    while True:
        if given:
            yield [given[turn % len(given)] for turn in range(turns)]
        else:
            yield [query.prompt for query in islice(endless, turns)]


class Conversation:
    """One conversation after another on one session."""

    def __init__(
        self, session: OpenedText, *, keeps: bool, forgets: bool = False, stop_tokens: Collection[int] = ()
    ) -> None:
        """``keeps``: a turn finds the history in the cache. ``forgets``: conversations repeat, and an engine that finds
        prefixes again has to forget the one before. ``stop_tokens``: that end an answer. Raises ``RunFailure`` for an
        engine that cannot do as asked."""
        import numpy as np

        if keeps and session.turn is None:
            raise RunFailure(
                "unsupported_scenario",
                sentence("measure.prefix_not_kept"),
                sentence("measure.measure_chat_without_prefix"),
                "steady",
            )
        if not keeps and session.keeps_prefixes:
            raise RunFailure(
                "unsupported_scenario",
                sentence("measure.prefix_kept_anyway"),
                sentence("measure.leave_prefix_caching_out"),
                "steady",
            )
        self._session, self._keeps = session, keeps
        self._forgets = forgets and session.keeps_prefixes
        self._stop_tokens = frozenset(stop_tokens)
        self._nothing = np.zeros(0, np.int64)
        self._history: Ids = self._nothing
        self._begun = False
        self.tells = True
        self.generate: Callable[[Ids, int, Callable[[int], None]], None] = (
            session.turn if keeps and session.turn is not None else session.generate
        )

    def begin(self) -> None:
        """An empty history."""
        if self._forgets and self._begun:
            self._session.forget()
        self._session.fill(self._nothing)
        self._history, self._begun = self._nothing, True

    def feed(self, prompt: "Ids") -> "Ids":
        """What ``generate`` has to be given for the turn of ``prompt``. Empties the cache where nothing is kept."""
        import numpy as np

        before = self._history
        prompt = self.said(before, prompt)
        self._history = np.concatenate([before, prompt])
        if not self._keeps:
            self._session.fill(self._nothing)
            return self._history
        return np.concatenate([before[-1:], prompt]) if self._session.feeds_back else prompt

    def said(self, history: "Ids", prompt: "Ids") -> "Ids":
        """What of the turn's ``prompt`` follows ``history``: the template begins with the end of the answer, which the
        model may have written itself."""
        written = len(history) > 0 and int(history[-1]) in self._stop_tokens and history[-1] == prompt[0]
        return prompt[1:] if written else prompt

    def computed(self, fed: "Ids") -> int:
        """Tokens that the turn just generated computed before its first one; those of its prompt where the engine does
        not tell, and then ``tells`` is false."""
        if not self._keeps or self._session.feeds_back:
            return len(fed)
        found = self._session.computed()
        self.tells = self.tells and found is not None
        return len(fed) if found is None else found

    def heard(self, answer: Sequence[int]) -> None:
        """What was generated in the turn belongs to the history."""
        import numpy as np

        self._history = np.concatenate([self._history, np.array(answer, np.int64)])


def time_conversation(
    talk: Conversation,
    prompts: "Sequence[Ids]",
    tokens: int,
    timeline: Timeline,
    clock: Clock = perf_counter_ns,
    ended: Callable[[], None] = lambda: None,
) -> None:
    """One query a turn, with one timestamp a token. What comes between turns is not timed; ``ended`` is called there.
    ``prompt_tokens`` of the timeline are those that the turn computed (``Conversation.computed``). Raises
    ``RunFailure`` if the engine does not give any token."""
    stamps, stamp = timeline.token_ns, timeline.token_ns.append
    talk.begin()
    for prompt in prompts:
        fed, answer = talk.feed(prompt), list[int]()

        def on_token(token: int, told: Callable[[int], None] = answer.append) -> None:
            stamp(clock())
            told(token)

        before = len(stamps)
        t0 = clock()
        talk.generate(fed, tokens, on_token)
        given = len(stamps) - before
        if not given:
            raise no_token("steady")
        timeline.issued_ns.append(t0)
        timeline.done_ns.append(stamps[-1])
        timeline.prompt_tokens.append(talk.computed(fed))
        stamps.extend([NEVER] * (tokens - given))
        talk.heard(answer)
        ended()


def no_token(phase: str) -> RunFailure:
    """Of an engine that generated nothing."""
    return RunFailure(
        "runtime_error",
        sentence("measure.engine_generated_no_token"),
        sentence("measure.try_another_prompt"),
        phase,
    )
