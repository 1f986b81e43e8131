"""Keeps what a built-in model wrote, so that the next run finds it instead of building again."""

import errno
import json
import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from bench.digest import sha256_of
from bench.errors import InputError, disk_is_full
from bench.scratch import OWNER, scratch_folder, sweep
from bench.words import sentence

FILE_NAME = "model.onnx"
CHECKSUM = "built.sha256"
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR)


def cached_build(cache: Path, name: str, recipe: Mapping[str, object], write: Callable[[Path], None]) -> Path:
    """The file that ``write`` makes for this ``recipe``, built only if the cache does not contain an intact copy.

    ``recipe`` is all that the content depends on (builder version, seed, precision, sizes); its hash names the folder.
    The folder appears complete or not at all, also if two processes build the same model at the same time. A file that
    does not match its stored checksum, for example after a disk failure, is built again. Partial builds of killed
    processes are removed. Raises ``InputError`` for a cache that cannot be written: full, read-only, no folder.
    """
    key = sha256(json.dumps({"name": name, **recipe}, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache / f"{name}-{key}"
    if _as_written(folder):
        return folder / FILE_NAME
    try:
        _build(cache, name, folder, write)
    except OSError as error:
        unwritable = disk_is_full(error) or error.errno in FORBIDDEN
        if unwritable and (error.filename is None or Path(error.filename).is_relative_to(cache)):
            raise InputError(
                sentence("model.cache_not_written", name=name, strerror=error.strerror), sentence("model.move_cache")
            ) from error
        raise
    return folder / FILE_NAME


def _build(cache: Path, name: str, folder: Path, write: Callable[[Path], None]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    sweep(f".{name}-", cache)
    with scratch_folder(f".{name}-", cache) as scratch:
        building = scratch / "new"
        building.mkdir()
        write(building / FILE_NAME)
        (building / CHECKSUM).write_text(_checksum(building))
        if not _as_written(folder):  # otherwise another process was faster, with the same content
            if folder.exists():
                os.replace(folder, scratch / "damaged")
            _put(building, folder)


def _put(building: Path, folder: Path) -> None:
    try:
        os.replace(building, folder)
    except OSError:
        if not _as_written(folder):
            raise


def _as_written(folder: Path) -> bool:
    """Whether the folder contains a build that matches its stored checksum."""
    try:
        return (folder / FILE_NAME).is_file() and (folder / CHECKSUM).read_text() == _checksum(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _checksum(folder: Path) -> str:
    files = sorted(file for file in folder.iterdir() if file.name not in (CHECKSUM, OWNER))
    return "".join(f"{sha256_of((file,))}  {file.name}\n" for file in files)
