"""The lines of text files, each of which is an input."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from bench.errors import InputError
from bench.reading import MIB, read_bytes
from bench.words import sentence

MOST_TEXT_BYTES = 16 * MIB


class Line(Struct, frozen=True):
    """One line of a file, as bytes from ``begin`` to ``end``. ``number``: from 1."""

    file: Path
    begin: int
    end: int
    number: int

    @property
    def place(self) -> str:
        return f":{self.number}"


def lines_of(files: Sequence[Path]) -> Sequence[Line]:
    """Every line that is not empty. Raises ``InputError`` where there is none."""
    found: list[Line] = []
    for file in files:
        begin = 0
        lines = read_bytes(file, MOST_TEXT_BYTES, file.name).splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            if line.strip():
                found.append(Line(file, begin, begin + len(line), number))
            begin += len(line)
    if not found:
        raise InputError(sentence("pipeline.no_line"), sentence("pipeline.give_inputs"))
    return found


def read_line(line: Line) -> str:
    """Its text, without space around it. Raises ``InputError`` for bytes that are not UTF-8."""
    with line.file.open("rb") as opened:
        opened.seek(line.begin)
        data = opened.read(line.end - line.begin)
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        raise InputError(
            sentence("pipeline.not_utf8", file=line.file.name), sentence("pipeline.save_as_utf8")
        ) from None
