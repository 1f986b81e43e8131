"""What a sensor plugin implements: channels under a root folder, and how to read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from bench.words import Sentence


class Channel(Struct, frozen=True):
    """One thing a sensor can read. ``kind``: ``energy`` counts joules up, ``power`` reads watts now,
    ``busy`` counts seconds of an accelerator's work, ``memory`` reads bytes in use on one now. Unusable: ``reason`` and
    ``remedy`` say why."""

    sensor: str
    name: str  # e.g. "package-0"
    kind: Literal["energy", "power", "busy", "memory"]
    domain: Literal["package", "core", "dram", "gpu", "npu", "battery", "board", "other"]
    path: str  # relative to the root it was found under
    usable: bool = True
    reason: Sentence | str = ""
    remedy: Sentence | str = ""
    wraps_at: float | None = None  # joules; a counter starts over here


class Sensor(Protocol):
    """A family of readings found in files under ``root`` (``/`` on a real machine, a recorded tree in tests).

    ``Channel.sensor`` is the name of its entry point. Channels of the domains ``package``, ``battery`` and ``board``
    become the energy per inference; others are only recorded. ``energy``, ``busy`` and ``memory`` are read before and
    after the timed queries, ``power`` is sampled in a separate pass.
    """

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""

    def channels(self, root: Path) -> Sequence[Channel]:
        """All that is there, readable or not."""
        ...

    def read(self, root: Path, channel: Channel) -> float:
        """Joules so far, watts now, busy seconds so far, or bytes now. Raises ``OSError`` when the reading has
        vanished."""
        ...


def channel_key(channel: Channel) -> str:
    """The name of a channel across sensors, e.g. ``rapl/package-0``."""
    return f"{channel.sensor}/{channel.name}"
