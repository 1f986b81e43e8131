"""Records as JSON: written, read back whatever their age, and described by a JSON Schema."""

from typing import Any

import msgspec

from bench.errors import InputError
from bench.record import SCHEMA_VERSION, Record


def encode(record: Record) -> bytes:
    """The record as indented JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def decode(data: bytes, source: str = "record.json") -> Record:
    """Read a record of this or any older schema. Raises ``InputError`` naming ``source`` and the field."""
    try:
        raw = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise InputError(f"{source}: not JSON: {error}", "The file is truncated or was edited; run again.") from None
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if not isinstance(version, int):
        raise InputError(f"{source}: no schema_version: not a record of ondevice-bench")
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{source}: schema_version {version} is newer than this tool's {SCHEMA_VERSION}",
            "Upgrade ondevice-bench to read it.",
        )
    try:
        return msgspec.convert(raw, Record)
    except msgspec.ValidationError as error:
        raise InputError(f"{source}: {error}", "The file was edited or written by another tool.") from None


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a record, generated from these types."""
    return msgspec.json.schema(Record)
