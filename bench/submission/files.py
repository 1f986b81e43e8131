"""Reads the TOML files of tracks and submissions, with errors that name file and field."""

from pathlib import Path
from typing import TypeVar

from bench.reading import read_text
from bench.submission.criterion import Form
from bench.toml.parsing import parsed
from bench.toml.values import converted

MOST_FORM_BYTES = 1 << 20

F = TypeVar("F", bound=Form)


def read_form(file: Path, kind: type[F]) -> F:
    """The file as ``kind``. Raises ``InputError`` naming file and field."""
    return form_of(read_text(file, MOST_FORM_BYTES), str(file), kind)


def form_of(text: str, origin: str, kind: type[F]) -> F:
    """``text`` as ``kind``; errors name ``origin``."""
    return converted(parsed(text, origin), kind, origin)
