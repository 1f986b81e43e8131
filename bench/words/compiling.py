"""Reads, sorts and compiles catalogues. Building the package writes the ``.mo`` files."""

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel.messages import Catalog

FOLDER = Path(__file__).parent
WIDTH = 120
LINE = r'\s*(?:msg[a-z_]+(?:\[\d+\])?\s*)?"(?:[^"\\]|\\.)*"\s*'
"""A line of a ``.po`` that holds text."""
HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: ondevice-bench\\n"
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


class BrokenCatalogue(ValueError):
    """``file`` cannot be read as a catalogue. ``reason``: Babel's own words, or the line that is wrong."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file, self.reason = file, reason


def read(source: Path) -> "Catalog":
    """A ``.po`` file as Babel has it. Raises ``BrokenCatalogue`` for one that is no catalogue."""
    from babel.messages.pofile import PoFileError, read_po

    try:
        _refuse_open_quotes(source)
        with source.open("rb") as file:
            return read_po(file, locale=source.stem, abort_invalid=True)
    except (PoFileError, OSError, ValueError, LookupError) as error:
        raise BrokenCatalogue(source, str(error)) from error


def _refuse_open_quotes(source: Path) -> None:
    """Raise ``ValueError`` with the first line whose text is not closed, which Babel would pass over."""
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        if '"' in line and not line.lstrip().startswith("#") and not re.fullmatch(LINE, line):
            raise ValueError(f"{number}: {line}")


def compiled_file(source: Path) -> BytesIO:
    """The bytes of the ``.mo`` of a ``.po``."""
    from babel.messages.mofile import write_mo

    file = BytesIO()
    write_mo(file, read(source))
    file.seek(0)
    return file


def sorted_text(source: Path) -> str:
    """The ``.po`` as it is to stand: its entries by code, lines of 120 columns at most."""
    from babel.messages.pofile import write_po

    file, catalog = BytesIO(), read(source)
    write_po(file, catalog, width=WIDTH, sort_output=True, no_location=True, ignore_obsolete=True, omit_header=True)
    return HEADER.format(language=source.stem, plurals=catalog.plural_forms) + file.getvalue().decode().lstrip("\n")


def compile_all(folder: Path = FOLDER) -> None:
    """Write the ``.mo`` of each ``.po``, unless it is newer."""
    for source in sorted(folder.glob("*.po")):
        compiled = source.with_suffix(".mo")
        if not compiled.is_file() or compiled.stat().st_mtime <= source.stat().st_mtime:
            compiled.write_bytes(compiled_file(source).getvalue())
