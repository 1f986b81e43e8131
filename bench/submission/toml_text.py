"""Values as TOML, which the standard library reads and does not write.

A submission is a file for people, so its comments and the order of its lines matter more than a general writer would
keep: ``bench.submission.form_text`` lays out the lines, and this module writes only what stands right of ``=``. What is
not printable is written as an escape, so that a file looks the same everywhere.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def toml_key(name: str) -> str:
    """``name`` bare where TOML allows it, else quoted."""
    return name if _BARE.fullmatch(name) else toml_string(name)


def toml_string(text: str) -> str:
    """A basic string on one line. ``text`` has no surrogates, which TOML cannot hold."""
    return '"' + "".join(map(_sign, text)) + '"'


def toml_value(value: Any) -> str:
    """A string, a number, a boolean, a sequence, a mapping or a struct (its fields that differ from their defaults) as
    it stands right of ``=``, on one line. Raises ``TypeError`` for anything else: TOML has no null."""
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Struct):
        return toml_value(changed_fields(value))
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(key)} = {toml_value(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(toml_value, value))}]"
    raise TypeError(f"TOML has no value for {type(value).__name__}")


def changed_fields(value: Struct) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    found = {}
    for field in msgspec.structs.fields(value):
        one = getattr(value, field.name)
        default = field.default_factory() if callable(field.default_factory) else field.default
        if one != default:
            found[field.encode_name] = one
    return found


def _float(value: float) -> str:
    """Exactly, and as a person writes it: ``33.3``, ``100``."""
    if math.isfinite(value):
        return "-0.0" if value == 0 and math.copysign(1, value) < 0 else repr(value).removesuffix(".0")
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _sign(sign: str) -> str:
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    if sign.isprintable():
        return sign
    return f"\\u{ord(sign):04X}" if ord(sign) <= 0xFFFF else f"\\U{ord(sign):08X}"
