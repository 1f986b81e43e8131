"""Keeps what a built-in model wrote, so that the next run finds it instead of building again."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

FILE_NAME = "model.onnx"


def cached_build(cache: Path, name: str, recipe: Mapping[str, object], write: Callable[[Path], None]) -> Path:
    """The file that ``write`` makes for this ``recipe``, built only when the cache does not hold it.

    ``recipe`` is all that the content depends on (builder version, seed, precision, sizes); its hash names the folder.
    The folder appears complete or not at all, also when two processes build the same model at once.
    """
    key = sha256(json.dumps({"name": name, **recipe}, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache / f"{name}-{key}"
    if (folder / FILE_NAME).is_file():
        return folder / FILE_NAME
    cache.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
    try:
        write(building / FILE_NAME)
        try:
            os.replace(building, folder)
        except OSError:
            if not (folder / FILE_NAME).is_file():  # otherwise another process was faster, with the same content
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder / FILE_NAME
