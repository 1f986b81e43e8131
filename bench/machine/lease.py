"""Who may use the machine: a lock of the device, and one of those that measure on it.

A rack's worker has the lease of its device for as long as it lives. Who measures, as a rack's order or by hand, has the
machine's lock meanwhile: an order alone, and runs by hand together. All locks end with their process, by the kernel.
"""

import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import InputError
from bench.machine.lockers import COMMAND, lockers
from bench.printable import clean
from bench.reading import NOT_DECODED
from bench.scratch import TAKEN, lock
from bench.words import Sentence, sentence

LOCKS = "ODB_LOCKS"
"""Environment variable: the folder of both locks, such as one that containers share."""
LEASE, MACHINE = "odb-device.lease", "odb-machine.lock"
ORDER = "order"
"""What an order of a rack says of itself when it has the machine's lock; another program may have it, too."""
PLACES = 64
"""Windows has no shared locks: so many runs by hand may lock one byte each, and an order locks them all."""
MOST_TEXT_BYTES = 4096
PAUSE_S = 1.0


def lock_folder() -> Path:
    """One a machine, whoever asks: where everybody may write, and nobody tidies up."""
    if named := os.environ.get(LOCKS):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA") or tempfile.gettempdir())
    shared = Path("/var/lock")
    with suppress(OSError):
        if shared.stat().st_mode & stat.S_IWOTH:
            return shared
    return Path("/tmp")  # not that of the user: the lock is the machine's


@contextmanager
def leased(file: Path | None, holder: Mapping[str, str]) -> Iterator[None]:
    """The device is this process' until the end of the block. ``file``: another than the machine's. ``holder``: what
    others are told who ask meanwhile. Raises ``InputError`` where another has it."""
    file = lock_folder() / LEASE if file is None else file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(file)
    except OSError as error:
        raise _unusable(file, error) from None
    try:
        try:
            lock(descriptor)
        except OSError as error:
            if error.errno not in TAKEN:
                raise _unusable(file, error) from None
            raise InputError(
                sentence("fleet.lease_held", file=file, holder=_holder(file)), sentence("fleet.lease_held.remedy")
            ) from None
        with _told(file, holder):
            yield
    finally:
        os.close(descriptor)


@contextmanager
def machine_shared() -> Iterator[None]:
    """Measure by hand until the end of the block, as others may; blocks may be nested. A rack's order waits meanwhile.
    Raises ``InputError`` where an order is being measured. Where there can be no lock, there is no protection."""
    file = lock_folder() / MACHINE
    descriptor = None
    try:
        with suppress(OSError):
            descriptor = _opened(file)
        if descriptor is not None and not _locked(descriptor, shared=True):
            if _is_an_order(file):
                said, remedy = "machine.held", "machine.held.remedy"
            else:
                said, remedy = "machine.locked", "machine.locked.remedy"
            raise InputError(sentence(said, holder=_holder(file)), sentence(remedy, file=file))
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def machine_alone(holder: Mapping[str, str], waits: Callable[[Sentence], None] = lambda who: None) -> Iterator[None]:
    """Measure alone until the end of the block. ``waits`` is told once, where others measure now, that they are waited
    for, and who they are. ``holder``: what those are told who ask meanwhile."""
    file = lock_folder() / MACHINE
    try:
        descriptor = _opened(file)
    except OSError:
        yield
        return
    try:
        if not _locked(descriptor):
            code = "machine.waits_for_order" if _is_an_order(file) else "machine.waits"
            waits(sentence(code, holder=_holder(file)))
            _wait(descriptor)
        with _told(file, holder):
            yield
    finally:
        os.close(descriptor)


def _opened(file: Path) -> int:
    """A descriptor of the file, which is made where it is missing. One of another user is opened to read, which a lock
    does not mind: to open it as one that may be made is refused by the kernel in a folder like ``/tmp``."""
    flags = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    for _ in range(2):
        with suppress(FileNotFoundError):
            return os.open(file, os.O_RDONLY | flags)
        with suppress(FileExistsError):  # made meanwhile
            made = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
            if sys.platform != "win32":
                os.fchmod(made, 0o644)  # whatever the umask: who may not read it could not see that it is locked
            os.close(made)
    return os.open(file, os.O_RDONLY | flags)


def _locked(descriptor: int, shared: bool = False) -> bool:
    """Whether the lock is this process' now. ``True`` as well where locks are not supported."""
    try:
        return _lock_at_once(descriptor, shared)
    except OSError as error:
        return error.errno not in TAKEN


def _lock_at_once(descriptor: int, shared: bool) -> bool:
    """On Windows any byte of ``PLACES``, or all of them. Raises ``OSError`` elsewhere where another has the lock."""
    if sys.platform == "win32":
        import msvcrt

        for place in range(PLACES) if shared else (0,):
            os.lseek(descriptor, place, os.SEEK_SET)
            with suppress(PermissionError):
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1 if shared else PLACES)
                return True
        return False
    import fcntl

    fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    return True


def _wait(descriptor: int) -> None:
    """Until the lock is this process'. It sleeps in the kernel, where that can be."""
    if sys.platform == "win32":
        while not _locked(descriptor):
            time.sleep(PAUSE_S)
        return
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def _told(file: Path, holder: Mapping[str, str]) -> Iterator[None]:
    """Who has the lock, in a file beside it until the end of the block: a locked one cannot be read on Windows."""
    told = _beside(file)
    with suppress(OSError):
        told.unlink(missing_ok=True)
        with told.open("x", encoding="utf-8") as file_beside:  # not through a link that somebody made meanwhile
            json.dump(dict(holder), file_beside)
    try:
        yield
    finally:
        with suppress(OSError):
            told.unlink()


def _holder(file: Path) -> str:
    """Who has locked the file; ``?`` where that is not known."""
    each = (", ".join(f"{name} {value}" for name, value in one.items()) for one in _holders(file))
    return "; ".join(each) or "?"


def _is_an_order(file: Path) -> bool:
    return any(ORDER in one for one in _holders(file))


def _holders(file: Path) -> list[dict[str, str]]:
    """What the holder said of itself, and the processes that the system names; what another said is not believed. The
    command of an order says nothing more than its name."""
    told, found = _said_beside(file), lockers(file)
    if not found:
        return [told] if told else []
    each = [{**(told if told.get("pid") in (None, one["pid"]) else {}), **one} for one in found]
    return [{name: text for name, text in one.items() if ORDER not in one or name != COMMAND} for one in each]


def _said_beside(file: Path) -> dict[str, str]:
    try:
        with _beside(file).open("rb") as told:
            facts = json.loads(told.read(MOST_TEXT_BYTES))
        return {clean(name): clean(value) for name, value in facts.items()}
    except (OSError, *NOT_DECODED, AttributeError):
        return {}


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def _unusable(file: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error)
    return InputError(
        sentence("fleet.lease_unusable", file=file, reason=reason), sentence("fleet.lease_unusable.remedy")
    )
