"""Forms and suites as TOML, one text for one content: no comments, the fields in their order, defaults left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from bench.submission.texts import Texts
from bench.submission.toml_text import changed_fields, toml_key, toml_value


def toml_bytes(content: Struct | Mapping[str, Any]) -> bytes:
    """``content`` as a file: its plain fields, then a table for each part, then an array of tables for each list of
    parts."""
    fields = changed_fields(content) if isinstance(content, Struct) else dict(content)
    plain = [f"{toml_key(name)} = {toml_value(value)}" for name, value in fields.items() if not _in_table(value)]
    blocks = ["\n".join(plain)] if plain else []
    for name, value in fields.items():
        if isinstance(value, Struct) and _in_table(value):
            blocks.append("\n".join([f"[{toml_key(name)}]", *_lines(value)]))
        elif _in_table(value):
            blocks += ["\n".join([f"[[{toml_key(name)}]]", *_lines(one)]) for one in value]
    return ("\n\n".join(blocks) + "\n").encode()


def _in_table(value: Any) -> bool:
    if isinstance(value, Struct):
        return not isinstance(value, Texts)
    listed = isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0
    return listed and all(isinstance(one, Struct | Mapping) and not isinstance(one, Texts) for one in value)


def _lines(part: Struct | Mapping[str, Any]) -> list[str]:
    fields = changed_fields(part) if isinstance(part, Struct) else part
    return [f"{toml_key(name)} = {toml_value(value)}" for name, value in fields.items()]
