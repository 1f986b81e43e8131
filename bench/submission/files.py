"""Reads the TOML files of tracks and submissions, with errors that name file and field."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.errors import InputError
from bench.reading import read_text
from bench.submission.criterion import Form
from bench.words import sentence

MOST_FORM_BYTES = 4 << 20

F = TypeVar("F", bound=Form)


def read_form(file: Path, kind: type[F]) -> F:
    """The file as ``kind``. Raises ``InputError`` naming file and field."""
    return form_of(read_text(file, MOST_FORM_BYTES), str(file), kind)


def form_of(text: str, origin: str, kind: type[F]) -> F:
    """``text`` as ``kind``; errors name ``origin``."""
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except msgspec.ValidationError as error:
        raise InputError(sentence("submission.field_wrong", file=origin, error=str(error))) from None
    except (ValueError, RecursionError) as error:
        raise InputError(sentence("suite.not_toml", file=origin, error=str(error)[:200])) from None
