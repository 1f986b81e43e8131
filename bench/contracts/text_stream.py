"""Tokens to text one after another, for a tokenizer that only decodes whole lists."""

from collections.abc import Callable

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
