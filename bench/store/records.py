"""Puts records on disk and gets them back. A record appears whole or not at all, and never over another.

One folder per record: ``DIR/<record_id>/record.json`` and ``samples.npz``.
"""

import hashlib
import os
import re
import secrets
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.analysis.quality_results import quality_results
from bench.errors import InputError
from bench.interrupts import note_written
from bench.reading import arrays_in, is_file, is_folder, read_bytes
from bench.record.codec import decode_sealed, encode, sealed
from bench.record.record import Record, RecordedRun, SamplesFile
from bench.record.refused import RefusedRecord
from bench.record.samples import MOST_SAMPLE_BYTES, SPARE_BYTES, allowed_bytes, samples_of
from bench.scratch import scratch_folder, sweep
from bench.store.derived import believed
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    from bench.analysis.run_processes import TimedRun

RECORD = "record.json"
SAMPLES = "samples.npz"
UNFINISHED = ".unfinished-"  # how folders begin in which runs are kept that have no record yet
WRITING = ".writing-"
"""What folders begin with in which something is written before it gets its name."""


def new_record_id(model: str, target: str, now: datetime | None = None) -> str:
    """Sortable by time, readable, and unique: ``20261122T101500123Z-resnet50-openvino-CPU-4f1a2b``. Letters of any
    script stay, in at most 80 bytes."""
    moment = now or datetime.now(UTC)
    stamp = f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03}Z"
    words = re.sub(r"[^\w.]+", "-", unicodedata.normalize("NFC", f"{model}-{target}"))
    short = words.encode()[:80].decode(errors="ignore").strip("-.")
    return f"{stamp}-{short}-{secrets.token_hex(3)}"


def prepare_folder(folder: Path) -> Path:
    """Make ``folder`` and prove that it can be written. Raises ``InputError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            sentence("store.folder_not_writable", folder=folder, strerror=error.strerror),
            sentence("store.choose_another_folder_make_one"),
        ) from None
    return folder


def save(folder: Path, record: Record, samples: Mapping[str, "np.ndarray[Any, Any]"]) -> Record:
    """Write one record under ``folder``; returns it with ``samples_file`` filled in.

    Raises ``InputError`` when the record exists already or the disk is full; then nothing is left behind.
    """
    final = folder / record.record_id
    if final.exists():
        raise InputError(sentence("store.exists_already_records_never_overwritten", final=final))
    try:
        with staging(folder) as staged:
            record = write_record(staged / "record", record, samples)
            (staged / "record").rename(final)
        note_written(final)
    except OSError as error:
        raise InputError(
            sentence("store.not_written", path=final, strerror=error.strerror),
            sentence("store.free_space_choose_another"),
        ) from error
    return record


def rewrite(folder: Path, record: Record) -> Record:
    """Replace the record of that id under ``folder``, whose samples stay as they are; returns it with its seal. For
    what the run itself adds after it was saved. Raises ``InputError`` where it cannot be written; then the old one
    stays."""
    path = folder / record.record_id / RECORD
    try:
        whole = sealed(record)
        write_atomically(path, encode(whole))
    except OSError as error:
        raise InputError(
            sentence("store.not_written", path=path, strerror=error.strerror),
            sentence("store.free_space_choose_another"),
        ) from error
    return whole


def write_record(folder: Path, record: Record, samples: Mapping[str, "np.ndarray[Any, Any]"]) -> Record:
    """Make ``folder`` with the record's files in it, the record last; returns it with ``samples_file`` and seal. Raises
    ``OSError``. The folder is made plainly, and not by ``tempfile``, so that who may read it is what the user's umask
    says."""
    folder.mkdir()
    if samples:
        record = msgspec.structs.replace(record, samples_file=_write_samples(folder / SAMPLES, samples))
    record = sealed(record)
    write_new(folder / RECORD, encode(record))
    return record


def load(folder: Path) -> RecordedRun:
    """Read one record's folder, as ``load_timed`` does."""
    return load_timed(folder).plain()


def load_timed(folder: Path) -> "TimedRun":
    """Read one record's folder.

    Summary and verdict are those that the samples give (``bench.store.derived``), whatever the file states. Raises
    ``InputError`` naming the file: truncated, edited, samples of another run, or figures that contradict one another.
    """
    path = folder / RECORD
    record = decode_sealed(read_bytes(path), str(path))
    samples = {}
    if record.samples_file is not None:
        samples = _read_samples(folder, record.samples_file, allowed_bytes(record, str(path)))
    for repeat in record.every_repeat:
        for role in repeat.samples.arrays if repeat.samples is not None else ():
            samples_of(repeat, samples, role, str(folder))
    run = RecordedRun(record, samples)
    quality_results(run, str(folder))
    return believed(run, str(folder))


def load_records(path: Path) -> list[RecordedRun]:
    """The records that ``path`` stands for, oldest first. Raises ``InputError`` if there is none, or one cannot be
    read."""
    return [load(folder) for folder in chosen_folders(path)]


def readable_records(path: Path, folder: str = "") -> tuple[list[RecordedRun], list[RefusedRecord]]:
    """As ``every_record``. Raises ``InputError`` if none can be read, too."""
    found, refused, errors = _read(path, folder)
    if not found and errors:
        raise errors[0]
    return found, refused


