"""Catalogues: gettext files, one a language, whose ids are codes.

``ko.po`` is what people edit; ``ko.mo`` is compiled from it when the package is built, and alone in the wheel. In a
checkout, where the ``.po`` is newer, the ``.po`` is read. ``ODB_WORDS`` names a folder with further languages.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from bench.words.compiled import CompiledCatalogue
from bench.words.compiling import BrokenCatalogue, compiled_file

FOLDER = Path(__file__).parent
VARIABLE = "ODB_WORDS"
ENGLISH = "en"


class Catalogue:
    """The entries of one language; what it lacks is in English, whose catalogue is read when it is needed."""

    def __init__(self, language: str, entries: CompiledCatalogue) -> None:
        self.language = language
        self._entries = entries

    def template(self, code: str) -> str | None:
        """The text of a code; ``None`` where no language has one."""
        found = self._entries.text(code)
        if found is not None:
            return found
        return None if self.language == ENGLISH else catalogue(ENGLISH).template(code)

    def counted(self, code: str, count: int) -> str | None:
        """The text of a code that has plural forms, for ``count`` of the thing."""
        found = self._entries.plural(code, count)
        if found is not None:
            return found
        return None if self.language == ENGLISH else catalogue(ENGLISH).counted(code, count)

    def filled(self, code: str, **parts: str) -> str | None:
        """``template`` with parts that are written already; in English where its placeholders are others."""
        return self._formatted(self.template(code), parts, lambda english: english.filled(code, **parts))

    def counted_as(self, code: str, count: int, number: str) -> str | None:
        """``counted`` with the count as it is to be written; in English where its placeholders are others."""
        return self._formatted(
            self.counted(code, count), {"n": number}, lambda english: english.counted_as(code, count, number)
        )

    def _formatted(
        self, template: str | None, parts: Mapping[str, str], in_english: "Callable[[Catalogue], str | None]"
    ) -> str | None:
        try:
            return None if template is None else template.format(**parts)
        except (LookupError, ValueError, AttributeError):
            if self.language == ENGLISH:
                raise
            return in_english(catalogue(ENGLISH))


def languages() -> tuple[str, ...]:
    """Every language that has a catalogue, sorted."""
    files = [os.path.splitext(file) for folder in _folders() for file in _files_in(folder)]
    return tuple(sorted({name for name, suffix in files if suffix in (".po", ".mo")}))


def _files_in(folder: Path) -> list[str]:
    """Also of a folder that is not there or may not be read, which ``--lang`` refuses."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of ``language``. Raises ``KeyError`` where there is none, and ``BrokenCatalogue`` for a file that
    is none."""
    for folder in _folders():
        source, compiled = folder / f"{language}.po", folder / f"{language}.mo"
        if compiled.is_file() and not (source.is_file() and source.stat().st_mtime > compiled.stat().st_mtime):
            return Catalogue(language, _compiled(compiled))
        if source.is_file():
            return Catalogue(language, CompiledCatalogue(compiled_file(source).getvalue()))
    raise KeyError(language)


def _compiled(file: Path) -> CompiledCatalogue:
    try:
        return CompiledCatalogue(file.read_bytes())
    except (OSError, ValueError) as error:
        raise BrokenCatalogue(file, str(error)) from error


def _folders() -> list[Path]:
    further = os.environ.get(VARIABLE)
    return [FOLDER, Path(further)] if further else [FOLDER]
