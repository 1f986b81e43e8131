"""Changes of a bundle's files, and which rules refuse it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from made_bundles import dossier

from bench.bundle import open_bundle
from bench.bundle.contents.layout import json_bytes
from bench.bundle.contents.statement import public_key
from bench.bundle.refused import RefusedBundle
from bench.bundle.verification import Verification, refusal, verify
from bench.record.codec import decode, encode, sealed


def verified(path: Path, key: Path | None = None) -> Verification:
    """The bundle at ``path``; ``key``: the file of a public key."""
    try:
        with open_bundle(path) as bundle:
            return verify(bundle, render=dossier, key=None if key is None else public_key(key))
    except RefusedBundle as error:
        return refusal(error)


def failed(found: Verification) -> list[str]:
    """The rules that refuse the bundle; each says where, what is wrong and what to do, in both languages."""
    assert all(str(finding.told) and str(finding.remedy) for finding in found.findings)
    return [result.rule for result in found.results if result.state == "failed"]


def edited(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    """A change of a file's JSON."""

    def apply(data: bytes) -> bytes:
        value = json.loads(data)
        change(value)
        return json_bytes(value)

    return apply


def resealed(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """A change of a record, with its seal made anew."""

    def apply(data: bytes) -> bytes:
        raw = json.loads(data)
        change(raw)
        raw.pop("record_sha256")
        return encode(sealed(decode(json.dumps({**raw, "record_sha256": None}).encode())))

    return apply


def put(*keys: Any, value: Any) -> Callable[[Any], None]:
    """Sets what is at ``keys``."""

    def apply(target: Any) -> None:
        for key in keys[:-1]:
            target = target[key]
        assert target[keys[-1]] != value
        target[keys[-1]] = value

    return apply


RECORD = "data/records/r2/record.json"
