"""Sends a device the files of an order that it lacks, part by part, and never while it times a run."""

import asyncio
from pathlib import Path

from bench.fleet.client.planning import FleetOrder, FleetPlan
from bench.fleet.client.rack import CHUNK_BYTES, Declined, Rack
from bench.fleet.orders import Refused
from bench.words import Sentence, sentence


async def supply(rack: Rack, plan: FleetPlan, device: str, order: FleetOrder, sha256: str, busy_s: float) -> None:
    """Send the file with that hash. ``busy_s``: how long until it is offered again to a device that times a run. Raises
    ``Declined`` where the device does not take it, asks for one that the order does not need, or it cannot be read
    here."""
    path = plan.places.get(sha256)
    size_bytes = next((file.size_bytes for file in order.order.files if file.sha256 == sha256), None)
    if path is None or size_bytes is None:
        raise _declined(device, order, sentence("fleet.client.unknown_file", device=device))
    offset = 0
    while True:
        try:
            data = await asyncio.to_thread(_part, path, offset)
        except OSError as error:
            told = sentence("reading.cannot_be_read", said=str(path), value=error.strerror or error)
            raise _declined(device, order, told) from None
        while not await rack.put(device, sha256, size_bytes, offset, data):
            await asyncio.sleep(busy_s)
        offset += len(data)
        if not data or offset >= size_bytes:
            return


def _declined(device: str, order: FleetOrder, reason: Sentence) -> Declined:
    return Declined(Refused(order=order.id, device=device, code="wrong_file", reason=reason))


def _part(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(CHUNK_BYTES)
