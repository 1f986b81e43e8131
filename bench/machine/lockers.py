"""Which processes have locked a file, as the kernel of Linux tells everybody; nothing elsewhere."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench.machine.files import text_of
from bench.printable import clean

COMMAND = "command"
MOST_CHARACTERS = 80
"""Of a command."""


def lockers(file: Path, root: Path = Path("/")) -> list[dict[str, str]]:
    """``pid``, and ``user`` and ``command`` where the kernel shows them, of each process that has a lock of the whole
    file; not of those that wait for it. Empty where nothing is told: on another system, or in a container whose lock is
    held outside of it."""
    try:
        facts = file.stat()
    except OSError:
        return []
    if sys.platform == "win32":
        return []
    place = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
    return [_process(pid, root) for pid in dict.fromkeys(_pids(place, root))]


def _pids(place: str, root: Path) -> Iterator[str]:
    """From lines such as ``1: FLOCK  ADVISORY  WRITE 71 fd:01:917 0 EOF``; one that waits has ``->`` behind its
    number."""
    for line in (text_of(root / "proc/locks") or "").splitlines():
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5] == place and words[4].isdigit() and words[4] != "0":
            yield words[4]


def _process(pid: str, root: Path) -> dict[str, str]:
    folder, found = root / "proc" / pid, {"pid": pid}
    with suppress(OSError):
        found["user"] = _user(folder.stat().st_uid)
    command = clean((text_of(folder / "cmdline") or "").replace("\0", " "))
    if command:
        found[COMMAND] = command if len(command) <= MOST_CHARACTERS else f"{command[:MOST_CHARACTERS]}…"
    return found


def _user(number: int) -> str:
    """The name of a user; the number where it has none here."""
    try:
        import pwd

        return pwd.getpwuid(number).pw_name
    except (ImportError, KeyError):
        return str(number)
