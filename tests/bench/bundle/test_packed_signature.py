"""What ``odb pack --sign`` adds to a bundle."""

import json
from pathlib import Path

import pytest
from made_bundles import files_of, write_packed, write_submission

from bench.bundle.contents.statement import key_id, private_key, public_key
from bench.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_submission(tmp_path / "s")


def content(bundle: Path, name: str) -> bytes:
    (found,) = [data for full, data in files_of(bundle).items() if full.partition("/")[2] == name]
    return found


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private and its public key."""
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(plain)
    (tmp_path / "pub.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return tmp_path / "key.pem", tmp_path / "pub.pem"


def test_a_signed_bundle_has_the_same_bytes_each_time(folder: Path, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    one = write_packed(folder, tmp_path / "1.zip", key=keys[0]).read_bytes()
    assert write_packed(folder, tmp_path / "2.zip", key=keys[0]).read_bytes() == one
    envelope = json.loads(content(tmp_path / "1.zip", "attestations/test-result.dsse.json"))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert (
        envelope["signatures"][0]["keyid"] == key_id(public_key(keys[1])) == key_id(private_key(keys[0]).public_key())
    )


def test_the_signature_is_that_of_dsse(folder: Path, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """Made over the encoding of the specification, by another implementation of it."""
    from base64 import b64decode

    envelope = json.loads(
        content(write_packed(folder, tmp_path / "1.zip", key=keys[0]), "attestations/test-result.dsse.json")
    )
    payload, kind = b64decode(envelope["payload"]), "application/vnd.in-toto+json"
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    public_key(keys[1]).verify(b64decode(envelope["signatures"][0]["sig"]), signed)
    assert payload == content(tmp_path / "1.zip", "attestations/test-result.json")


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_named(text: str, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "k.pem").write_text(text)
    with pytest.raises(InputError, match=r"k\.pem"):
        write_packed(folder, tmp_path / "b.zip", key=tmp_path / "k.pem")
    with pytest.raises(InputError, match=r"k\.pem"):
        public_key(tmp_path / "k.pem")
