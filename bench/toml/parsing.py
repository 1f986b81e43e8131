"""The text of a TOML file as plain values."""

import tomllib
from typing import Any

from bench.errors import InputError
from bench.reading import NOT_DECODED, refuse_deep_keys
from bench.words import sentence


def parsed(text: str, file: str) -> dict[str, Any]:
    """Raises ``InputError`` naming ``file``, and the line where it is known: not TOML, a number of thousands of digits,
    thousands of brackets or of parts of a key."""
    refuse_deep_keys(text, file)
    try:
        return tomllib.loads(text)
    except NOT_DECODED as error:
        raise InputError(sentence("suite.not_toml", file=file, error=str(error)[:200])) from None
