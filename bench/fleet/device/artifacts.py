"""Files that a device was sent, by their hash: as many as fit into a bound, those used last are kept.

The files of an order are held from the moment that it wants them until it has begun: nothing makes room by removing
them. What does not fit beside them waits, order after order. What came of a file stays when the agent ends, so that a
transfer goes on where it was cut off.
"""

import errno
import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from bench.digest import sha256_of_file
from bench.errors import InputError, disk_is_full
from bench.words import Sentence, sentence

SHA256 = re.compile(r"[0-9a-f]{64}")
CACHE_BYTES = 20 << 30
RESERVE_BYTES = 256 << 20
"""What stays free on the disk: for records, and for whatever else runs on the device."""
PART = ".part"
LONGEST_PART_S = 86_400.0
"""A part that nobody has continued for so long is removed when the agent begins."""
LONGEST_SILENCE_S = 600.0
"""An order of which nobody has said anything for so long, while the device was free, holds its files no more; nor is
room kept for a file that has not grown for so long."""


class NoRoom(InputError):
    """The disk, or the bound of the cache, is too small for a file."""


class WrongFile(InputError):
    """What came is not what was announced."""


def no_room(free_bytes: int, size_bytes: int) -> Sentence:
    """Why so much does not come to a disk with so much left."""
    return sentence("fleet.disk_full", free_bytes=free_bytes, size_bytes=size_bytes, reserve_bytes=RESERVE_BYTES)


def free_bytes(folder: Path) -> int:
    """On the disk of ``folder``, which is made anew if somebody removed it."""
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free


class Incoming(Struct):
    """A file that comes. ``size_bytes``: what is here of it, and ``digest``: its hash. ``is_resumed``: some of it came
    to an earlier agent. ``whole_bytes``: what it will be; ``heard_s``: when the last part came."""

    size_bytes: int
    digest: "hashlib._Hash"
    is_resumed: bool = False
    whole_bytes: int = 0
    heard_s: float = 0.0


class Held(Struct):
    """What an order needs: sizes in bytes by hash. ``heard_s``: when a client last said something of it."""

    files: Mapping[str, int]
    heard_s: float


