"""What Ctrl-C, SIGTERM and a closed terminal (SIGHUP) do.

Before a command has begun anything, and after its end, the process ends at once: an exception raised among imports may
be swallowed, or printed as a traceback, by whatever is being imported. In between ``KeyboardInterrupt`` is raised, so
that what was begun is kept or removed. A signal that is ignored as the command starts stays ignored, as under nohup.
"""

import os
import signal
from contextlib import suppress
from types import FrameType

from bench.interrupts import is_unwinding

EXIT_INTERRUPTED = 130
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""``SIGBREAK`` is Windows' Ctrl-Break, which a closed console sends, too."""
_received: list[int] = []
_said = b"odb: interrupted\n"
"""Ready beforehand: a handler looks nothing up."""


def handle_interrupts() -> None:
    """From now on interrupts end the process with ``EXIT_INTERRUPTED`` and no traceback."""
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupted)


def announce(words: str) -> None:
    """An interrupt that ends the process at once says ``words`` from now on."""
    global _said
    _said = f"odb: {words}\n".encode()


def ignore_interrupts() -> None:
    """What is left is to end with the status that was told: a second Ctrl-C changes nothing."""
    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def was_interrupted() -> bool:
    """Whether an interrupt was raised, in whatever form it comes out of the code it fell on."""
    return bool(_received)


def _interrupted(number: int, frame: FrameType | None) -> None:
    if is_unwinding():
        _received.append(number)
        raise KeyboardInterrupt
    with suppress(OSError):  # because the terminal is closed
        os.write(2, _said)
    os._exit(EXIT_INTERRUPTED)
