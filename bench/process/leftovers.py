"""What a worker may leave behind: processes that it started."""

import os
import signal
import sys
from contextlib import suppress

MARK = "ODB_WORKER"
"""Variable in a worker's environment; whatever it starts inherits it."""


def end_leftovers(mark: str) -> int:
    """Kill the processes that carry ``mark``, however they left the worker's group. Returns how many there were. Linux
    only: other systems do not allow reading another process' environment."""
    if sys.platform != "linux":
        return 0
    wanted, found = f"{MARK}={mark}".encode(), 0
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):  # another user's, or gone meanwhile
            with open(f"/proc/{entry.name}/environ", "rb") as file:
                environment = file.read()
            if wanted in environment.split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                found += 1
    return found