class Artifacts:
    """The files in ``folder``, named by their hash. ``most_bytes``: what they may take together. ``free``: how many
    bytes the disk has left; ``clock``: seconds that pass. Reads what is left of cut-off transfers, which takes a second
    for a gigabyte. All methods may be called from any thread."""

    def __init__(
        self,
        folder: Path,
        most_bytes: int = CACHE_BYTES,
        free: Callable[[Path], int] = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.most_bytes, self._free, self._clock = folder, most_bytes, free, clock
        self._lock = threading.RLock()
        self._incoming: dict[str, Incoming] = {}
        self._held: dict[str, Held] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._left = dict(_left(folder))

    def wanted(self, order_id: str, files: Mapping[str, int]) -> list[str]:
        """Those of ``files``, sizes in bytes by hash, that have to be sent; those that are here count as used now. All
        are held for the order until it is let go. Raises ``NoRoom`` where they are more than the cache may hold, and
        ``WrongFile`` for what is no hash."""
        with self._lock:
            if (size_bytes := sum(files.values())) > self.most_bytes:
                raise self._cache_small(size_bytes)
            missing = [sha256 for sha256, size_bytes in files.items() if not self._touched(sha256, size_bytes)]
            others = {other: held for other, held in self._held.items() if other != order_id}
            own = {order_id: Held(files, self._clock())}
            if missing:
                self._held = {**self._held, **own}
            else:  # it begins now, whoever waits for room
                self._held = {**own, **others}
            return missing

    def let_go(self, order_id: str) -> None:
        """The order has begun, or does not begin: its files may be removed."""
        with self._lock:
            self._held.pop(order_id, None)

    def heard_of_all(self) -> None:
        """From now on it counts how long nobody has said anything of an order."""
        with self._lock:
            for held in self._held.values():
                held.heard_s = self._clock()

    def let_go_of_silent(self) -> None:
        """Orders whose client is gone hold no files any more."""
        with self._lock:
            since_s = self._clock() - LONGEST_SILENCE_S
            self._held = {order_id: held for order_id, held in self._held.items() if held.heard_s >= since_s}

    def path(self, sha256: str) -> Path:
        """Where the file is, if it is here. Raises ``WrongFile`` for what is no hash."""
        if not SHA256.fullmatch(sha256):
            raise WrongFile(sentence("fleet.no_hash", text=sha256[:80]))
        return self.folder / sha256

    def put(self, sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
        """A part of a file. Returns how many of its bytes are here: the next part is wanted from there, and no other is
        taken. With its last byte the file is checked, and kept. ``None``: nothing was taken, as there is no room beside
        the files that are held for other orders.

        Raises ``NoRoom`` where there is none, and ``WrongFile`` for other content than the hash says, which is removed.
        Where some of it came to an earlier agent, it is wanted anew first: a power cut may have damaged that.
        """
        with self._lock:
            for held in self._held.values():
                if sha256 in held.files:
                    held.heard_s = self._clock()
            if self._touched(sha256, size_bytes):
                return size_bytes
            incoming = self._incoming.get(sha256)
            if incoming is None:
                incoming = self._left.get(sha256) or Incoming(0, hashlib.sha256())
                if not self._has_room(sha256, size_bytes, incoming.size_bytes):
                    return None
                incoming.whole_bytes = size_bytes
                self._incoming[sha256] = incoming
            incoming.heard_s = self._clock()
            if offset == incoming.size_bytes:
                self._append(sha256, incoming, size_bytes, data[: size_bytes - offset])
            return incoming.size_bytes if incoming.size_bytes < size_bytes else self._kept(sha256, incoming)

    def _kept(self, sha256: str, incoming: Incoming) -> int:
        """The file is whole. Returns how many of its bytes are right."""
        found = incoming.digest.hexdigest()
        if found == sha256:
            try:
                with self._part(sha256).open("rb+") as file:  # no name without its content, even after a power cut
                    os.fsync(file.fileno())
                self._part(sha256).replace(self.path(sha256))
            except FileNotFoundError:  # somebody removed it: it is wanted anew
                self._drop(sha256)
                return 0
            except OSError as error:
                self._drop(sha256)
                if disk_is_full(error):
                    raise self._not_kept(error, incoming.size_bytes) from None
                raise
        self._drop(sha256)
        if found != sha256 and not incoming.is_resumed:
            told = sentence("fleet.hash_differs", sha256=sha256, found=found)
            raise WrongFile(told, sentence("fleet.hash_differs.remedy"))
        return incoming.size_bytes if found == sha256 else 0

    def _append(self, sha256: str, incoming: Incoming, size_bytes: int, data: bytes) -> None:
        """Where the disk does not have what came, since somebody emptied the folder, the file is wanted anew:
        ``incoming`` then has nothing."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._part(sha256).open("ab") as file:
                if file.tell() != incoming.size_bytes:
                    incoming.size_bytes = 0
                    self._drop(sha256)
                    return
                file.write(data)
        except OSError as error:
            self._drop(sha256)
            if disk_is_full(error):
                raise self._not_kept(error, size_bytes) from None
            raise
        incoming.digest.update(data)
        incoming.size_bytes += len(data)

    def bytes(self) -> int:
        """What the files take together."""
        return sum(size for _, size, _ in self._files())

    def _has_room(self, sha256: str, size_bytes: int, have_bytes: int) -> bool:
        """Whether the file fits into the bound, and on the disk, after what was not used for longest was removed; not
        what is held for an order that fits, nor what comes now."""
        if size_bytes > self.most_bytes:
            raise self._cache_small(size_bytes)
        kept = self._held_together()
        if sha256 not in kept and sum(kept.values()) + size_bytes > self.most_bytes:
            return False
        self._put_aside()
        to_come = size_bytes - have_bytes + sum(one.whole_bytes - one.size_bytes for one in self._incoming.values())
        others = sorted(one for one in self._files() if one[2].stem not in {sha256, *kept, *self._incoming})
        if self._free(self.folder) + sum(size for _, size, _ in others) < to_come + RESERVE_BYTES:
            raise self._no_room(to_come)
        used = self.bytes()
        for _, size, path in others:
            if used + to_come <= self.most_bytes and self._free(self.folder) >= to_come + RESERVE_BYTES:
                break
            path.unlink()
            self._left.pop(path.stem, None)
            used -= size
        if self._free(self.folder) < to_come + RESERVE_BYTES:
            raise self._no_room(to_come)
        return used + to_come <= self.most_bytes

    def _put_aside(self) -> None:
        """What has not grown for long does not count as coming; it may go on, unless it was removed meanwhile."""
        for sha256, incoming in [*self._incoming.items()]:
            if incoming.heard_s < self._clock() - LONGEST_SILENCE_S:
                self._left[sha256] = self._incoming.pop(sha256)

    def _held_together(self) -> dict[str, int]:
        """The files of the orders that came first and fit together, sizes in bytes by hash."""
        found: dict[str, int] = {}
        for held in self._held.values():
            together = {**found, **held.files}
            if sum(together.values()) > self.most_bytes:
                break
            found = together
        return found

    def _cache_small(self, size_bytes: int) -> NoRoom:
        told = sentence("fleet.cache_small", size_bytes=size_bytes, most_bytes=self.most_bytes)
        return NoRoom(told, sentence("fleet.cache_small.remedy"))

    def _no_room(self, size_bytes: int) -> NoRoom:
        return NoRoom(no_room(self._free(self.folder), size_bytes), sentence("fleet.disk_full.remedy"))

    def _not_kept(self, error: OSError, size_bytes: int) -> NoRoom:
        """Why a file is not written: a disk may have room beyond the quota of a user, or the largest file that it
        takes."""
        if error.errno == errno.ENOSPC:
            return self._no_room(size_bytes)
        told = sentence("fleet.not_kept", size_bytes=size_bytes, strerror=error.strerror)
        return NoRoom(told, sentence("fleet.not_kept.remedy"))

    def _files(self) -> list[tuple[int, int, Path]]:
        """When each was used last, its size, and where it is; parts included."""
        found = []
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if SHA256.fullmatch(path.name.removesuffix(PART)):
                with suppress(FileNotFoundError):  # removed, or a part that is whole by now
                    facts = path.stat()
                    found.append((facts.st_mtime_ns, facts.st_size, path))
        return found

    def _touched(self, sha256: str, size_bytes: int) -> bool:
        """Whether the file is here in its whole length; it then counts as used now. What is not is removed, unless its
        hash is right and ``size_bytes`` wrong."""
        path = self.path(sha256)
        try:
            if path.stat().st_size == size_bytes or sha256_of_file(path) == sha256:
                os.utime(path)
                return True
            path.unlink()
        except OSError:
            pass
        return False

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
