"""Whether an interrupt has to unwind: something was begun that must be removed, or kept, before the process ends; and
whether a record was written, which is kept.

The command line decides by it what a signal does (``bench.cli.terminal.signals``). Programs that use the package
without the command line keep their own handlers.
"""

from collections.abc import Iterator
from contextlib import contextmanager

_begun: list[object] = []
_awaited: list[object] = []
_written: list[object] = []


@contextmanager
def unwinding() -> Iterator[None]:
    """While inside, an interrupt is raised as ``KeyboardInterrupt`` and not answered by ending the process at once."""
    token = object()
    _begun.append(token)
    try:
        yield
    finally:
        _begun.remove(token)


@contextmanager
def at_once() -> Iterator[None]:
    """While inside, the end was asked for and what was begun is being ended: another interrupt waits for none of it.
    What the process leaves is removed later, as where it was killed."""
    token = object()
    _awaited.append(token)
    try:
        yield
    finally:
        _awaited.remove(token)


def is_unwinding() -> bool:
    """Whether anything was begun that has not ended, and that an interrupt waits for."""
    return bool(_begun) and not _awaited


def note_written(record: object) -> None:
    """``record`` was written, and an interrupt keeps it."""
    _written.append(record)


def anything_written() -> bool:
    """Whether this process wrote a record."""
    return bool(_written)
