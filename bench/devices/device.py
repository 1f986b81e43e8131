"""A device that files are put on and programs are run on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct


class Ran(Struct, frozen=True):
    """How a program on the device ended, and what it printed, both streams together."""

    status: int
    output: str


class RemoteDevice(Protocol):
    """A device, with a folder of its own on it that ``push`` fills. Every method raises ``RunFailure`` where the device
    cannot be reached (``unavailable``), where there is no room on it (``unavailable``), and where it does not answer in
    time (``timeout``)."""

    @property
    def name(self) -> str:
        """As the user names it: ``adb:SERIAL``."""

    def shell(self, command: Sequence[str], timeout_s: float = 30.0) -> str:
        """What ``command`` prints. A command that fails prints what it can."""
        ...

    def push(self, file: Path, name: str, program: bool = False) -> None:
        """Put ``file`` into the folder as ``name``. ``program``: it can be run."""
        ...

    def run(self, command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> Ran:
        """Run ``command`` in the folder."""
        ...

    def clear(self) -> None:
        """Remove the folder and all that is in it."""
        ...
