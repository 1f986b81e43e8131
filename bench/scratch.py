"""Folders for the time of a process, removed at its end or, where it was killed, by the next."""

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import InputError
from bench.interrupts import unwinding
from bench.words import sentence

OWNER = ".odb-owner"
"""File in a scratch folder, locked while the process that made it lives: the kernel ends a lock with its process, so it
cannot be taken for another of the same number, nor for one of another container."""


LOCKING = ".odb-locking"
"""Its name until it is locked: a folder that is being created is not a scratch folder yet and is not removed. On
Windows, where an open file keeps its name, this file stays the locked one, and ``OWNER`` is made beside it."""
RESERVED = ".odb-reserved-{name}"
"""File beside a result, locked by the process that will write it."""
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""How systems say that another process holds a lock."""


@contextmanager
def scratch_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder under ``parent`` (by default where temporary files go), removed at the end. If this process is
    killed, ``sweep`` of the same prefix removes it later."""
    with unwinding():
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = _locked(folder / LOCKING, os.O_CREAT)
        try:
            with suppress(OSError):
                if sys.platform == "win32":
                    (folder / OWNER).touch()
                else:
                    (folder / LOCKING).rename(folder / OWNER)
            yield folder
        finally:
            _removed(folder, lock)


@contextmanager
def reserved(result: Path | None) -> Iterator[None]:
    """``result``, if any, is this process' to write until the end of the block, which may take hours: a file beside it
    is locked meanwhile. Raises ``InputError`` where another process has it. Where its folder takes no such file, or no
    locks, there is no protection; whether it can be written is not decided here."""
    if result is None:
        yield
        return
    result = result.parent.resolve() / result.name
    path = result.with_name(RESERVED.format(name=result.name))
    with unwinding():
        try:
            lock = _reserving(path)
        except BlockingIOError:
            taken = sentence("store.reserved", file=result.name)
            raise InputError(taken, sentence("store.reserved.remedy")) from None
        try:
            yield
        finally:
            if lock is not None:
                _unlocked(path, lock)


def _reserving(path: Path) -> int | None:
    """A descriptor that holds the lock of ``path``, which is there; ``None`` where it cannot be made or locked. Raises
    ``BlockingIOError`` if another process has it."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError:
            return None
        try:
            lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno in TAKEN:
                raise BlockingIOError from None
            return None
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # it was removed, by the process that had it, before it was locked here


def _unlocked(path: Path, lock: int) -> None:
    """Remove it under its lock; on Windows, where an open file cannot be removed, right after it."""
    if sys.platform == "win32":
        os.close(lock)
    with suppress(OSError):
        path.unlink()
    if sys.platform != "win32":
        os.close(lock)


def sweep(prefix: str, parent: Path | None = None, rescue: Callable[[Path], None] = lambda folder: None) -> None:
    """Remove the scratch folders of that prefix whose process has ended; those of others, and folders that are not
    scratch folders, are left alone. ``rescue`` takes out before what is worth keeping; where it raises ``OSError``, the
    folder stays."""
    with suppress(OSError):
        for folder in Path(parent or tempfile.gettempdir()).glob(f"{prefix}*"):
            with suppress(OSError):
                _sweep_one(folder, rescue)


def _sweep_one(folder: Path, rescue: Callable[[Path], None]) -> None:
    own = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
    if not own or folder.is_symlink() or not (folder / OWNER).is_file():
        return
    lock = _locked(folder / (LOCKING if sys.platform == "win32" else OWNER), 0)
    if lock is not None:
        try:
            rescue(folder)
        except BaseException:
            os.close(lock)
            raise
        _removed(folder, lock)


def _removed(folder: Path, lock: int | None) -> None:
    """Remove the folder under its lock; on Windows, where an open file cannot be removed, right after it."""
    if lock is not None and sys.platform == "win32":
        os.close(lock)
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None and sys.platform != "win32":
        os.close(lock)


def _locked(path: Path, flags: int) -> int | None:
    """A descriptor that holds the lock of ``path``; ``None`` if another process holds it, or locks are not
    supported."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | flags, 0o600)
    except OSError:
        return None
    try:
        lock(descriptor)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def lock(descriptor: int) -> None:
    """Raises ``OSError`` if another process holds the lock, or locks are not supported."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
