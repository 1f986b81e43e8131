"""What goes between a client and the devices: an order, what became of it, and the events on the way.

An order is one run. Its id is a hash of all that it asks for, so that the same order, sent again after a client, a
scheduler or a worker was lost, is recognised by whoever has begun or ended it.
"""

import hashlib
from typing import Literal

import msgspec
from msgspec import Struct

from bench.words import Sentence

ID_DIGITS = 20
TOPIC = "odb-fleet"
"""The topic of Dask under which devices log their events."""


class OrderFile(Struct, frozen=True, kw_only=True):
    """A file that the order needs. ``name``: where it lies in the order's folder, with ``/``."""

    name: str
    sha256: str
    size_bytes: int


class Order(Struct, frozen=True, kw_only=True):
    """One run. ``suite``: a ``Suite`` with one model, one target and one scenario, as JSON; its files are named as in
    ``files``. ``device``: the device that must carry it out; empty: any that has ``labels`` (``soc=qcs8550``).
    ``plugins``: those of ``files`` that are code. ``folder``: the mark of the client's folder: what a device has
    measured for another, as last night, is not taken for it."""

    suite: bytes
    files: tuple[OrderFile, ...] = ()
    device: str = ""
    labels: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    folder: str = ""

    @property
    def id(self) -> str:
        """Short and stable; of everything that the order asks for."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:ID_DIGITS]


class ResultFile(Struct, frozen=True, kw_only=True):
    """A file of a result, which the client fetches. ``name``: relative to the result's folder, with ``/``."""

    name: str
    sha256: str
    size_bytes: int


class Finished(Struct, frozen=True, kw_only=True, tag="finished"):
    """The run ended, and its record, whatever its verdict, waits on the device until it is acknowledged.
    ``seconds``: from the order's beginning to its end on the device."""

    order: str
    device: str
    files: tuple[ResultFile, ...]
    seconds: float


class Wanted(Struct, frozen=True, kw_only=True, tag="wanted"):
    """Nothing was begun: the device lacks the files with these hashes, and is to get them first."""

    order: str
    device: str
    sha256: tuple[str, ...]


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """Nothing was begun, or the process that measured died without a record. ``code``: ``quarantined``, ``dropped``,
    ``no_plugins``, ``disk_full``, ``busy``, ``crashed``, ``wrong_file`` or ``cannot_plan``."""

    order: str
    device: str
    code: str
    reason: Sentence | str
    remedy: Sentence | str = ""


Answer = Finished | Wanted | Refused
"""What the task of an order returns."""


class Event(Struct, frozen=True, kw_only=True):
    """What a device tells between timed parts, and never in them. ``waits``: for those who measure by hand there.
    ``utc_ns``: by the device's clock."""

    order: str
    device: str
    kind: Literal["waits", "began", "step", "turn", "written", "ended"]
    text: Sentence | str = ""
    utc_ns: int = 0
