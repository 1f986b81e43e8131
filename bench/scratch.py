"""Folders for the time of a process, removed at its end or, where it was killed, by the next."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.interrupts import unwinding

OWNER = ".odb-owner"
"""File in a scratch folder, locked while the process that made it lives: the kernel ends a lock with its process, so it
cannot be taken for another of the same number, nor for one of another container."""


LOCKING = ".odb-locking"
"""Its name until it is locked: a folder that is being created is not a scratch folder yet and is not removed. On
Windows, where an open file keeps its name, this file stays the locked one, and ``OWNER`` is made beside it."""


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
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
