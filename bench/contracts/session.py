"""A session, which is what a target opens, and the facts that it reports."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from bench.contracts.model import Tensors, TensorSpec
from bench.contracts.precisions import Precisions
from bench.words import Sentence

if TYPE_CHECKING:
    import numpy as np

CompileCache = Literal["none", "cold", "warm"]


class NodePlacement(Struct, frozen=True):
    """One node of the graph as executed: its name (or the original node's, if the runtime reports it) and device."""

    name: str
    op: str
    device: str


class Placement(Struct, frozen=True):
    """Which node ran where, as the runtime reports it. ``requested`` is the device name that counts as no fallback.
    ``remedies``: sentences on what would move the other nodes there, where the target knows it."""

    requested: str
    nodes: tuple[NodePlacement, ...]
    source: str = ""
    remedies: tuple[Sentence | str, ...] = ()


class SessionFacts(Struct, frozen=True, kw_only=True):
    """Facts that a session reports after it has run.

    ``device_name``: the name that the hardware reports; for an emulator the chip, as a sentence where the name contains
    words. ``options_effective``: options that the runtime reports, which may differ from those requested. ``versions``:
    distribution or component -> version. ``executed_precision``: the precision that the arithmetic ran in (``float32``,
    ``bfloat16``, ``int8`` …), "" if unknown; ``precisions``: of weights and activations separately, if the runtime
    reports them. ``compile_cache``: whether ``compile`` had a cache to use, and found it filled. ``kv_cache_bits``: of
    an element of keys and of one of values in a language model's cache; ``None`` where the runtime does not report
    them. ``kv_cache_precision``: the type that keys and values are kept in, ``int8`` or, where they differ,
    ``int8+int4``, keys first; "" if unknown. ``imported_by``: the runtime that read the model's source itself, where it
    did not open what was made of it.
    """

    device_name: Sentence | str
    options_effective: dict[str, str] = {}
    versions: dict[str, str] = {}
    executed_precision: str = ""
    precisions: Precisions = Precisions("", "")
    compile_cache: CompileCache = "none"
    kv_cache_bits: tuple[int, int] | None = None
    kv_cache_precision: str = ""
    imported_by: str = ""


@runtime_checkable
class Session(Protocol):
    """What every kind of session offers. Sessions that generate text are in ``bench.contracts``. A session ends with
    its process; nothing closes it."""

    def facts(self) -> SessionFacts:
        """Called after the session has run, never in a timed part."""
        ...

    def placement(self) -> Placement | None:
        """Which node ran where; ``None`` when the runtime cannot say. Called only of a session that was opened with
        ``OpenRequest.inspect``."""
        ...


@runtime_checkable
class TensorSession(Session, Protocol):
    """One compiled graph: tensors in, tensors out."""

    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]

    def bind(self, feeds: Tensors) -> Callable[[], None]:
        """Set the inputs once. The timed loop calls the returned function and nothing else."""
        ...

    def bind_parallel(self, feeds: Tensors, lanes: int | None) -> Sequence[Callable[[], None]]:
        """As ``bind``, for several queries in flight: each returned call blocks until its query is done, releases the
        GIL while it waits, and has separate buffers. ``lanes`` None: the number that the runtime recommends."""
        ...

    def results(self) -> Tensors:
        """The outputs of the last call of ``bind``'s function; copies."""
        ...


class Levels(Struct, frozen=True, kw_only=True):
    """How the levels of a picture become an input's tensor: ``(level - mean) / scale``. ``size``: height, width and
    channels of the levels, uint8, in the order of the tensor's channels. ``layout``: of the tensor, ``nchw`` or
    ``nhwc``; ``shape``: with the leading 1 or without; ``dtype``: numpy's name. ``mean``, ``scale``: one number, or one
    for each channel."""

    size: tuple[int, int, int]
    layout: str
    shape: tuple[int, ...]
    dtype: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]


class Normaliser(Struct, frozen=True):
    """``run``: levels [height, width, channels] -> a new array, not shared with other calls; called on one thread at a
    time. ``by``: what does it, name -> version."""

    run: "Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]"
    by: Mapping[str, str]


@runtime_checkable
class NormalisingSession(Protocol):
    """What a tensor session may offer beyond ``TensorSession``: its runtime's way to make a tensor of a picture."""

    def normaliser(self, levels: Levels) -> Normaliser | None:
        """``None`` where the runtime has none for these. It is used where it gives the values of numpy."""
        ...


@runtime_checkable
class RefillingSession(Protocol):
    """What a tensor session may offer beyond ``TensorSession``: other inputs for the query that is bound."""

    def refill(self, feeds: Tensors) -> None:
        """Copy ``feeds`` into the buffers of ``bind``, which has been called with the same names, types and shapes.
        Without this method ``bind`` is called for each input of a pipeline, and its time counts. Raises ``RunFailure``
        for feeds that do not fit."""
        ...
