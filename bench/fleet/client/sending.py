"""Sends a device what it lacks of the files of an order, each byte once."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from bench.fleet.client.planning import FleetOrder
from bench.fleet.client.rack import CHUNK_BYTES, Declined, Rack
from bench.fleet.orders import Refused
from bench.words import Sentence, sentence


class Sender:
    """``places``: where files are here, by hash. ``busy_s``: before a part is offered again to a device that is timing
    a run."""

    def __init__(self, rack: Rack, places: Mapping[str, Path], busy_s: float) -> None:
        self._rack, self._places, self._busy_s = rack, places, busy_s

    async def send(self, device: str, order: FleetOrder, sha256: str) -> None:
        """The device says how much of the file it has, and gets the rest. Raises ``Away``, after which a second call
        goes on, and ``Declined``."""
        path = self._places.get(sha256)
        size_bytes = next((file.size_bytes for file in order.order.files if file.sha256 == sha256), None)
        if path is None or size_bytes is None:
            raise _declined(device, order, sentence("fleet.client.unknown_file", device=device))
        offset, data = 0, b""
        while True:
            while (have := await self._rack.put(device, sha256, size_bytes, offset, data)) is None:
                await asyncio.sleep(self._busy_s)
            if have >= size_bytes:
                return
            offset, data = have, await asyncio.to_thread(_part, path, have)
            if not data:
                raise _declined(device, order, sentence("fleet.client.file_changed", file=path.name, device=device))


def _declined(device: str, order: FleetOrder, told: Sentence) -> Declined:
    return Declined(Refused(order=order.id, device=device, code="wrong_file", reason=told))


def _part(path: Path, offset: int) -> bytes:
    """Of a file from there on; nothing of one that is gone, or shorter by now."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(CHUNK_BYTES)
    except OSError:
        return b""
