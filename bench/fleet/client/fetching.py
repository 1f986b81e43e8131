"""Brings a result here: its files by hash, its record by seal, and only then under its name."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.bundle.names import colliding, wrong_name
from bench.errors import InputError
from bench.fleet.client.patience import BusyWait, Patience
from bench.fleet.client.rack import CHUNK_BYTES, Rack
from bench.fleet.orders import Finished, ResultFile
from bench.record.runner import FleetDevice
from bench.store.records import load, staging, synchronise_names, write_new
from bench.words import Sentence, sentence

MOST_RESULT_BYTES = 1 << 31
"""The samples of a record are far smaller."""
ATTEMPTS = 3
"""So often a result is fetched that arrives damaged."""

Read = Callable[[str, int, int], Coroutine[Any, Any, bytes]]
"""Reads part of a file of a result: its name, the offset and the most bytes."""
Keep = Callable[[Finished, Read], Coroutine[Any, Any, Path]]
"""Fetches a result and puts its record in its place, which it returns. Raises ``Unverified``."""


class Unverified(Exception):
    """What was fetched is not what the device said, or no whole record. ``reason`` says which."""

    def __init__(self, reason: Sentence | str) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Keeper:
    """Puts fetched records into ``out``."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._placing = threading.Lock()

    async def __call__(self, finished: Finished, read: Read) -> Path:
        """The folder of the record. Raises ``Unverified``, ``Away`` through ``read``, and ``InputError`` where it
        cannot be written here."""
        folder = _record_folder(finished)
        files = {file.name: await _fetched(file, read) for file in finished.files}
        return await asyncio.to_thread(self._placed, finished, folder, files)

    def _placed(self, finished: Finished, folder: str, files: dict[str, bytes]) -> Path:
        final = self._out / folder
        with self._placing:
            if _same(final, self._out, files):  # a client was killed before it could write that down
                return final
            if final.exists():
                raise Unverified(sentence("store.exists_already_records_never_overwritten", final=final))
            try:
                with staging(self._out) as staged:
                    for name, data in files.items():
                        place = staged / name
                        place.parent.mkdir(parents=True, exist_ok=True)
                        write_new(place, data)
                    _verify(staged / folder, finished)
                    synchronise_names(staged / folder)
                    (staged / folder).rename(final)
                    synchronise_names(self._out)
            except OSError as error:
                raise InputError(
                    sentence("store.not_written", path=final, strerror=error.strerror),
                    sentence("store.free_space_choose_another"),
                ) from error
        return final


def _record_folder(finished: Finished) -> str:
    """The one folder that the result is. Raises ``Unverified``."""
    for file in finished.files:
        wrong = wrong_name(file.name)
        if wrong is not None:
            raise Unverified(wrong)
    if (pair := colliding(file.name for file in finished.files)) is not None:
        raise Unverified(sentence("fleet.names_collide", name=pair[0]))
    if sum(max(0, file.size_bytes) for file in finished.files) > MOST_RESULT_BYTES:
        raise Unverified(sentence("fleet.client.too_large", most_bytes=MOST_RESULT_BYTES))
    tops = {file.name.partition("/")[0] for file in finished.files if "/" in file.name}
    plain = [file.name for file in finished.files if "/" not in file.name]
    if len(tops) != 1 or plain:
        raise Unverified(sentence("fleet.client.no_single_record", count=len(tops)))
    return tops.pop()


async def _fetched(file: ResultFile, read: Read) -> bytes:
    """The file's contents. Raises ``Unverified`` where they have another hash."""
    data = bytearray()
    while len(data) < file.size_bytes:
        part = await read(file.name, len(data), min(CHUNK_BYTES, file.size_bytes - len(data)))
        if not part:
            break
        data += part
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Unverified(sentence("fleet.client.other_hash", name=file.name))
    return bytes(data)


def _verify(folder: Path, finished: Finished) -> None:
    """Raises ``Unverified`` for a record whose seal, samples or figures do not hold, and for that of another order or
    device."""
    try:
        record = load(folder).record
    except InputError as error:
        raise Unverified(error.sentence) from error
    if record.fleet != FleetDevice(finished.device, finished.order) or record.record_id != folder.name:
        raise Unverified(sentence("fleet.client.record_of_another", folder=folder.name))


def _same(final: Path, out: Path, files: dict[str, bytes]) -> bool:
    try:
        return final.is_dir() and all((out / name).read_bytes() == data for name, data in files.items())
    except OSError:
        return False


async def brought(rack: Rack, keep: Keep, device: str, order_id: str, finished: Finished, patience: Patience) -> Path:
    """Fetch a result, again where it arrives damaged. Returns where its record is. Raises ``Unverified``, and ``Busy``
    where the device gives nothing of it."""
    named = replace(finished, order=order_id, device=device)  # whatever it says it is

    async def read(name: str, offset: int, most: int) -> bytes:
        wait = BusyWait(device, patience)
        while (data := await rack.read(device, order_id, name, offset, most)) is None:
            await wait.pause()
        return data

    for _ in range(ATTEMPTS - 1):
        with suppress(Unverified):
            return await keep(named, read)
    return await keep(named, read)
