"""Reads the TOML files of tracks and submissions, with errors that name file and field."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.errors import InputError
from bench.reading import NOT_DECODED, read_text, refuse_deep_keys
from bench.submission.criterion import Form
from bench.words import sentence

MOST_FORM_BYTES = 1 << 20
MOST_TOLD = 500

F = TypeVar("F", bound=Form)


def read_form(file: Path, kind: type[F]) -> F:
    """The file as ``kind``. Raises ``InputError`` naming file and field."""
    return form_of(read_text(file, MOST_FORM_BYTES), str(file), kind)


def form_of(text: str, origin: str, kind: type[F]) -> F:
    """``text`` as ``kind``; errors name ``origin``."""
    refuse_deep_keys(text, origin)
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except msgspec.ValidationError as error:
        raise InputError(sentence("submission.field_wrong", file=origin, error=_short(str(error)))) from None
    except NOT_DECODED as error:
        raise InputError(sentence("suite.not_toml", file=origin, error=str(error)[:200])) from None


def _short(told: str) -> str:
    """What is wrong, without the middle of a name that is very long: the field stands at the end."""
    return told if len(told) <= MOST_TOLD else f"{told[: MOST_TOLD // 2]}…{told[-MOST_TOLD // 2 :]}"
