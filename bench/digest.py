"""The checksum that identifies a model's files."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

CHUNK_BYTES = 1 << 20


def sha256_of(files: Sequence[Path]) -> str:
    """SHA-256 of the files' contents one after the other: what ``cat FILES | sha256sum`` prints."""
    digest = sha256()
    for path in files:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()
