"""Reads and writes what a model file states of its lineage: in its metadata, and in the file beside it."""

from pathlib import Path

import msgspec
from msgspec.structs import replace

from bench.contracts.quantising.lineage import Lineage, LineageStep, Sidecar
from bench.errors import InputError
from bench.reading import NOT_DECODED, is_file, read_bytes

LINEAGE_KEY = "ondevice_bench.lineage"
"""Of the metadata of an ONNX file, and of the runtime information of an OpenVINO IR."""
SIDECAR = ".lineage.json"
"""What the name of the file beside a model ends with; before it stands the whole name of the model's file."""
MOST_LINEAGE_BYTES = 1 << 20
MOST_STEPS = 16


def sidecar_of(model: Path) -> Path:
    """``MODEL.onnx.lineage.json`` of ``MODEL.onnx``."""
    return model.with_name(model.name + SIDECAR)


def stated_steps(text: str | bytes) -> tuple[LineageStep, ...]:
    """The steps in a file's metadata; none where they cannot be read: other tools write metadata, too."""
    if not text or len(text) > MOST_LINEAGE_BYTES:
        return ()
    try:
        steps = msgspec.json.decode(text, type=tuple[LineageStep, ...])
    except NOT_DECODED:
        return ()
    return steps if len(steps) <= MOST_STEPS else ()


def encoded_steps(steps: tuple[LineageStep, ...]) -> str:
    """As ``stated_steps`` reads them; equal steps give equal text."""
    return msgspec.json.encode(steps, order="deterministic").decode()


def lineage_of(model: Path, sha256: str, stated: str | bytes) -> Lineage | None:
    """The lineage of the file ``model``, whose artifact has the checksum ``sha256``: ``stated`` in the file itself,
    else beside it. ``None`` where neither says anything. A file beside it that cannot be read counts as none."""
    steps = stated_steps(stated)
    beside = _beside(model)
    if beside is None:
        return Lineage(steps) if steps else None
    same = beside.sha256 == sha256
    if steps:
        return Lineage(steps, confirmed=same)
    return Lineage(beside.lineage, confirmed=True) if same else None


def _beside(model: Path) -> Sidecar | None:
    path = sidecar_of(model)
    if not is_file(path):
        return None
    try:
        found = msgspec.json.decode(read_bytes(path, MOST_LINEAGE_BYTES), type=Sidecar)
    except (InputError, *NOT_DECODED):
        return None
    return found if len(found.lineage) <= MOST_STEPS else None


def with_step(lineage: Lineage | None, step: LineageStep) -> Lineage | None:
    """The lineage of what was compiled from a file with ``lineage`` and has its metadata; ``None`` stays so."""
    return None if lineage is None else replace(lineage, steps=(*lineage.steps, step))
