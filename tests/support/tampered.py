"""A record on disk of which one value is changed and which is sealed anew."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import InputError
from bench.record.codec import decode, encode, sealed
from bench.record.record import Record, RecordedRun
from bench.store.derived import OF_LOADING
from bench.store.origins import origin_of
from bench.store.records import load, save

SEAL = "record_sha256"
Place = tuple[str | int, ...]
WORDS = {
    "single-stream": "offline",
    "offline": "single-stream",
    "engine": "model",
    "model": "engine",
    "worse": "better",
    "cannot_tell": "same",
    "same": "cannot_tell",
    "ok": "failed",
    "failed": "ok",
    "precise": "budget",
    "fixed": "precise",
    "tensor": "text_generation",
    "text_generation": "tensor",
    "seeded": "file",
    "image": "file",
    "partly seeded": "seeded",
    "warm": "cold",
    "none": "warm",
    "file": "folder",
    "mean": "whole",
    "classification": "detection",
    "quick": "standard",
    "onnx": "tflite",
}
"""For fields that take only such words: another of them."""
MAPPINGS = {
    "repeats[].memory_bytes",
    "set_aside[].memory_bytes",
    "plan.asked.inputs",
    "summary.figures",
    "summary.curves",
}
"""Fields that hold parts by name."""
NOT_CHANGED = {SEAL}
"""What the test itself writes anew."""


def places(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every number, string and truth value in ``value``, and every list that holds something, with where it is."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*place, key))
    elif isinstance(value, list):
        if value:
            yield place, value
        for index, part in enumerate(value):
            yield from places(part, (*place, index))
    elif value is not None:
        yield place, value


def changed(value: Any, rng: random.Random) -> Any:
    """Another value of the same kind; of a list one element fewer."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + max(1, value // rng.randint(3, 20)) * rng.choice((1, -1) if value > 1 else (1,))
    if isinstance(value, float):
        return value * rng.choice((0.5, 0.8, 1.3, 2.0)) if value else 0.25
    if isinstance(value, list):
        gone = rng.randrange(len(value))
        return value[:gone] + value[gone + 1 :]
    return WORDS.get(value) or value + "x"


def at(value: Any, place: Place) -> Any:
    """What is there; ``None`` where nothing is."""
    for key in place:
        try:
            value = value[key]
        except (LookupError, TypeError):
            return None
    return value


def put(value: Any, place: Place, new: Any) -> Any:
    """A copy of ``value`` with ``new`` at ``place``."""
    copied = json.loads(json.dumps(value))
    at(copied, place[:-1])[place[-1]] = new
    return copied


def path_of(place: Place) -> str:
    """As ``bench.store.origins`` writes it. What is in lists or mappings of plain values is of its field."""
    path = ""
    for key in place:
        if isinstance(key, int):
            path += "[]"
        elif path in MAPPINGS:
            path += "{}"
        else:
            path += f".{key}"
            path = path.lstrip(".")
    while path and origin_of(path) is None:
        shorter = path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]
        path = shorter
    return path


class Tampered:
    """A folder with one record, which is changed again and again."""

    def __init__(self, folder: Path, run: RecordedRun | None = None) -> None:
        """``folder``: the record's own, or where ``run`` is to be saved."""
        self.folder = folder if run is None else folder / save(folder, run.record, run.samples).record_id
        self.raw = json.loads((self.folder / "record.json").read_bytes())
        assert load(self.folder).corrections == ()

    def write(self, place: Place, value: Any) -> None:
        """The changed record with a seal that fits it."""
        raw = put(self.raw, place, value)
        raw[SEAL] = None
        try:
            data = encode(sealed(decode(json.dumps(raw).encode())))
        except InputError:  # the value is none that the field may have
            data = json.dumps(raw).encode()
        (self.folder / "record.json").write_bytes(data)

    def is_shown(self, place: Place, value: Any) -> bool:
        """Whether the changed ``value`` is shown and nothing says so."""
        self.write(place, value)
        try:
            run = load(self.folder)
        except InputError:
            return False
        return at(msgspec.to_builtins(run.record), place) == value and not marked(run)


def loaded(folder: Path) -> tuple[Record | None, str]:
    """The record, or why it is refused."""
    try:
        return load(folder).record, ""
    except InputError as refused:
        return None, refused.message


def marked(run: RecordedRun) -> bool:
    assert run.record.verdict is not None
    return any(reason.code in OF_LOADING for reason in run.record.verdict.reasons)


def by_path(raw: Any) -> dict[str, list[tuple[Place, Any]]]:
    found: dict[str, list[tuple[Place, Any]]] = {}
    for place, value in places(raw):
        if place[0] not in NOT_CHANGED and (path := path_of(place)):
            found.setdefault(path, []).append((place, value))
    return found
