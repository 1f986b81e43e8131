"""Whom ``odb verify --key`` believes."""

import random
from pathlib import Path

import pytest
from forged_bundles import edited, failed, verified
from made_bundles import (
    changed,
    files_of,
    write_files,
    write_packed,
    write_submission,
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    return write_packed(write_submission(folder / "s"), folder / "b.zip")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A private key, its public key, and the public key of somebody else."""
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    for number in (1, 2):
        key = Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / f"key{number}.pem").write_bytes(plain)
        (tmp_path / f"pub{number}.pem").write_bytes(public)
    return tmp_path / "key1.pem", tmp_path / "pub1.pem", tmp_path / "pub2.pem"


def test_signatures(packed: Path, tmp_path: Path, keys: tuple[Path, Path, Path]) -> None:
    """The right key verifies it, another does not; unsigned it is refused where a key is demanded."""
    private, public, other = keys
    bundle = write_packed(packed.parent / "s", tmp_path / "b.zip", key=private)
    assert failed(verified(bundle, key=public)) == []
    assert failed(verified(bundle, key=other)) == ["ODB-B-016"]
    assert failed(verified(packed, key=public)) == ["ODB-B-016"]
    (note,) = [one.note for one in verified(bundle).results if one.rule == "ODB-B-016"]
    assert "not checked without --key" in str(note)


def test_what_the_signature_covers(packed: Path, tmp_path: Path, keys: tuple[Path, Path, Path]) -> None:
    """Whatever else is made anew, a statement without its signature, or a signature of another, is refused."""
    private, public, _ = keys
    bundle = write_packed(packed.parent / "s", tmp_path / "b.zip", key=private)
    envelope = "attestations/test-result.dsse.json"
    with changed(bundle, "attestations/test-result.json", edited(lambda s: s["subject"].pop())) as files:
        assert "ODB-B-016" in failed(verified(write_files(tmp_path / "c.zip", files), key=public))
    draw, data = random.Random(1), next(d for name, d in files_of(bundle).items() if name.endswith(envelope))
    for _ in range(20):
        at = draw.randrange(len(data))
        with changed(bundle, envelope, lambda d, at=at: d[:at] + bytes([d[at] ^ 1]) + d[at + 1 :]) as files:
            assert failed(verified(write_files(tmp_path / "c.zip", files), key=public)) == ["ODB-B-016"]
