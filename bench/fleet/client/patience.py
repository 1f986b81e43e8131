"""How long a client waits, for a device that is away and for one that takes or gives nothing now."""

import asyncio

from msgspec import Struct

from bench.words import Sentence, sentence


class Patience(Struct, frozen=True, kw_only=True):
    """``grace_s``: how long an order waits for its device to return. ``pause_s``: before a device that could not be
    reached is tried again; twice as long each time. ``busy_s``: before a device that transfers nothing now is asked
    again, and ``longest_busy_s``: for how long. ``join_s``: between two looks for devices that have joined."""

    grace_s: float = 300.0
    pause_s: float = 0.2
    busy_s: float = 5.0
    longest_busy_s: float = 3600.0
    join_s: float = 5.0


class Busy(Exception):
    """The device has transferred nothing for too long. ``reason``, ``remedy``: for people."""

    def __init__(self, device: str, seconds: float) -> None:
        self.reason: Sentence = sentence("fleet.client.busy", device=device, busy_ns=round(seconds * 1e9))
        self.remedy: Sentence = sentence("fleet.client.busy.remedy")
        super().__init__(str(self.reason))


class BusyWait:
    """One transfer to or from a device that says again and again that it cannot now."""

    def __init__(self, device: str, patience: Patience) -> None:
        self._device, self._patience = device, patience
        self._since_s: float | None = None
        self._have_bytes = 0

    async def pause(self, have_bytes: int = 0) -> None:
        """Before it is asked again. ``have_bytes``: what was transferred; while that grows, it is not waited in vain.
        Raises ``Busy``."""
        now_s = asyncio.get_running_loop().time()
        if self._since_s is None or have_bytes > self._have_bytes:
            self._since_s, self._have_bytes = now_s, have_bytes
        if now_s - self._since_s > self._patience.longest_busy_s:
            raise Busy(self._device, now_s - self._since_s)
        await asyncio.sleep(self._patience.busy_s)
