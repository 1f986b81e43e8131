"""Saves the state of each run while a suite is measured, so that a killed ``odb run`` keeps its finished repeats.

After each repeat the complete record that an interrupt would leave is written to a folder of the suite next to the
records: ``DIR/.unfinished-…/<record_id>/<repeats>/``. The suite removes that folder at its end. If its process is
killed, ``recover`` makes them records, each with the failure ``interrupted`` and the number of its repeats.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bench.errors import InputError
from bench.record.record import Record, RecordedRun
from bench.scratch import scratch_folder, sweep
from bench.store.records import UNFINISHED, load, write_record
from bench.words import sentence


class Unfinished:
    """The runs of a suite that have repeats and no record yet. ``folder``: where they are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, run: RecordedRun) -> None:
        """Write what there is of the run, in place of what there was a repeat ago. Raises ``OSError``."""
        place = self._folder / run.record.record_id
        place.mkdir(exist_ok=True)
        before = [*place.iterdir()]
        write_record(place / f"{len(run.record.every_repeat):06}", run.record, run.samples)
        for folder in before:
            shutil.rmtree(folder, ignore_errors=True)

    def drop(self, record_id: str) -> None:
        """The run has its record."""
        shutil.rmtree(self._folder / record_id, ignore_errors=True)


@contextmanager
def unfinished(out: Path) -> Iterator[Unfinished]:
    """The states that are kept next to the records in ``out`` until the suite ends. Raises ``InputError``."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(scratch_folder(UNFINISHED, out))
        except OSError as error:
            message = sentence("store.not_written", path=out, strerror=error.strerror)
            raise InputError(message, sentence("store.free_space_choose_another_folder")) from None
        yield Unfinished(folder)


def recover(path: Path) -> list[Record]:
    """Make records in ``path``, and in the folders in it, of what suites whose process has ended left unfinished there;
    returns them. Nothing half written becomes one, none is written over another, and what living processes keep is left
    alone."""
    found: list[Record] = []
    with suppress(OSError, ValueError):  # a name that no folder can have
        for out in (path, *sorted({left.parent for left in path.glob(f"*/{UNFINISHED}*")})):
            sweep(UNFINISHED, out, lambda folder: found.extend(_recovered(folder)))
    return found


def _recovered(folder: Path) -> Iterator[Record]:
    out = folder.parent
    for place in sorted(folder.iterdir()):
        if place.name.startswith(".") or place.is_symlink() or not place.is_dir() or (out / place.name).exists():
            continue
        for kept in sorted(place.iterdir(), reverse=True):
            record = _whole(kept)
            if record is not None and record.record_id == place.name:
                kept.rename(out / place.name)
                yield record
                break


def _whole(folder: Path) -> Record | None:
    """The record in ``folder``, unless it is half written."""
    try:
        return None if folder.is_symlink() else load(folder).record
    except InputError:
        return None
