"""Files that a device was sent, by their hash: as many as fit into a bound, those used last are kept."""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from bench.errors import InputError
from bench.words import sentence

SHA256 = re.compile(r"[0-9a-f]{64}")
CACHE_BYTES = 20 << 30
RESERVE_BYTES = 256 << 20
"""What stays free on the disk: for records, and for whatever else runs on the device."""
PART = ".part"
FULL = (errno.ENOSPC, errno.EDQUOT)
"""How systems say that a disk, or what a user may take of it, is full."""


class NoRoom(InputError):
    """The disk, or the bound of the cache, is too small for a file."""


class WrongFile(InputError):
    """What came is not what was announced."""


def free_bytes(folder: Path) -> int:
    """On the disk of ``folder``."""
    return shutil.disk_usage(folder).free


class Artifacts:
    """The files in ``folder``, named by their hash. ``most_bytes``: what they may take together. ``free``: how many
    bytes the disk has left."""

    def __init__(self, folder: Path, most_bytes: int = CACHE_BYTES, free: Callable[[Path], int] = free_bytes) -> None:
        self.folder, self.most_bytes, self._free = folder, most_bytes, free
        self._incoming: dict[str, tuple[int, hashlib._Hash]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob(f"*{PART}"):
            part.unlink()

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Those that have to be sent, each once; those that are here count as used now."""
        return [sha256 for sha256 in dict.fromkeys(hashes) if not self._touched(sha256)]

    def path(self, sha256: str) -> Path:
        """Where the file is, if it is here. Raises ``WrongFile`` for what is no hash."""
        if not SHA256.fullmatch(sha256):
            raise WrongFile(sentence("fleet.no_hash", text=sha256[:80]))
        return self.folder / sha256

    def put(self, sha256: str, size_bytes: int, offset: int, data: bytes) -> None:
        """A part of a file, each from where the last ended; ``offset`` 0 begins it anew. With its last byte it is
        checked, and kept.

        Raises ``NoRoom`` where there is none, and ``WrongFile`` for a part out of turn and for other content than the
        hash says; what came is removed then.
        """
        path = self.path(sha256)
        if path.exists():
            return
        part = path.with_name(sha256 + PART)
        if offset == 0:
            self._make_room(size_bytes)
            self._incoming[sha256] = 0, hashlib.sha256()
        have, digest = self._incoming.get(sha256, (-1, hashlib.sha256()))
        if offset != have or offset + len(data) > size_bytes:
            self._drop(sha256)
            raise WrongFile(sentence("fleet.part_out_of_turn", sha256=sha256, offset=offset))
        try:
            with part.open("r+b" if offset else "wb") as file:
                file.seek(offset)
                file.write(data)
        except OSError as error:
            self._drop(sha256)
            if error.errno in FULL:
                raise self._no_room(size_bytes) from None
            raise
        digest.update(data)
        self._incoming[sha256] = offset + len(data), digest
        if offset + len(data) == size_bytes:
            del self._incoming[sha256]
            if digest.hexdigest() != sha256:
                part.unlink()
                raise WrongFile(sentence("fleet.hash_differs", sha256=sha256, found=digest.hexdigest()))
            part.replace(path)

    def bytes(self) -> int:
        """What the files take together."""
        return sum(size for _, size, _ in self._files())

    def _make_room(self, size_bytes: int) -> None:
        """Remove what was not used for longest, until a file of that size fits into the bound and on the disk."""
        if size_bytes > self.most_bytes:
            raise NoRoom(
                sentence("fleet.cache_small", size_bytes=size_bytes, most_bytes=self.most_bytes),
                sentence("fleet.cache_small.remedy"),
            )
        used = self.bytes()
        if self._free(self.folder) + used < size_bytes + RESERVE_BYTES:
            raise self._no_room(size_bytes)
        for _, size, path in sorted(self._files()):
            if used + size_bytes <= self.most_bytes and self._free(self.folder) >= size_bytes + RESERVE_BYTES:
                return
            path.unlink()
            used -= size
        if self._free(self.folder) < size_bytes + RESERVE_BYTES:
            raise self._no_room(size_bytes)

    def _no_room(self, size_bytes: int) -> NoRoom:
        return NoRoom(
            sentence("fleet.disk_full", free_bytes=self._free(self.folder), needed_bytes=size_bytes + RESERVE_BYTES),
            sentence("fleet.disk_full.remedy"),
        )

    def _files(self) -> list[tuple[int, int, Path]]:
        """When each was used last, its size, and where it is."""
        found = []
        for path in self.folder.iterdir():
            if SHA256.fullmatch(path.name):
                facts = path.stat()
                found.append((facts.st_mtime_ns, facts.st_size, path))
        return found

    def _touched(self, sha256: str) -> bool:
        try:
            os.utime(self.path(sha256))
        except OSError:
            return False
        return True

    def _drop(self, sha256: str) -> None:
        self._incoming.pop(sha256, None)
        with suppress(OSError):
            (self.folder / (sha256 + PART)).unlink()
