"""Which language is spoken: that of ``--lang``, else of ``ODB_LANG``, else of the locale if it has a catalogue, else
English."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench.words.catalogue import ENGLISH, Catalogue, catalogue, languages

VARIABLE = "ODB_LANG"
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The variables of the locale, the strongest first (POSIX, "Internationalization Variables")."""

_spoken: list[Catalogue] = []


class UnknownLanguage(KeyError):
    """``name`` was asked for by ``source`` (an option or a variable) and has no catalogue."""

    def __init__(self, source: str, name: str) -> None:
        super().__init__(source, name)
        self.source, self.name = source, name


def current() -> Catalogue:
    """The catalogue of the language that is spoken; English before one is chosen."""
    return _spoken[-1] if _spoken else catalogue(ENGLISH)


def speak(language: str) -> None:
    """Speak ``language`` from now on. Raises ``KeyError`` for one without a catalogue, and ``BrokenCatalogue``."""
    _spoken[:] = [catalogue(language)]


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak ``language`` meanwhile."""
    _spoken.append(catalogue(language))
    try:
        yield
    finally:
        _spoken.pop()


def chosen(given: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The language to speak. ``given``: that of the command line. Raises ``UnknownLanguage`` for one that was asked for
    and has no catalogue."""
    if given is not None:
        return _named("--lang", given)
    if wanted := environment.get(VARIABLE):
        return _named(VARIABLE, wanted)
    return of_locale(environment)


def of_locale(environment: Mapping[str, str]) -> str:
    """The language of the locale if it has a catalogue, else English."""
    value = next((environment[name] for name in LOCALE if environment.get(name)), "")
    return _known(value) or ENGLISH


def _named(source: str, wanted: str) -> str:
    known = _known(wanted)
    if known is None:
        raise UnknownLanguage(source, wanted)
    return known


def _known(text: str) -> str | None:
    """``ko`` of ``ko``, ``KO``, ``ko-KR`` and ``ko_KR.UTF-8``; ``None`` where no catalogue is of it."""
    name = text.partition(".")[0].partition("@")[0].replace("-", "_").lower()
    found = {one.lower(): one for one in languages()}
    return found.get(name) or found.get(name.partition("_")[0])
