"""What a model file was made from, step by step, as the file itself or the file beside it states it."""

from msgspec import Struct


class MadeFrom(Struct, frozen=True):
    """The files that a step began with, as an artifact: the name of the one to open, and the checksum of all."""

    name: str
    format: str
    sha256: str
    size_bytes: int


class CalibrationSet(Struct, frozen=True):
    """The samples that ranges were taken from. ``sha256``: of the hashes of their tensors, in order. ``preprocessing``:
    of images."""

    samples: int
    sha256: str
    preprocessing: str = ""


class LineageStep(Struct, frozen=True, kw_only=True):
    """One step. ``kind``: ``quantised`` or ``compiled``. ``made_from``: ``None`` where the file does not state it.
    ``tool``: what carried it out; ``versions``: of the distributions that took part; ``options``: what they were
    told."""

    kind: str
    tool: str
    made_from: MadeFrom | None = None
    versions: dict[str, str] = {}
    options: dict[str, str] = {}
    calibration: CalibrationSet | None = None


class Lineage(Struct, frozen=True):
    """The steps, the first one first. ``confirmed``: whether the file is as the last step left it, by the checksum in
    the file beside it; ``None`` where there is none, so that the file's own words are all there is."""

    steps: tuple[LineageStep, ...]
    confirmed: bool | None = None


class Sidecar(Struct, frozen=True, kw_only=True):
    """The file beside a model. ``name``, ``sha256``, ``size_bytes``: of the model as it was written."""

    name: str
    sha256: str
    size_bytes: int
    lineage: tuple[LineageStep, ...]
    lineage_version: int = 1
