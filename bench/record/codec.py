"""Records as JSON: written, read back whatever their age, and described by a JSON Schema."""

from hashlib import sha256
from typing import Any

import msgspec

from bench.errors import InputError
from bench.reading import json_of
from bench.record.record import SCHEMA_VERSION, Record
from bench.scenarios.kinds import check_known
from bench.settings import check_settings
from bench.words import sentence

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
        raise InputError(sentence("record.integer_over_64_bits", source=source), REMEASURE) from None
    if raw["schema_version"] < SEALED_SINCE:
        if stated is not None:
            raise InputError(
                sentence("record.sealed_too_early", source=source, version=raw["schema_version"]), REMEASURE
            )
        return
    if stated is None:
        raise InputError(sentence("record.no_seal", source=source), REMEASURE)
    if stated != digest:
        raise InputError(sentence("record.seal_differs", source=source), REMEASURE)


REMEASURE = sentence("store.use_as_written")
EDITED = sentence("record.edited_or_of_another_tool")


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
    raw = json_of(data, source, sentence("record.truncated_or_edited"), bounded=False)
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise InputError(sentence("record.no_schema_version", source=source))
    if version < 1:
        raise InputError(sentence("record.no_such_schema", source=source, version=version), REMEASURE)
    if version > SCHEMA_VERSION:
        raise InputError(
            sentence("record.newer_schema", source=source, version=version, known=SCHEMA_VERSION),
            sentence("record.upgrade"),
        )
    try:
        record = msgspec.convert(raw, Record)
        check_known(record.plan.scenario)
        if record.plan.asked is not None:
            check_settings(record.plan.asked.settings)
    except (msgspec.ValidationError, ValueError) as error:
        raise InputError(sentence("text.at", where=source, message=str(error)), EDITED) from None
    except InputError as error:
        raise InputError(sentence("record.in_plan", source=source, message=error.sentence), EDITED) from None
    return record, raw


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a record, generated from these types."""
    return msgspec.json.schema(Record)
