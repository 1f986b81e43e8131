"""What a target plugin implements to run a language model: one of two kinds of session, and what it may add.

``TokenSession``: the harness asks for every token. ``StreamSession``: the engine generates by itself and calls back.
Whoever has logits adds ``LogitsSession``; whoever has a tokenizer adds ``TokenizingSession``.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct

from bench.contracts.session import Session

if TYPE_CHECKING:
    import numpy as np


@runtime_checkable
class TokenSession(Session, Protocol):
    """A decoder that is asked for one token after another and keeps its KV cache between calls. Greedy: the token
    returned is the logits' argmax; an end-of-sequence token ends nothing: the harness asks for no more."""

    def prefill(self, ids: "np.ndarray[Any, Any]") -> int:
        """Append ``ids`` (int64 [n]) to what the cache holds; returns the token generated after them."""
        ...

    def decode(self) -> int:
        """Feed back the last token; returns the next."""
        ...

    def reset(self) -> None:
        """Empty the cache."""
        ...


@runtime_checkable
class StreamSession(Session, Protocol):
    """An engine that generates by itself and hands out each token as it comes. Greedy; a generation ends early only
    behind one of ``OpenRequest.stop_tokens``, which is handed out, too."""

    def fill(self, ids: "np.ndarray[Any, Any]") -> None:
        """Empty the cache, then make it hold ``ids`` (int64 [n]); none: leave it empty.

        An engine that always generates one token after ``ids`` substitutes it for the first token of the next prompt:
        lengths stay as asked, and what is generated then is not compared with other engines.
        """
        ...

    def generate(self, ids: "np.ndarray[Any, Any]", tokens: int, on_token: Callable[[int], None]) -> None:
        """Append ``ids`` (int64 [n]) and generate ``tokens`` tokens, calling ``on_token`` the moment each is there.

        Calls it less often where the engine stops early.
        """
        ...

    def held_exactly(self) -> bool:
        """Whether the last ``fill`` left nothing but its ids in the cache."""
        ...


@runtime_checkable
class RenewableSession(Protocol):
    """A token session that can let go of its cache's memory, so that the engine is seen to take it."""

    def renew(self, tokens: int) -> None:
        """Give back the cache and all its memory, and begin with an empty one, with room for ``tokens`` tokens where
        the engine takes it at once. Never called in a timed pass."""
        ...


@runtime_checkable
class RewindingSession(Protocol):
    """A token session that can cut its cache back to its first tokens, exactly and at once. The context of a depth is
    then computed once in a process, and every query begins behind it."""

    def rewinds(self) -> bool:
        """Whether it can as it was opened."""
        ...

    def rewind(self, tokens: int) -> None:
        """Forget all tokens of the cache but the first ``tokens``."""
        ...


@runtime_checkable
class FixedPrefillSession(Protocol):
    """A token session whose graph computes a fixed number of a prompt's tokens at once, and others one by one."""

    def prefill_tokens(self) -> int:
        """How many, as it was opened."""
        ...


@runtime_checkable
class SettlingSession(Protocol):
    """A text session whose working memory, which grows with the cache, can be told from it."""

    def settle(self) -> None:
        """Release memory that the next token does not need, except the cache. Never called in a timed pass."""
        ...


@runtime_checkable
class PrefixKeepingSession(Protocol):
    """A text session whose engine may find the beginning of a prompt among what it generated from before, although the
    cache was emptied since: it then computes less, and rounds otherwise."""

    def keeps_prefixes(self) -> bool:
        """Whether it does so as it was opened."""
        ...

    def forget(self) -> None:
        """Become as a newly opened session, of which nothing has been asked. May take as long as opening it. Never
        called in a timed pass."""
        ...


