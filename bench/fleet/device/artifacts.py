"""Files that a device was sent, by their hash: as many as fit into a bound, those used last are kept.

What came of a file stays when the agent ends, so that a transfer goes on where it was cut off.
"""

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from bench.errors import InputError
from bench.words import sentence

SHA256 = re.compile(r"[0-9a-f]{64}")
CACHE_BYTES = 20 << 30
RESERVE_BYTES = 256 << 20
"""What stays free on the disk: for records, and for whatever else runs on the device."""
PART = ".part"
LONGEST_PART_S = 86_400.0
"""A part that nobody has continued for so long is removed when the agent begins."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""How systems say that a disk, or what a user may take of it, is full."""


class NoRoom(InputError):
    """The disk, or the bound of the cache, is too small for a file."""


class WrongFile(InputError):
    """What came is not what was announced."""


def free_bytes(folder: Path) -> int:
    """On the disk of ``folder``."""
    return shutil.disk_usage(folder).free


class Incoming(Struct):
    """A file that comes. ``size_bytes``: what is here of it, and ``digest``: its hash. ``is_resumed``: some of it came
    to an earlier agent."""

    size_bytes: int
    digest: "hashlib._Hash"
    is_resumed: bool = False


class Artifacts:
    """The files in ``folder``, named by their hash. ``most_bytes``: what they may take together. ``free``: how many
    bytes the disk has left. Reads what is left of cut-off transfers, which takes a second for a gigabyte."""

    def __init__(self, folder: Path, most_bytes: int = CACHE_BYTES, free: Callable[[Path], int] = free_bytes) -> None:
        self.folder, self.most_bytes, self._free = folder, most_bytes, free
        self._incoming: dict[str, Incoming] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._left = dict(_left(folder))

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Those that have to be sent, each once; those that are here count as used now."""
        return [sha256 for sha256 in dict.fromkeys(hashes) if not self._touched(sha256)]

    def path(self, sha256: str) -> Path:
        """Where the file is, if it is here. Raises ``WrongFile`` for what is no hash."""
        if not SHA256.fullmatch(sha256):
            raise WrongFile(sentence("fleet.no_hash", text=sha256[:80]))
        return self.folder / sha256

    def put(self, sha256: str, size_bytes: int, offset: int, data: bytes) -> int:
        """A part of a file. Returns how many of its bytes are here: the next part is wanted from there, and no other is
        taken. With its last byte the file is checked, and kept.

        Raises ``NoRoom`` where there is none, and ``WrongFile`` for other content than the hash says, which is removed.
        Where some of it came to an earlier agent, it is wanted anew first: a power cut may have damaged that.
        """
        if self.path(sha256).exists():
            return size_bytes
        incoming = self._incoming.get(sha256)
        if incoming is None:
            incoming = self._left.get(sha256) or Incoming(0, hashlib.sha256())
            self._make_room(sha256, size_bytes, incoming.size_bytes)
            self._incoming[sha256] = incoming
        if offset == incoming.size_bytes:
            self._append(sha256, incoming, size_bytes, data[: size_bytes - offset])
        if incoming.size_bytes < size_bytes:
            return incoming.size_bytes
        found = incoming.digest.hexdigest()
        if found == sha256:
            self._part(sha256).replace(self.path(sha256))
        self._drop(sha256)
        if found != sha256 and not incoming.is_resumed:
            told = sentence("fleet.hash_differs", sha256=sha256, found=found)
            raise WrongFile(told, sentence("fleet.hash_differs.remedy"))
        return size_bytes if found == sha256 else 0

    def _append(self, sha256: str, incoming: Incoming, size_bytes: int, data: bytes) -> None:
        try:
            with self._part(sha256).open("ab") as file:
                file.write(data)
        except OSError as error:
            self._drop(sha256)
            if error.errno in FULL:
                raise self._no_room(size_bytes) from None
            raise
        incoming.digest.update(data)
        incoming.size_bytes += len(data)

    def bytes(self) -> int:
        """What the files take together."""
        return sum(size for _, size, _ in self._files())

    def _make_room(self, sha256: str, size_bytes: int, have_bytes: int) -> None:
        """Remove what was not used for longest, until the file fits into the bound and on the disk."""
        if size_bytes > self.most_bytes:
            raise NoRoom(
                sentence("fleet.cache_small", size_bytes=size_bytes, most_bytes=self.most_bytes),
                sentence("fleet.cache_small.remedy"),
            )
        needed, used = size_bytes - have_bytes, self.bytes()
        others = sorted(one for one in self._files() if one[2].stem not in (sha256, *self._incoming))
        if self._free(self.folder) + sum(size for _, size, _ in others) < needed + RESERVE_BYTES:
            raise self._no_room(needed)
        for _, size, path in others:
            if used + needed <= self.most_bytes and self._free(self.folder) >= needed + RESERVE_BYTES:
                return
            path.unlink()
            self._left.pop(path.stem, None)
            used -= size
        if self._free(self.folder) < needed + RESERVE_BYTES:
            raise self._no_room(needed)

    def _no_room(self, size_bytes: int) -> NoRoom:
        return NoRoom(
            sentence("fleet.disk_full", free_bytes=self._free(self.folder), needed_bytes=size_bytes + RESERVE_BYTES),
            sentence("fleet.disk_full.remedy"),
        )

    def _files(self) -> list[tuple[int, int, Path]]:
        """When each was used last, its size, and where it is; parts included."""
        found = []
        for path in self.folder.iterdir():
            if SHA256.fullmatch(path.name.removesuffix(PART)):
                facts = path.stat()
                found.append((facts.st_mtime_ns, facts.st_size, path))
        return found

    def _touched(self, sha256: str) -> bool:
        try:
            os.utime(self.path(sha256))
        except OSError:
            return False
        return True

    def _part(self, sha256: str) -> Path:
        return self.folder / (sha256 + PART)

    def _drop(self, sha256: str) -> None:
        self._incoming.pop(sha256, None)
        self._left.pop(sha256, None)
        with suppress(OSError):
            self._part(sha256).unlink()


def _left(folder: Path) -> Iterator[tuple[str, Incoming]]:
    """What an earlier agent has of files, by hash. What nobody continued for long is removed."""
    for part in folder.glob(f"*{PART}"):
        if time.time() - part.stat().st_mtime > LONGEST_PART_S:
            part.unlink()
            continue
        with part.open("rb") as file:
            yield part.stem, Incoming(part.stat().st_size, hashlib.file_digest(file, "sha256"), is_resumed=True)
