"""Opens a model on a target. Which kind of session the target returned is decided here, once; passes see only
``TensorSession`` and ``OpenedText``. Both kinds of text session are driven alike: fill the cache, then generate and
report each token.
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from bench.contracts import (
    BatchingSession,
    ConversingSession,
    FixedPrefillSession,
    LogitsSession,
    NextLogitsSession,
    OpenRequest,
    ParallelSession,
    Phase,
    Placement,
    PrefixKeepingSession,
    RenewableSession,
    RewindingSession,
    SessionFacts,
    SettlingSession,
    StreamSession,
    Target,
    TensorSession,
    Tokenizer,
    TokenizingSession,
    TokenSession,
)
from bench.contracts.answers import CheckedSession, facts_of, placement_of, token_of
from bench.errors import RunFailure
from bench.progress import done
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]
    Logits = np.ndarray[Any, Any]

OnToken = Callable[[int], None]
NextLogits = Callable[["Ids"], "Logits"]


class Steps(Protocol):
    """What a ``TokenSession`` is driven by."""

    def prefill(self, ids: "Ids") -> int: ...

    def decode(self) -> int: ...

    def reset(self) -> None: ...


FILL_TOKENS = 512
"""About how many tokens of a context are put into the cache at once: the logits of 8,000 take gigabytes, and so may
their attention."""


class Generator:
    """``fill`` is never timed. ``generate`` is timed, and apart from the engine only calls ``on_token``. It ends behind
    the first of ``stop_tokens``; an engine that generates by itself was opened with them. ``keeps_prefixes``: whether
    the engine may find the beginning of a prompt among what it generated from before. ``rewinds``: filling the cache
    with the context that it was filled with last costs nothing."""

    keeps_prefixes = False
    rewinds = False

    def __init__(
        self, session: Steps | StreamSession, stop_tokens: Collection[int] = (), prompt_tokens: int = 0
    ) -> None:
        """``prompt_tokens``: what the session was opened for, and a context comes in multiples of."""
        self._session = session
        self._context: _Context | None = None
        if isinstance(session, StreamSession):
            self.fill: Callable[[Ids], None] = session.fill
            self.generate: Callable[[Ids, int, OnToken], None] = session.generate
        else:
            self._context = _Context(session, prompt_tokens)
            self.rewinds = self._context.rewinds
            self.fill, self.generate = self._context.fill, _pulling(session, frozenset(stop_tokens))

    def first_token(self, prompt: "Ids") -> None:
        """Take in ``prompt`` and generate the token after it, whichever it is."""
        self.generate(prompt, 1, _ignored)

    def greedy(self, context: "Ids", prompt: "Ids", tokens: int) -> tuple[int, ...]:
        """The first ``tokens`` tokens after ``context`` and ``prompt``; fewer where the engine stops early.
        Raises ``PluginError`` for one that is no token id."""
        ids: list[int] = []
        self.fill(context)
        self.generate(prompt, tokens, ids.append)
        return self.token_ids(ids)

    def token_ids(self, ids: Sequence[object]) -> tuple[int, ...]:
        """What the engine gave as tokens, as plain ints. Raises ``PluginError`` for one that is no token id."""
        return tuple(token_of(self._session, token) for token in ids)


def _ignored(token: int) -> None:
    pass


def _generators(session: ParallelSession, stop_tokens: Collection[int], users: int) -> "Sequence[Generator]":
    return [Generator(one, stop_tokens) for one in session.parallel(users)]


class _Context:
    """What the cache of a session was filled with."""

    def __init__(self, session: Steps, prompt_tokens: int) -> None:
        self._session = session
        rewinding = session if isinstance(session, RewindingSession) and session.rewinds() else None
        self._rewind = rewinding.rewind if rewinding is not None else None
        self._at_once = max(1, FILL_TOKENS // max(1, prompt_tokens)) * max(1, prompt_tokens)
        self._held: Ids | None = None

    @property
    def rewinds(self) -> bool:
        return self._rewind is not None

    def fill(self, ids: "Ids") -> None:
        """A context that the cache still begins with is not computed again."""
        if self._rewind is not None and self._is_held(ids):
            self._rewind(len(ids))
            return
        self.empty()
        for begin in range(0, len(ids), self._at_once):
            self._session.prefill(ids[begin : begin + self._at_once])
            if begin + self._at_once < len(ids):  # nothing is drawn while the query that follows is timed
                done(begin + self._at_once, len(ids))
        self._held = ids if len(ids) else None

    def empty(self) -> None:
        self.forget()
        self._session.reset()

    def forget(self) -> None:
        """The cache may hold something else."""
        self._held = None

    def _is_held(self, ids: "Ids") -> bool:
        held = self._held
        return held is not None and len(held) == len(ids) and bool((held == ids).all())


def _pulling(session: Steps, stop_tokens: frozenset[int]) -> "Callable[[Ids, int, OnToken], None]":
    prefill, decode = session.prefill, session.decode
    if stop_tokens:
        return _pulling_until(session, stop_tokens)

    def generate(ids: "Ids", tokens: int, on_token: OnToken) -> None:
        on_token(prefill(ids))
        for _ in range(tokens - 1):
            on_token(decode())

    return generate


def _pulling_until(session: Steps, stop_tokens: frozenset[int]) -> "Callable[[Ids, int, OnToken], None]":
    """The same, up to the first of ``stop_tokens``."""
    prefill, decode = session.prefill, session.decode

    def generate(ids: "Ids", tokens: int, on_token: OnToken) -> None:
        token = prefill(ids)
        on_token(token)
        for _ in range(tokens - 1):
            if token in stop_tokens:
                return
            token = decode()
            on_token(token)

    return generate


class OpenedText(Generator):
    """A text session of either kind, with what it may offer beyond its kind.

    ``steps``: called for each token; ``None`` if the engine generates by itself. ``logits``, ``renew``, ``settle``: as
    in ``bench.contracts``; ``None`` where the session has no such method. ``begin_text``: empties the cache, and gives
    what takes the next tokens of a text and returns the logits after the last; ``None`` where no logits are seen.
    ``prefill_tokens``: how many tokens of a prompt a fixed graph computes at once; ``None`` where any number is.
    ``keeps_prefixes``, ``forget``: as in ``bench.contracts``; a session without them is taken at its word that ``fill``
    and ``reset`` leave nothing. After ``forget``, ``logits`` and ``begin_text`` a context is computed again.
    """

    def __init__(
        self, session: TokenSession | StreamSession, stop_tokens: Collection[int] = (), prompt_tokens: int = 0
    ) -> None:
        super().__init__(session, stop_tokens, prompt_tokens)
        self.facts: Callable[[], SessionFacts] = partial(facts_of, session)
        self.placement: Callable[[], Placement | None] = partial(placement_of, session)
        streams = isinstance(session, StreamSession)
        self.held_exactly: Callable[[], bool] = session.held_exactly if isinstance(session, StreamSession) else _always
        self.steps: TokenSession | None = session if isinstance(session, TokenSession) and not streams else None
        self.tokenizer: Callable[[], Tokenizer | None] = (
            session.tokenizer if isinstance(session, TokenizingSession) else _no_tokenizer
        )
        self.logits: Callable[[Ids], Logits] | None = self._logits(session)
        self.begin_text: Callable[[], NextLogits] | None = self._next_logits(session)
        self.renew: Callable[[int], None] | None = session.renew if isinstance(session, RenewableSession) else None
        self.prefill_tokens = session.prefill_tokens() if isinstance(session, FixedPrefillSession) else None
        self.settle: Callable[[], None] | None = session.settle if isinstance(session, SettlingSession) else None
        keeping = session if isinstance(session, PrefixKeepingSession) else None
        self.keeps_prefixes = keeping is not None and keeping.keeps_prefixes()
        conversing = session if isinstance(session, ConversingSession) and session.converses() else None
        self.feeds_back = self.steps is not None
        self.turn: Callable[[Ids, int, OnToken], None] | None = (
            self.generate if self.feeds_back else None if conversing is None else conversing.turn
        )
        self.computed: Callable[[], int | None] = _untold if conversing is None else conversing.computed
        self.batching: BatchingSession | None = session if isinstance(session, BatchingSession) else None
        self.parallel: Callable[[int], Sequence[Generator]] | None = None
        if isinstance(session, ParallelSession):
            self.parallel = partial(_generators, session, tuple(stop_tokens))
        forgetting = self._context.forget if self._context is not None else _nothing_kept
        self.forget: Callable[[], None] = keeping.forget if keeping is not None else forgetting

    def _logits(self, session: TokenSession | StreamSession) -> "Callable[[Ids], Logits] | None":
        if not isinstance(session, LogitsSession) or self._context is None:
            return session.logits if isinstance(session, LogitsSession) else None
        logits, forget = session.logits, self._context.forget

        def of_an_empty_cache(ids: "Ids") -> "Logits":
            forget()
            return logits(ids)

        return of_an_empty_cache

    def _next_logits(self, session: TokenSession | StreamSession) -> "Callable[[], NextLogits] | None":
        """Without steps of the session, each token computes its whole text."""
        logits, context = self.logits, self._context
        if isinstance(session, NextLogitsSession) and session.shows_next() and context is not None:
            next_logits = session.next_logits

            def on_the_cache() -> "NextLogits":
                context.empty()
                return next_logits

            return on_the_cache
        return None if logits is None else partial(whole_texts, logits)


def whole_texts(logits: "Callable[[Ids], Logits]") -> "NextLogits":
    """What takes the next tokens of a text, and computes all of it for the logits after the last."""
    import numpy as np

    text = np.zeros(0, np.int64)

    def following(ids: "Ids") -> "Logits":
        nonlocal text
        text = np.append(text, ids)
        last: Logits = logits(text)[-1]
        return last

    return following


def open_session(target: Target, request: OpenRequest, phase: Phase) -> TensorSession | OpenedText:
    """What the artifact's task asks for. Raises ``RunFailure`` as ``Target.open`` does, and for a session of another
    kind."""
    opens = open_text if request.artifact.task == "text_generation" else open_tensors
    return opens(target, request, phase)


def open_tensors(target: Target, request: OpenRequest, phase: Phase) -> TensorSession:
    """Raises ``RunFailure`` as ``Target.open`` does, and for a session of another kind."""
    session = target.open(request, phase)
    if isinstance(session, TensorSession):
        return CheckedSession(session)
    raise _another_kind(session, request, TensorSession)


def open_text(target: Target, request: OpenRequest, phase: Phase) -> OpenedText:
    """Raises ``RunFailure`` as ``Target.open`` does, and for a session of another kind."""
    session = target.open(request, phase)
    if isinstance(session, TokenSession | StreamSession):
        return OpenedText(session, request.stop_tokens, request.prompt_tokens)
    raise _another_kind(session, request, TokenSession, StreamSession)


def _another_kind(session: object, request: OpenRequest, *kinds: type[Any]) -> RunFailure:
    lacks = [sentence("measure.kind_lacks", kind=kind.__name__, names=_missing(session, kind)) for kind in kinds]
    return RunFailure(
        "plugin_error",
        sentence(
            "measure.session_of_another_kind",
            model_id=request.artifact.model_id,
            task=request.artifact.task,
            session=type(session).__name__,
            lacks=lacks,
        ),
        sentence("measure.target_plugin_at_fault"),
    )


def _missing(session: object, kind: type[Any]) -> list[str]:
    """What the protocol ``kind`` has and ``session`` has not."""
    declared = {name for base in kind.__mro__ for name in vars(base).get("__annotations__", {})}
    public = {name for name in dir(kind) if not name.startswith("_")}
    return sorted(name for name in declared | public if not name.startswith("_") and not hasattr(session, name))


def _always() -> bool:
    return True


def _nothing_kept() -> None:
    pass


def _untold() -> None:
    return None


def _no_tokenizer() -> None:
    return None
