"""Sends a device what it lacks of the files of an order, each byte once, and never while it times a run."""

import asyncio
from pathlib import Path

from bench.fleet.client.planning import FleetOrder, FleetPlan
from bench.fleet.client.rack import CHUNK_BYTES, Declined, Rack
from bench.fleet.orders import Refused
from bench.words import Sentence, sentence

MOST_SETBACKS = 3
"""So often a device may have no more of a file after a part than before it: an agent that was begun again may want a
part, or all of it, once more."""


async def supply(rack: Rack, plan: FleetPlan, device: str, order: FleetOrder, sha256: str) -> int | None:
    """Send the file with that hash: the device says how much of it is there, and gets the rest. Returns ``None`` when
    all of it is there; otherwise how many bytes were when the device took no more, since it times a run or keeps room
    for other files: a later call goes on. Raises ``Away``, after which a second call goes on, and ``Declined`` where
    the device does not take it, asks for one that the order does not need, or it cannot be read here."""
    path = plan.places.get(sha256)
    size_bytes = next((file.size_bytes for file in order.order.files if file.sha256 == sha256), None)
    if path is None or size_bytes is None:
        raise _declined(device, order, sentence("fleet.client.unknown_file", device=device), _other(device))
    offset, data, setbacks = 0, b"", 0
    while True:
        have = await rack.put(device, sha256, size_bytes, offset, data)
        if have is None:
            return offset
        if have >= size_bytes:
            return None
        setbacks += bool(data) and have <= offset
        if setbacks >= MOST_SETBACKS:
            told = sentence("fleet.client.file_does_not_grow", device=device, file=path.name)
            raise _declined(device, order, told, sentence("fleet.client.file_does_not_grow.remedy"))
        try:
            offset, data = have, await asyncio.to_thread(_part, path, have)
        except OSError as error:
            told = sentence("reading.cannot_be_read", said=str(path), value=error.strerror or error)
            raise _declined(device, order, told, sentence("fleet.client.file_gone.remedy")) from None
        if not data:
            told = sentence("fleet.client.file_shorter", file=path.name, size_bytes=size_bytes)
            raise _declined(device, order, told, sentence("fleet.client.file_gone.remedy"))


def _declined(device: str, order: FleetOrder, reason: Sentence, remedy: Sentence | str = "") -> Declined:
    return Declined(Refused(order=order.id, device=device, code="wrong_file", reason=reason, remedy=remedy))


def _other(device: str) -> Sentence:
    return sentence("fleet.client.garbled.remedy", device=device)


def _part(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(CHUNK_BYTES)
