"""What a preflight found: types only."""

from typing import Literal

from msgspec import Struct

from bench.contracts import Compiled, Published, Variant
from bench.record.record import Fidelity, PlacementSummary
from bench.words import Sentence

SCHEMA_VERSION = 1

Status = Literal["ran", "refused", "failed", "foretold", "interrupted", "planned"]
"""``ran``: compiled, and run in the emulator or on the device. ``refused``: known not to take the model, so nothing
was compiled. ``failed``: compiling or running ended with an error. ``foretold``: the device is not here, and what is
known without it is told. ``interrupted``: not come to, or not run to its end. ``planned``: would be compiled."""

Speed = Literal["excluded", "not_excluded", "unknown"]


class Bound(Struct, frozen=True, kw_only=True):
    """A latency that no run can beat, from published peaks: no estimate of a latency. ``tier``: how it was come by, as
    for energy and power: ``model``, never measured.

    ``least_ns``: the greater of ``compute_ns`` and ``memory_ns``; ``None``: nothing is known. ``compute_ns``: two
    operations for each of ``macs``, at ``operations_per_s``. ``memory_ns``: ``bytes`` from main memory, at
    ``memory_bytes_per_s``; ``bytes``: weights as compiled, but for those that may stay on the chip
    (``bench.preflight.bound``). ``frames_per_s``: what was asked for; ``speed``: whether the bound excludes it.
    """

    tier: Literal["model"] = "model"
    least_ns: int | None = None
    compute_ns: int | None = None
    memory_ns: int | None = None
    macs: int | None = None
    bytes: int | None = None
    operations_per_s: Published | None = None
    memory_bytes_per_s: Published | None = None
    frames_per_s: float | None = None
    speed: Speed = "unknown"
    reason: Sentence | str = ""


class Answer(Struct, frozen=True, kw_only=True):
    """Whether one variant meets what is needed. ``fits``: ``None`` where it cannot be told. ``why``: what it does not
    meet, or what is not known of it."""

    fits: bool | None
    why: tuple[Sentence | str, ...] = ()


class Row(Struct, frozen=True, kw_only=True):
    """One variant. ``reason`` and ``remedy``: why it is not ``ran``; ``kind``: the stable word of the failure;
    ``nodes``, ``macs``: fractions on the accelerator; ``left``: operators left over, and how many of each.
    ``precision``: what arithmetic ran in. ``same_run_as``: the variant whose run it shares, as both were compiled to
    the same program. ``compile_ns``: on this machine. ``findings``: what else was found."""

    variant: Variant
    status: Status
    kind: str = ""
    reason: Sentence | str = ""
    remedy: Sentence | str = ""
    nodes: float | None = None
    macs: float | None = None
    left: dict[str, int] = {}
    placement: PlacementSummary | None = None
    precision: str = ""
    fidelity: Fidelity | None = None
    same_run_as: str = ""
    compiled: Compiled | None = None
    compile_ns: int | None = None
    bound: Bound | None = None
    answer: Answer | None = None
    findings: tuple[Sentence | str, ...] = ()


class Subject(Struct, frozen=True, kw_only=True):
    """The model that was looked at. ``macs`` of one query, ``weight_bytes`` as stored in the file."""

    id: str
    source: str
    format: str
    precision: str
    sha256: str
    size_bytes: int
    task: str
    macs: int | None = None
    parameters: int | None = None
    weight_bytes: int | None = None
    inputs: dict[str, tuple[int | str | None, ...]] = {}


class Preflight(Struct, frozen=True, kw_only=True):
    """One model on all variants of one device. ``emulated``: outputs come from an emulator. ``order``: the rule of the
    variants' order, the first that ``fit``. ``need``: what was asked of each, by name. ``wall_ns``: of the whole."""

    schema_version: int = SCHEMA_VERSION
    tool_version: str
    created_utc: str
    model: Subject
    target: str
    emulated: bool
    device_reason: Sentence | str = ""
    device_remedy: Sentence | str = ""
    versions: dict[str, str] = {}
    reference: str = ""
    order: Sentence | str = ""
    need: dict[str, float] = {}
    fit: tuple[str, ...] = ()
    status: int = 0
    interrupted: bool = False
    jobs: int = 1
    runs: int = 0
    wall_ns: int = 0
    machine: str = ""
    rows: tuple[Row, ...] = ()
