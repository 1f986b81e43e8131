"""The checksum that identifies a model's files."""

from collections.abc import Sequence
from functools import lru_cache
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


def sha256_of_file(file: Path) -> str:
    """As ``sha256_of`` of one file. The file is read again only when its size or modification time changed."""
    return sha256_of_files((file,))


def sha256_of_files(files: Sequence[Path]) -> str:
    """As ``sha256_of``. The files are read again only when the size or modification time of one changed."""
    stats = [(str(file.resolve()), (found := file.stat()).st_size, found.st_mtime_ns) for file in files]
    return _remembered(tuple(stats))


@lru_cache(maxsize=1024)
def _remembered(files: tuple[tuple[str, int, int], ...]) -> str:
    return sha256_of([Path(path) for path, _, _ in files])