@runtime_checkable
class ConversingSession(Protocol):
    """A stream session that can go on behind its last generation, and computes only what is new. Every ``TokenSession``
    can: the next ``prefill`` follows what the cache holds."""

    def converses(self) -> bool:
        """Whether it can as it was opened."""
        ...

    def turn(self, ids: "np.ndarray[Any, Any]", tokens: int, on_token: Callable[[int], None]) -> None:
        """Append ``ids`` (int64 [n]) to the history, which is all prompts since the last ``fill`` with all tokens that
        were generated after each, and generate as ``generate`` does. The first turn after a ``fill`` begins a
        history."""
        ...

    def computed(self) -> int | None:
        """How many tokens the last turn computed before it gave the first one: those of ``ids``, and what of the
        history it did not find. ``None`` where the engine does not tell."""
        ...


@runtime_checkable
class ParallelSession(Protocol):
    """A token session of which there may be several on one model, for users that generate at once."""

    def parallel(self, users: int) -> "Sequence[TokenSession]":
        """One session for each of so many users, with a cache of its own. Each is driven by a thread of its own, and
        releases the GIL while the model runs."""
        ...


class GivenTokens(Struct, frozen=True):
    """What one step gave a user: ``tokens`` in order; ``ended``: they are the last of the generation."""

    user: int
    tokens: tuple[int, ...]
    ended: bool = False


@runtime_checkable
class BatchingSession(Protocol):
    """A text session whose engine generates for several users at once, and decides itself what it computes in a step.
    One thread drives it."""

    def submit(self, user: int, ids: "np.ndarray[Any, Any]", tokens: int) -> None:
        """Ask for ``tokens`` tokens after ``ids`` (int64 [n]) for a user who has no generation under way, greedily and
        from an empty cache. Ends early only behind one of ``OpenRequest.stop_tokens``."""
        ...

    def step(self) -> Sequence[GivenTokens]:
        """Compute one step of what is under way; what came out of it for whom."""
        ...


@runtime_checkable
class LogitsSession(Protocol):
    """A token session that lets its logits be seen."""

    def logits(self, ids: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """Float32 [n, vocab_size]: the logits after each of ``ids`` (int64 [n]), from an empty cache; NaN as it
        comes."""
        ...


@runtime_checkable
class NextLogitsSession(Protocol):
    """A token session that lets its logits be seen step by step, so that a text whose tokens are chosen by others takes
    one step a token."""

    def shows_next(self) -> bool:
        """Whether it can as it was opened."""
        ...

    def next_logits(self, ids: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """Float32 [vocab_size]: the logits after the last of ``ids`` (int64 [n]), appended to what the cache holds; NaN
        as it comes, which the harness refuses. Another ``next_logits`` or a ``reset`` follows, no ``decode``: no token
        was chosen."""
        ...


class Tokenizer(Protocol):
    """Text to token ids and back, as the engine itself does it."""

    def encode(self, text: str, special: bool = True) -> "np.ndarray[Any, Any]":
        """Int64 [n], with the tokens that the engine puts around a text (a beginning of sequence), or without them
        where the text has them already: ``special`` is only given then, as ``False``."""
        ...

    def stream(self) -> Callable[[int], str]:
        """A new stream: takes one token after another, returns the text that each completes ("" if none)."""
        ...


@runtime_checkable
class TokenizingSession(Protocol):
    """A text session that may have a tokenizer."""

    def tokenizer(self) -> Tokenizer | None:
        """``None`` where the model came without one."""
        ...


INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class TextStream:
    """Turns tokens into text one after another, with a ``decode`` that knows only whole lists.

    The last piece is decoded again in front of the new token, since a token's text depends on what precedes it (a
    leading space, a letter of several bytes); what is not yet a whole letter waits for the next token.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        self._told = 0  # tokens whose text has been returned

    def __call__(self, token: int) -> str:
        self._tokens.append(token)
        known = self._decode(self._tokens[: self._told]) if self._told else ""
        text = self._decode(self._tokens)
        if text.endswith(INCOMPLETE) or len(text) <= len(known):
            return ""
        del self._tokens[: self._told]
        self._told = len(self._tokens)
        return text[len(known) :]
