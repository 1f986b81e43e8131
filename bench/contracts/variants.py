"""What a target may offer beyond ``Target`` to answer for chips that are not here: ``odb preflight``."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from bench.contracts.model import Artifact
from bench.contracts.session import Placement
from bench.contracts.target import OpenRequest
from bench.words import Sentence


class Published(Struct, frozen=True, kw_only=True):
    """A figure that somebody else states. ``document``: its name; ``url``: where it is; ``read``: the day on which it
    was read, as ``2026-11-26``, empty where a runtime states it here and now."""

    value: float
    document: str
    url: str = ""
    read: str = ""


class Peaks(Struct, frozen=True, kw_only=True):
    """What a chip can do at most. ``None``: no source states it.

    ``operations_per_s``: of its accelerator, in the type that it is fastest in; a multiply-accumulate is two.
    ``memory_bytes_per_s``: of its main memory.
    """

    operations_per_s: Published | None = None
    memory_bytes_per_s: Published | None = None


class Variant(Struct, frozen=True, kw_only=True):
    """One chip that a device of a target stands for.

    ``name``: what users type. ``title``: what people call it. ``part``: the maker's number. ``generation``: of its
    accelerator, such as ``HTP v73``. ``options``: the target's options that choose it. ``order``: its place in the
    target's order of chips, the cheapest class first (``VariedTarget.order_of_variants`` says by which rule);
    ``None``: the rule does not place it.
    """

    name: str
    title: str
    part: str = ""
    generation: str = ""
    options: dict[str, str] = {}
    order: int | None = None
    peaks: Peaks = Peaks()


class Compiled(Struct, frozen=True, kw_only=True):
    """What a compiler tells of the graphs that it has just compiled. ``None``: it does not tell.

    ``size_bytes``: of what it keeps. ``spill_fill_bytes``: main memory for intermediate results that have no room on
    the accelerator. ``vtcm_bytes``: the accelerator's own memory that the graph was planned with (Hexagon: VTCM);
    ``vtcm_of_chip_bytes``: what the compiler states that the chip has.
    ``constant_bytes``: weights as compiled. ``io_bytes``: inputs and outputs. ``program_sha256``: a checksum of all
    that decides about the outputs: two variants with the same one run the same program. Empty: not known.
    """

    size_bytes: int | None = None
    spill_fill_bytes: int | None = None
    vtcm_bytes: int | None = None
    vtcm_of_chip_bytes: int | None = None
    constant_bytes: int | None = None
    io_bytes: int | None = None
    program_sha256: str = ""


class Foretold(Struct, frozen=True, kw_only=True):
    """What is known of a model on a device that is not here. ``findings``: in sentences. ``fits``: false where one of
    them rules the model out. ``placement``: where the runtime's compiler is here and says where nodes would run."""

    findings: tuple[Sentence | str, ...]
    fits: bool | None = None
    placement: Placement | None = None


@runtime_checkable
class VariedTarget(Protocol):
    """A target that can open a model as each of several chips would, or that knows the peaks of those it drives.

    ``ConvertingTarget.convert`` must give the same for all variants: the engine converts a model once for all.
    """

    varied_devices: Sequence[str]
    """The devices that ``odb preflight`` covers when no target is named."""

    @property
    def order_of_variants(self) -> Sentence | str:
        """The rule of ``Variant.order``; empty where no variant has a place."""
        ...

    def variants(self, device: str) -> Sequence[Variant]:
        """The chips that ``device`` stands for; none where it is unknown. May import the runtime; runs in a separate
        process."""
        ...

    def compiled(self, request: OpenRequest) -> Compiled:
        """What is known of the graphs that ``open`` has just compiled into ``request.compile_cache``. Called in the
        process that opened the session."""
        ...


@runtime_checkable
class ForetellingTarget(Protocol):
    """A target that can tell something of a model for a device that is not here."""

    def foretell(self, artifact: Artifact, device: str, options: dict[str, str]) -> Foretold:
        """What is known without the device; never more than that. Runs in a separate process. Raises ``RunFailure``
        where the runtime cannot read the model at all."""
        ...
