"""``attestations/test-result.json``: an in-toto Statement v1 with the predicate test-result v0.1, and its signature.

Its subjects are the files of the bundle, so that the signature covers all of them; its tests are the rules of ``odb
check``. The signature is a DSSE envelope with an Ed25519 key.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench import __version__
from bench.bundle.contents.bag import payload_of
from bench.bundle.contents.descriptions import TOOL
from bench.bundle.contents.judging import Judged
from bench.bundle.contents.layout import FORM, TAG_FILES, TRACK, Facts, json_bytes
from bench.errors import InputError
from bench.reading import NOT_DECODED, read_bytes
from bench.words import sentence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
MOST_KEY_BYTES = 1 << 16


def statement_of(judged: Judged, files: Mapping[str, Facts]) -> dict[str, Any]:
    """The statement on ``files``: the payload, its manifest, and what makes it a bag."""
    covered = payload_of(files) | {name: files[name] for name in TAG_FILES if name in files}
    rules = {"uri": f"pkg:pypi/{TOOL}@{__version__}", "name": "odb check", "annotations": {"rules": judged.version}}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [_described(name, covered[name]) for name in sorted(covered, key=str.encode)],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": judged.result,
            "configuration": [rules, *(_described(name, files[name]) for name in (FORM, TRACK) if name in files)],
            "passedTests": sorted(judged.passed),
            "warnedTests": sorted(judged.warned),
            "failedTests": sorted(judged.failed),
        },
    }


def _described(name: str, facts: Facts) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": facts.sha256}}


def signed(payload: bytes, key: "Ed25519PrivateKey") -> bytes:
    """The envelope of ``payload`` signed with ``key``."""
    signature = key.sign(_authenticated(payload))
    entry = {"keyid": key_id(key.public_key()), "sig": b64encode(signature).decode()}
    envelope = {"payload": b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": [entry]}
    return json_bytes(envelope)


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"payload_type": "payloadType"}):
    """A DSSE envelope as this program writes it."""

    payload: str
    payload_type: str
    signatures: tuple[dict[str, str], ...]

    def signs(self, payload: bytes) -> bool:
        """Whether its payload is ``payload``."""
        return self.payload_type == PAYLOAD_TYPE and self.payload == b64encode(payload).decode()

    def made_with(self, key: "Ed25519PublicKey") -> bool:
        """Whether one of its signatures was made with the private part of ``key``."""
        from cryptography.exceptions import InvalidSignature

        for entry in self.signatures:
            try:
                key.verify(b64decode(entry.get("sig", ""), validate=True), _authenticated(b64decode(self.payload)))
            except (InvalidSignature, ValueError):
                continue
            return True
        return False


def envelope_of(data: bytes) -> Envelope:
    """Raises ``ValueError`` for what is no envelope as this program writes it."""
    try:
        found = msgspec.json.decode(data, type=Envelope)
    except NOT_DECODED:
        raise ValueError from None
    if json_bytes(found) != data or len(found.signatures) != 1 or {*found.signatures[0]} != {"keyid", "sig"}:
        raise ValueError
    return found


def _authenticated(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, over which the signature is made."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def key_id(key: "Ed25519PublicKey") -> str:
    """SHA-256 of the key in DER (SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def private_key(path: Path) -> "Ed25519PrivateKey":
    """The key in the PEM file ``path``. Raises ``InputError``."""
    data = _key_file(path)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:  # it has a password
        raise InputError(
            sentence("bundle.key_encrypted", file=path.name), sentence("bundle.key_encrypted.remedy")
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(sentence("bundle.no_private_key", file=path.name), sentence("bundle.no_private_key.remedy"))
    return key


def public_key(path: Path) -> "Ed25519PublicKey":
    """The key in the PEM file ``path``. Raises ``InputError``."""
    data = _key_file(path)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(sentence("bundle.no_public_key", file=path.name), sentence("bundle.no_public_key.remedy"))
    return key


def _key_file(path: Path) -> bytes:
    data = read_bytes(path, MOST_KEY_BYTES)
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise InputError(
            sentence("bundle.extra_missing", package="cryptography"), sentence("bundle.extra_missing.remedy")
        ) from None
    return data
