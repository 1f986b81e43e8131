"""A sentence without words: its code, and the figures that every language fills in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.words import rendering
from bench.words.language import current


@dataclass(frozen=True, slots=True)
class Sentence:
    """``code`` names an entry of the catalogues, ``figures`` fill its placeholders. ``str`` gives the words in the
    language that is spoken."""

    code: str
    figures: "dict[str, Figure]" = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.code, repr(sorted(self.figures.items(), key=lambda item: item[0]))))

    def __str__(self) -> str:
        return rendering.rendered(self.code, self.figures, current())


Figure = int | float | str | bool | None | Sentence | list[int | float | str | Sentence]
"""What a sentence may hold: numbers in base units (ns, bytes, joules, fractions), names and quoted text, sentences, and
lists of these."""


def sentence(code: str, /, **figures: Any) -> Sentence:
    """A sentence for a record, an error or a later reader. Paths and other objects become their text, tuples, sets and
    generators lists."""
    return Sentence(code, {name: _plain(value) for name, value in figures.items()})


def say(code: str, /, **figures: Any) -> str:
    """The words of ``code`` in the language that is spoken now."""
    return str(sentence(code, **figures))


def words_of(error: BaseException) -> Sentence | str:
    """What an exception says: the sentence that it was raised with, or its text."""
    first = error.args[0] if error.args else ""
    return first if isinstance(first, Sentence) else str(error)


def mapped(told: Sentence | str, change: Callable[[str], str]) -> Sentence | str:
    """``told`` with ``change`` applied to every text in it: itself, or its figures and theirs."""
    if isinstance(told, str):
        return change(told)
    return Sentence(told.code, {name: _changed(value, change) for name, value in told.figures.items()})


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_changed(one, change) for one in value]
    return mapped(value, change) if isinstance(value, Sentence | str) else value


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # a number of numpy, some of which are floats, too
        return value.item()
    if value is None or isinstance(value, int | float | str | Sentence):
        return value
    if isinstance(value, Iterable) and not hasattr(value, "__fspath__"):
        return [_plain(one) for one in value]
    return str(value)
