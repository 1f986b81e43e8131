"""Catalogues: gettext files, one a language, whose ids are codes.

``ko.po`` is what people edit; ``ko.mo`` is compiled from it when the package is built. In a checkout, where the ``.po``
is newer, the ``.po`` is read. ``ODB_WORDS`` names a folder with further languages.
"""

import os
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from bench.words.compiling import compiled_file

FOLDER = Path(__file__).parent
VARIABLE = "ODB_WORDS"
ENGLISH = "en"


class Catalogue:
    """The entries of one language. ``template``: the text of a code, ``None`` where this language has none."""

    def __init__(self, language: str, entries: NullTranslations) -> None:
        self.language = language
        self._entries = entries

    def template(self, code: str) -> str | None:
        found = self._entries.gettext(code)
        return None if found == code else found

    def counted(self, code: str, count: int) -> str | None:
        """The text of a code that has plural forms, for ``count`` of the thing."""
        found = self._entries.ngettext(code, code, count)
        return None if found == code else found


def languages() -> tuple[str, ...]:
    """Every language that has a catalogue, sorted."""
    return tuple(sorted({path.stem for folder in _folders() for path in folder.glob("*.[pm]o")}))


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of ``language``; what it lacks is in English. Raises ``KeyError`` where there is none, and
    ``ValueError`` for a file that is no catalogue."""
    entries = _entries(language)
    if language != ENGLISH:
        entries.add_fallback(_entries(ENGLISH))
    return Catalogue(language, entries)


def _entries(language: str) -> GNUTranslations:
    for folder in _folders():
        source, compiled = folder / f"{language}.po", folder / f"{language}.mo"
        if compiled.is_file() and not (source.is_file() and source.stat().st_mtime > compiled.stat().st_mtime):
            with compiled.open("rb") as file:
                return GNUTranslations(file)
        if source.is_file():
            return GNUTranslations(compiled_file(source))
    raise KeyError(language)


def _folders() -> list[Path]:
    further = os.environ.get(VARIABLE)
    return [FOLDER, Path(further)] if further else [FOLDER]
