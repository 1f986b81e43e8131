"""Orders on a device's disk: those begun, and the results that wait to be fetched. It survives the agent.

``FOLDER/<order>`` has ``order.json``, ``files`` (what the order needs), ``records`` (what came of it), ``log.txt`` and,
once it ended, ``result.json``. It has begun when it has ``order.json``, which is written last, and is removed at once,
by another name: whenever the device is killed, each order has not begun, has begun, has ended, or is gone.
"""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from bench.bundle.names import colliding, wrong_name
from bench.digest import sha256_of_file
from bench.fleet.device.artifacts import Artifacts, WrongFile
from bench.fleet.orders import ID_DIGITS, Finished, Order, ResultFile
from bench.reading import NOT_DECODED
from bench.store.records import synchronise_names
from bench.words import sentence

ORDER, FILES, RECORDS, RESULT, LOG = "order.json", "files", "records", "result.json", "log.txt"
ID = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}")
REMOVED = "."
"""Before the name of an order that is being removed."""


class Spool:
    """The orders in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def folder_of(self, order_id: str) -> Path:
        """The folder of an order. Raises ``WrongFile`` for what is no id."""
        if not ID.fullmatch(order_id):
            raise WrongFile(sentence("fleet.no_order", order=order_id[:80]))
        return self._folder / order_id

    def begin(self, order: Order, artifacts: Artifacts) -> Path:
        """The folder of an order that begins, with its files. Raises ``WrongFile`` for names that lead elsewhere, and
        ``OSError`` where it cannot be written."""
        names = [file.name for file in order.files]
        for name in names:
            if (wrong := wrong_name(name)) is not None:
                raise WrongFile(wrong)
        if colliding(names):
            raise WrongFile(sentence("fleet.names_collide", name=colliding(names)[0]))  # type: ignore[index]
        folder = self.folder_of(order.id)
        self.remove(order.id)
        (folder / FILES).mkdir(parents=True)
        for file in order.files:
            place = folder / FILES / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            _linked(artifacts.path(file.sha256), place)
        _write(folder / ORDER, order)
        return folder

    def end(self, order_id: str, device: str, seconds: float) -> Finished | None:
        """What came of it, from now on to be fetched; its files are removed. ``None``: there is no record, and the
        order has not ended. Raises ``OSError``: ``FileNotFoundError`` where somebody removed the order."""
        folder = self.folder_of(order_id)
        records = folder / RECORDS
        found = [
            path
            for path in sorted(records.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(records).parts)
        ]
        if not found:
            (folder / ORDER).stat()
            return None
        for path in found:
            with suppress(PermissionError):  # Windows, while something else reads it, such as a scanner
                _synchronise(path)
        files = tuple(
            ResultFile(
                name=path.relative_to(records).as_posix(),
                sha256=sha256_of_file(path),
                size_bytes=path.stat().st_size,
            )
            for path in found
        )
        result = Finished(order=order_id, device=device, files=files, seconds=seconds)
        _write(folder / RESULT, result)
        shutil.rmtree(folder / FILES, ignore_errors=True)
        return result

    def result(self, order_id: str) -> Finished | None:
        """What came of an order that ended here and was not acknowledged."""
        try:
            return msgspec.json.decode((self.folder_of(order_id) / RESULT).read_bytes(), type=Finished)
        except (OSError, *NOT_DECODED):
            return None

    def read(self, order_id: str, name: str, offset: int, most_bytes: int) -> bytes:
        """A part of a file of a result. Raises ``WrongFile`` for one that is not in it."""
        result = self.result(order_id)
        if result is None or name not in {file.name for file in result.files}:
            raise WrongFile(sentence("fleet.no_such_result", order=order_id, name=name))
        with (self.folder_of(order_id) / RECORDS / name).open("rb") as file:
            file.seek(offset)
            return file.read(most_bytes)

    def results(self) -> dict[str, Finished]:
        """Those that wait, by order."""
        found = ((order_id, self.result(order_id)) for order_id in self._ids())
        return {order_id: result for order_id, result in found if result is not None}

    def oldest_utc_ns(self) -> int:
        """Since when the result waits that has waited for longest; 0 without one."""
        ended = []
        for order_id in self._ids():
            with suppress(OSError):
                ended.append((self.folder_of(order_id) / RESULT).stat().st_mtime_ns)
        return min(ended, default=0)

    def lost(self) -> int:
        """How many orders had begun and not ended when an agent was killed. They are removed, and so is what is left of
        those whose beginning or removal was cut off."""
        count = 0
        for path in [*self._folder.iterdir()]:
            order_id = path.name.removeprefix(REMOVED)
            if not ID.fullmatch(order_id):
                continue
            if path.name != order_id:
                shutil.rmtree(path, ignore_errors=True)
            elif self.result(order_id) is None:
                count += (path / ORDER).exists()
                self.remove(order_id)
        return count

    def remove(self, order_id: str) -> None:
        """Whatever there is of it."""
        folder = self.folder_of(order_id)
        removed = folder.with_name(f"{REMOVED}{order_id}")
        shutil.rmtree(removed, ignore_errors=True)
        try:
            folder.replace(removed)
        except FileNotFoundError:
            return
        except OSError:  # Windows, while somebody reads in it
            removed = folder
            for name in (ORDER, RESULT):  # without an order it is not taken for a lost run
                with suppress(OSError):
                    (folder / name).unlink()
        shutil.rmtree(removed, ignore_errors=True)

    def _ids(self) -> list[str]:
        """Of the orders that have a folder. Whoever removes that of all has removed the results."""
        with suppress(FileNotFoundError):
            return sorted(path.name for path in self._folder.iterdir() if ID.fullmatch(path.name))
        return []


def _write(path: Path, content: msgspec.Struct) -> None:
    """So that it is there whole or not at all, whoever looks meanwhile and even after a power cut."""
    staged = path.with_name(f".{path.name}")
    staged.write_bytes(msgspec.json.encode(content))
    _synchronise(staged)
    staged.replace(path)
    synchronise_names(path.parent)


def _synchronise(path: Path) -> None:
    """What was written is on the disk itself."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _linked(source: Path, place: Path) -> None:
    """A second name of the file, where the disk allows it; otherwise a copy."""
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)
