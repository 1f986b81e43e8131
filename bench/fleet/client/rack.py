"""The devices of a fleet as the client reaches them: a narrow boundary, so that dispatch knows no transport.

``bench.fleet.client.dask_rack`` reaches them over Dask; tests have a rack in memory.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from msgspec import Struct

from bench.fleet.facts import DeviceFacts, DeviceState
from bench.fleet.orders import Answer, Event, Finished, Order, Refused
from bench.words import Sentence

CHUNK_BYTES = 8 << 20
"""The most that goes in one piece: it passes through the scheduler's memory."""


class Away(Exception):
    """The device, or the scheduler on the way to it, cannot be reached now. What runs there goes on."""


class Garbled(Exception):
    """What the device answers is in no form that this version knows."""


class Declined(Exception):
    """The device did not take a file. ``refused``: why."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code)
        self.refused = refused


class Holdings(Struct, frozen=True):
    """Orders that a device knows: the one that runs, and those whose results wait to be fetched."""

    running: str = ""
    finished: tuple[str, ...] = ()


class Asked(Struct, frozen=True, kw_only=True):
    """What a device said of itself. ``clock_off_s``: how far its clock is ahead of this one's."""

    facts: DeviceFacts
    state: DeviceState
    clock_off_s: float = 0.0


class Rack(Protocol):
    """Every method that is about a device raises ``Away``, and ``Garbled`` where it reads an answer."""

    def listen(self, told: Callable[[Event], None]) -> None:
        """Call ``told`` with every event of a device from now on."""

    async def names(self) -> Collection[str]:
        """The devices that are there now."""
        ...

    async def ask(self, devices: Sequence[str]) -> tuple[list[Asked], list[str]]:
        """What the devices say of themselves, and the names of those that did not answer, or not as themselves. Never
        raises."""
        ...

    async def back(self, device: str) -> None:
        """Return as soon as the device is there."""
        ...

    async def carry_out(self, device: str, order_id: str, order: Order, silent_s: float) -> Answer:
        """Have the device carry out the order. Returns when the run has ended, which may be hours later; the device is
        kept from its next run until the result is acknowledged. Raises ``Away`` also for a device that has said nothing
        for ``silent_s`` and, asked then, does not answer."""
        ...

    async def holdings(self, device: str) -> Holdings: ...

    async def put(self, device: str, sha256: str, size_bytes: int, offset: int, data: bytes) -> int | None:
        """Part of a file. Returns how many of its bytes the device has: the next part is to begin there. ``None``: the
        device takes nothing now, since it times a run or keeps room for other files. Raises ``Declined``."""
        ...

    async def result(self, device: str, order_id: str) -> Finished: ...

    async def read(self, device: str, order_id: str, name: str, offset: int, most: int) -> bytes | None:
        """Part of a file of a result. ``None``: the device times a run and gives nothing now."""
        ...

    async def acknowledge(self, device: str, order_id: str) -> None:
        """The result is here and whole; the device may forget it."""

    async def drop(self, device: str, order_id: str) -> None:
        """The order was carried out elsewhere; the device ends its run and forgets it."""

    async def quarantine(self, device: str, reason: Sentence | str) -> None:
        """The device takes no orders until it is released."""

    async def release(self, device: str) -> None: ...
