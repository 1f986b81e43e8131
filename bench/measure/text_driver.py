"""One way to drive both kinds of text session: fill the cache, then generate and be told of each token."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from bench.contracts import StreamSession

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

OnToken = Callable[[int], None]


class Steps(Protocol):
    """What a ``TokenSession`` is driven by."""

    def prefill(self, ids: "Ids") -> int: ...

    def decode(self) -> int: ...

    def reset(self) -> None: ...


class Generator:
    """``fill`` is never timed; ``generate`` is, and does nothing beside the engine but call ``on_token``."""

    def __init__(self, session: Steps | StreamSession) -> None:
        if isinstance(session, StreamSession):
            self.fill: Callable[[Ids], None] = session.fill
            self.generate: Callable[[Ids, int, OnToken], None] = session.generate
        else:
            self.fill, self.generate = _filling(session), _pulling(session)

    def first_token(self, prompt: "Ids") -> None:
        """Take in ``prompt`` and generate the token after it, whichever it is."""
        self.generate(prompt, 1, _ignored)

    def greedy(self, context: "Ids", prompt: "Ids", tokens: int) -> tuple[int, ...]:
        """The first ``tokens`` tokens after ``context`` and ``prompt``; fewer where the engine stops early."""
        ids: list[int] = []
        self.fill(context)
        self.generate(prompt, tokens, ids.append)
        return tuple(int(token) for token in ids)


def _ignored(token: int) -> None:
    pass


def _filling(session: Steps) -> "Callable[[Ids], None]":
    def fill(ids: "Ids") -> None:
        session.reset()
        if len(ids):
            session.prefill(ids)

    return fill


def _pulling(session: Steps) -> "Callable[[Ids, int, OnToken], None]":
    prefill, decode = session.prefill, session.decode

    def generate(ids: "Ids", tokens: int, on_token: OnToken) -> None:
        on_token(prefill(ids))
        for _ in range(tokens - 1):
            on_token(decode())

    return generate