def every_record(path: Path, folder: str = "") -> tuple[list[RecordedRun], list[RefusedRecord]]:
    """The records that ``path`` stands for, oldest first, and those that cannot be read; all get ``folder``. Raises
    ``InputError`` if there is none."""
    found, refused, _ = _read(path, folder)
    return found, refused


def _read(path: Path, folder: str) -> tuple[list[RecordedRun], list[RefusedRecord], list[InputError]]:
    found, refused, errors = [], [], []
    for place in chosen_folders(path):
        try:
            found.append(msgspec.structs.replace(load(place), folder=folder))
        except InputError as error:
            refused.append(RefusedRecord(place.name, _within(place, error.message), error.remedy, folder))
            errors.append(error)
    return found, refused, errors


def _within(folder: Path, message: str) -> str:
    """``message`` with paths relative to ``folder``: a report must not reveal where its author keeps files."""
    return message.replace(f"{folder}{os.sep}", "").replace(str(folder), folder.name)


def chosen_folders(path: Path) -> list[Path]:
    """The folders of records in a user's ``path``: a record's own, or those of the records in it, oldest first. Raises
    ``InputError`` if there is none; one that lies deeper is named."""
    if is_file(path / RECORD):
        return [path]
    if not is_folder(path):
        raise InputError(sentence("store.no_such_folder", path=path), sentence("store.give_record_folder_folder_odb"))
    folders = record_folders(path)
    if folders:
        return folders
    deeper = sorted({found.parent.parent for found in path.glob(f"*/*/{RECORD}") if not hidden(found, path)})
    if deeper:
        code = "store.records_lie_deeper" if len(deeper) == 1 else "store.records_lie_deeper_and_more"
        message = sentence(code, path=path, name=deeper[-1].name, more=len(deeper) - 1)
        raise InputError(message, sentence("store.give_one_folder_records_example", deeper=deeper[-1]))
    begun = [found for found in path.glob(f"{UNFINISHED}*/*") if is_folder(found)]
    if begun:
        message = sentence("store.only_unfinished", path=path, n=len(begun))
        raise InputError(message, sentence("store.only_unfinished.remedy", path=path))
    raise InputError(sentence("store.holds_no_records", path=path), sentence("store.give_folder_odb_run_wrote"))


def record_folders(path: Path) -> list[Path]:
    """The folders of records in ``path``, oldest first, including those with samples only."""
    found = {p.parent for name in (RECORD, SAMPLES) for p in path.glob(f"*/{name}")}
    return sorted(folder for folder in found if not folder.name.startswith("."))


def hidden(file: Path, path: Path) -> bool:
    """Whether ``file`` is in a folder below ``path`` whose name begins with a dot, which does not contain finished
    records."""
    return any(part.startswith(".") for part in file.relative_to(path).parts[:-1])


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` so that a reader sees the old file or the new one, never a part. Raises ``InputError``."""
    try:
        with staging(path.parent) as staged:
            write_new(staged / "new", data)
            (staged / "new").replace(path)
    except OSError as error:
        raise InputError(
            sentence("store.not_written", path=path, strerror=error.strerror),
            sentence("store.free_space_choose_another_folder"),
        ) from None


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A folder in ``folder`` for what is being written; those of processes that were killed are removed first."""
    sweep(WRITING, folder)
    with scratch_folder(WRITING, folder) as staged:
        yield staged


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet, to the disk itself. Raises ``OSError``."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def synchronise_names(folder: Path) -> None:
    """Write the names in ``folder`` to the disk itself, where the system and the file system can: what was renamed
    there keeps its new name after a power cut."""
    if os.name != "posix":
        return
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _write_samples(path: Path, samples: Mapping[str, "np.ndarray[Any, Any]"]) -> SamplesFile:
    import numpy as np

    np.savez_compressed(path, allow_pickle=False, **dict(samples))
    data = path.read_bytes()
    return SamplesFile(path.name, hashlib.sha256(data).hexdigest(), len(data))


def _read_samples(folder: Path, expected: SamplesFile, keys: Mapping[str, int]) -> dict[str, "np.ndarray[Any, Any]"]:
    if Path(expected.name).name != expected.name:
        raise InputError(
            sentence("store.samples_file_name_leaves_record", folder=folder / RECORD), sentence("store.file_edited")
        )
    path = folder / expected.name
    if not 0 <= expected.size_bytes <= MOST_SAMPLE_BYTES:
        raise InputError(
            sentence("store.samples_file_size", folder=folder / RECORD, size_bytes=expected.size_bytes),
            sentence("store.file_edited"),
        )
    data = read_bytes(path, expected.size_bytes + SPARE_BYTES)
    if hashlib.sha256(data).hexdigest() != expected.sha256:
        raise InputError(sentence("store.hash_differs", path=path, record=RECORD), sentence("store.one_of_two_changed"))
    if len(data) != expected.size_bytes:
        held = sentence(
            "store.samples_file_other_size",
            path=path,
            n_data=len(data),
            record=RECORD,
            size_bytes=expected.size_bytes,
        )
        raise InputError(held, sentence("store.one_of_two_changed"))
    return arrays_in(data, keys, str(path))
