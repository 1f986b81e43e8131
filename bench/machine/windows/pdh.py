r"""Performance counters as Windows keeps them, and the adapters that their instances name.

An instance of ``\GPU Engine(*)`` is one engine of one adapter used by one process:
``pid_9012_luid_0x00000000_0x000124A5_phys_0_eng_0_engtype_Neural``; of ``\GPU Adapter Memory(*)`` an adapter:
``luid_0x00000000_0x000124A5_phys_0``. Case differs between systems. Layout: PDH_RAW_COUNTER_ITEM_W of ``pdh.h``.
"""

import re
import struct
from collections.abc import Mapping

from msgspec import Struct

from bench.machine.windows.calls import CounterItems

ITEM_BYTES = 48  # a pointer to the name, then PDH_RAW_COUNTER, aligned to 8
STATUS, FIRST, SECOND = 8, 24, 32  # in an item
VALID = (0, 1)
"""PDH_CSTATUS_VALID_DATA, PDH_CSTATUS_NEW_DATA."""

INSTANCE = re.compile(
    r"(?:pid_\d+_)?luid_0x(?P<high>[0-9a-f]+)_0x(?P<low>[0-9a-f]+)_phys_\d+(?:_eng_\d+_engtype_(?P<engine>.*))?",
    re.IGNORECASE,
)

Luid = tuple[int, int]
"""An adapter until the machine starts again: high and low part."""


class RawValue(Struct, frozen=True):
    """``second``: what some counters are divided by."""

    first: int
    second: int


class Engine(Struct, frozen=True):
    """What an instance is of. ``kind``: ``3D``, ``Compute``, ``Neural``, ``Copy`` …, empty for an adapter's memory."""

    luid: Luid
    kind: str


def raw_values(items: CounterItems) -> Mapping[str, RawValue]:
    """Instance -> value. Instances of one name are added; what is not valid is left out."""
    found: dict[str, RawValue] = {}
    for index in range(min(items.count, len(items.data) // ITEM_BYTES)):
        at = index * ITEM_BYTES
        (status,) = struct.unpack_from("<I", items.data, at + STATUS)
        first, second = struct.unpack_from("<qq", items.data, at + FIRST)
        name = _name(items, at)
        if status in VALID and name:
            seen = found.get(name, RawValue(0, 0))
            found[name] = RawValue(seen.first + first, seen.second + second)
    return found


def engine_of(instance: str) -> Engine | None:
    """``None`` for a name of another form: it is left out and never guessed."""
    named = INSTANCE.fullmatch(instance)
    if named is None:
        return None
    return Engine((int(named["high"], 16), int(named["low"], 16)), (named["engine"] or "").strip())


def _name(items: CounterItems, at: int) -> str:
    """The pointer of the item, followed within what was answered."""
    (pointer,) = struct.unpack_from("P", items.data, at)
    begin = pointer - items.address
    if not 0 <= begin < len(items.data):
        return ""
    text = items.data[begin : begin + (len(items.data) - begin) // 2 * 2].decode("utf-16-le", "replace")
    return text.split("\0", 1)[0]
