"""Records as JSON: written, read back whatever their age, and described by a JSON Schema."""

from hashlib import sha256
from typing import Any

import msgspec

from bench.errors import InputError
from bench.reading import json_of
from bench.record.record import SCHEMA_VERSION, Record
from bench.scenarios import check_known
from bench.settings import check_settings

SEALED_SINCE = 2
"""The first schema whose files carry ``record_sha256``."""


def sealed(record: Record) -> Record:
    """``record`` with ``record_sha256`` over everything else in it.

    It reveals a file that was changed by hand or by accident. It does not protect against somebody who recomputes it:
    for that a record must be signed, or measured again.
    """
    return msgspec.structs.replace(record, record_sha256=_digest(msgspec.to_builtins(record)))


def check_seal(data: bytes, source: str) -> None:
    """Raise ``InputError`` where a record's file is not as it was written. Spaces and the order of fields do not count;
    files of older schemas carry no seal."""
    _check_seal(json_of(data, source), source)


def _check_seal(raw: Any, source: str) -> None:
    stated = raw.get("record_sha256")
    try:
        digest = _digest(raw)
    except OverflowError:  # no record holds such a number, and nothing can be computed with it
        raise InputError(f"{source}: holds an integer of over 64 bits", REMEASURE) from None
    if raw["schema_version"] < SEALED_SINCE:
        if stated is not None:
            message = f"{source}: schema_version {raw['schema_version']} carries no record_sha256: the file was edited"
            raise InputError(message, REMEASURE)
        return
    if stated is None:
        raise InputError(f"{source}: record_sha256 is missing: the file was edited", REMEASURE)
    if stated != digest:
        raise InputError(f"{source}: its content differs from record_sha256: the file was edited", REMEASURE)


REMEASURE = "Use the file as it was written, or measure again."


def _digest(raw: Any) -> str:
    rest = {key: value for key, value in raw.items() if key != "record_sha256"}
    return sha256(msgspec.json.encode(rest, order="sorted")).hexdigest()


def encode(record: Record) -> bytes:
    """The record as indented JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def decode(data: bytes, source: str = "record.json") -> Record:
    """Read a record of this or any older schema. Raises ``InputError`` naming ``source`` and the field."""
    return _decoded(data, source)[0]


def decode_sealed(data: bytes, source: str) -> Record:
    """``decode`` and ``check_seal`` at once."""
    record, raw = _decoded(data, source)
    _check_seal(raw, source)
    return record


def _decoded(data: bytes, source: str) -> tuple[Record, Any]:
    raw = json_of(data, source, "The file is truncated or was edited; run again.", bounded=False)
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise InputError(f"{source}: no schema_version: not a record of ondevice-bench")
    if version < 1:
        raise InputError(f"{source}: schema_version {version} never was: the file was edited", REMEASURE)
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{source}: schema_version {version} is newer than this tool's {SCHEMA_VERSION}",
            "Upgrade ondevice-bench to read it.",
        )
    try:
        record = msgspec.convert(raw, Record)
        check_known(record.plan.scenario)
        if record.plan.asked is not None:
            check_settings(record.plan.asked.settings)
    except (msgspec.ValidationError, ValueError) as error:
        raise InputError(f"{source}: {error}", "The file was edited or written by another tool.") from None
    except InputError as error:
        raise InputError(f"{source}: plan.{error.message}", "The file was edited or written by another tool.") from None
    return record, raw


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a record, generated from these types."""
    return msgspec.json.schema(Record)
