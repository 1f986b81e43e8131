"""The device's lease: whoever has the lock of its file may measure on the device."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import InputError
from bench.reading import NOT_DECODED
from bench.scratch import TAKEN, lock
from bench.words import sentence


def default_lease() -> Path:
    """One a machine, whoever runs the agent and whatever scheduler it serves."""
    shared = Path("/var/lock")
    folder = shared if sys.platform == "linux" and os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    return folder / "odb-device.lease"


@contextmanager
def leased(file: Path, holder: Mapping[str, str]) -> Iterator[None]:
    """The device is this process' until the end of the block, or its own end: the kernel ends the lock with it.
    ``holder``: what others are told who ask meanwhile, in a file beside it, since a locked one cannot be read on
    Windows. Raises ``InputError`` where another has it."""
    told = file.with_name(f"{file.name}.json")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise _unusable(file, error) from None
    try:
        _take(descriptor, file, told)
        with suppress(OSError):
            told.write_text(json.dumps(dict(holder)), encoding="utf-8")
        try:
            yield
        finally:
            with suppress(OSError):
                told.unlink()
    finally:
        os.close(descriptor)


def _take(descriptor: int, file: Path, told: Path) -> None:
    try:
        lock(descriptor)
    except OSError as error:
        if error.errno not in TAKEN:
            raise _unusable(file, error) from None
        raise InputError(
            sentence("fleet.lease_held", file=file, holder=_holder(told)), sentence("fleet.lease_held.remedy")
        ) from None


def _unusable(file: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error)
    return InputError(
        sentence("fleet.lease_unusable", file=file, reason=reason), sentence("fleet.lease_unusable.remedy")
    )


def _holder(told: Path) -> str:
    try:
        facts = json.loads(told.read_text(encoding="utf-8")[:4096])
        return ", ".join(f"{name} {value}" for name, value in facts.items())
    except (OSError, *NOT_DECODED, AttributeError):
        return "?"
