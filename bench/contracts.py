"""What plugins implement, and the small values they exchange with the engine.

Four kinds of plugin, each found by an entry point (group ``ondevice_bench.models``, ``.targets``, ``.reports``,
``.sensors``) or in a file given with ``--plugin``. A plugin is a class without required arguments; its constructor
does no work and its module imports nothing heavy, so that listing plugins stays free.

Values are frozen. Times are ``_ns`` (int), sizes ``_bytes`` (int); what is not known is ``None``, never 0.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from bench.decoder_spec import CacheTensor as CacheTensor
from bench.decoder_spec import DecoderSpec as DecoderSpec
from bench.decoder_spec import FixedInput as FixedInput
from bench.graph_roles import GraphRoles

if TYPE_CHECKING:
    import numpy as np

    from bench.record import RecordedRun
    from bench.refused_record import RefusedRecord
    from bench.text_contracts import StreamSession, TokenSession

Tensors = Mapping[str, "np.ndarray[Any, Any]"]
Shapes = Mapping[str, tuple[int, ...]]
Task = Literal["tensor", "text_generation"]
Format = Literal["onnx", "openvino_ir", "tflite"]
CompileCache = Literal["none", "cold", "warm"]


# ---------------------------------------------------------------------------------------------------- values


class Quantisation(Struct, frozen=True):
    """What an integer tensor means: ``scale`` × (value − ``zero_point``), one pair for the whole tensor."""

    scale: float
    zero_point: int = 0


class TensorSpec(Struct, frozen=True):
    """One input or output of a graph.

    ``dtype`` is numpy's name, where numpy has none that of ``ml_dtypes`` (``bfloat16``, ``int4`` …), or ``string``.
    A dimension is an int, a symbol (``"batch"``), or ``None`` where the file gives neither.
    ``quantisation`` is what the file says of an integer input or output; ``None`` where it says nothing.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]
    quantisation: Quantisation | None = None

    @property
    def static(self) -> bool:
        return all(isinstance(d, int) for d in self.shape)


class GraphFacts(Struct, frozen=True):
    """What a model file says of itself, for one query at the stated input shapes. ``None``: cannot be told.

    ``macs``: multiply-accumulates of convolutions and matrix products. ``weight_bytes``: all constants as stored.
    ``peak_activation_bytes``: the widest operator's activation inputs plus outputs, those worked on in place once.
    ``node_macs``: MACs by node name, to weigh a placement. ``live_activation_bytes``: the largest sum of activations
    that are alive together in the file's order of execution. ``bytes_moved``: constants read and the widest operator's
    activations, as docs/measuring.md says; where it is ``None``, the sum of ``weight_bytes`` and
    ``peak_activation_bytes`` stands for it. ``draws``: the operators that draw random numbers on every run, branches
    and bodies of loops included.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: dict[str, int] = {}
    parameters: int | None = None
    macs: int | None = None
    weight_bytes: int | None = None
    peak_activation_bytes: int | None = None
    node_macs: dict[str, int] = {}
    live_activation_bytes: int | None = None
    bytes_moved: int | None = None
    roles: GraphRoles = GraphRoles()
    draws: tuple[str, ...] = ()


class Artifact(Struct, frozen=True):
    """A model as files on disk, ready for a target to open.

    ``path`` is the file to open; ``files`` are all that belong to it (external data, ``.bin``), ``path`` first.
    ``sha256`` covers the contents of ``files`` in that order. ``precision`` is that of the weights as stored
    (``float32``, ``int8`` …; "" where the file does not tell), which is not always what a target executes.
    ``shapes`` fixes every input's shape. ``decoder`` is set exactly when ``task`` is ``text_generation``.
    """

    model_id: str
    task: Task
    format: Format
    precision: str
    path: Path
    files: tuple[Path, ...]
    sha256: str
    size_bytes: int
    facts: GraphFacts
    shapes: dict[str, tuple[int, ...]]
    decoder: DecoderSpec | None = None


class ModelRequest(Struct, frozen=True):
    """What the user asked of one model. ``source`` is a built-in's name, or the path of a file."""

    source: str
    format: Format | None = None
    precision: str | None = None
    shapes: dict[str, tuple[int, ...]] = {}
    seed: int = 0


class Device(Struct, frozen=True):
    """One device of a target plugin. ``reason`` and ``remedy`` are given when it is not usable."""

    name: str
    usable: bool
    description: str = ""
    reason: str = ""
    remedy: str = ""
    emulated: bool = False
    default: bool = True  # measured by `odb run` when no target is named


class OpenRequest(Struct, frozen=True):
    """All that a target needs to open a session.

    ``intent`` is what the scenario wants of the runtime's own defaults: ``latency`` (one query at a time) or
    ``throughput`` (many in flight). ``options`` are the runtime's own, already checked against ``Target.options``.
    ``decode_context`` is the KV length to plan for (text generation on fixed shapes), ``prompt_tokens`` the prefill's.
    ``compile_cache`` is a folder where the runtime may keep what it compiled, and finds it the next time; ``None``: no
    cache. ``inspect`` asks for what costs time (placement, per-op data); it is set only in passes that are not timed.
    ``strict``: a fallback will be an error, so the target's own defaults must not cause one. ``exact_memory`` asks for
    memory to be taken when it is needed and given back at once, without arenas and without caches of what lengths need,
    whatever ``options`` say; it is set only in the pass that observes the KV cache.
    """

    artifact: Artifact
    device: str
    options: dict[str, str] = {}
    intent: Literal["latency", "throughput"] = "latency"
    prompt_tokens: int = 0
    decode_context: int = 0
    compile_cache: Path | None = None
    inspect: bool = False
    strict: bool = False
    exact_memory: bool = False


class NodePlacement(Struct, frozen=True):
    """One node of the graph as executed: its name (or the original node's, where the runtime tells) and device."""

    name: str
    op: str
    device: str


class Placement(Struct, frozen=True):
    """Which node ran where, as the runtime reports it. ``requested`` is the device name that counts as no fallback.
    ``remedies``: sentences on what would move the other nodes there, where the target knows it."""

    requested: str
    nodes: tuple[NodePlacement, ...]
    source: str = ""
    remedies: tuple[str, ...] = ()


# --------------------------------------------------------------------------------------------------- models


class Model(Protocol):
    """A model that can be prepared on disk.

    The entry point's name is the model's id; a name that starts with a dot (``.onnx``) takes the user's own files
    of that suffix.
    """

    summary: str
    task: Task
    formats: Sequence[Format]
    precisions: Sequence[str]

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        """Build or read the model. Runs in a process of its own; may be slow; must be deterministic.

        Raises ``InputError`` for a file or shape that cannot be used.
        """
        ...


@runtime_checkable
class Judge(Protocol):
    """What a model may offer beyond ``Model``: how good its answers are, where no built-in metric says so."""

    def judge(self, outputs: Tensors, expected: Any) -> Mapping[str, float]:
        """Scores of one sample by name, the same names for every sample; a dataset's score is their mean.

        ``outputs``: the model's, by their names in the file. ``expected``: the sample's label as ``labels.json`` has
        it, or the arrays of its ``.expected.npz``. Higher is better, but for the names in an attribute
        ``lower_is_better``. Runs in an untimed process of its own. Raises ``InputError`` for what cannot be judged.
        """
        ...


# -------------------------------------------------------------------------------------------------- targets

Phase = Callable[[str], AbstractContextManager[None]]
"""``with phase("compile"): …`` times one cold-start phase: ``runtime_import``, ``read`` or ``compile``.
A phase that is never entered stays null in the record."""


class Target(Protocol):
    """A runtime and the devices it drives. Written ``plugin:device`` by the user."""

    summary: str
    formats: Sequence[Format]  # best first
    tasks: Sequence[Task]
    requires: Sequence[str]  # distributions, e.g. ("openvino",); the extra that brings them is in `install`
    install: str  # what to type when they are missing

    def devices(self) -> Sequence[Device]:
        """Every device the plugin knows, usable or not. May import the runtime; runs in a process of its own."""
        ...

    def options(self, device: str) -> Mapping[str, str]:
        """Option names the device takes, each with a short description. May import the runtime."""
        ...

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        """Raise ``RunFailure`` for a pair known not to work, before any time is spent. Imports no runtime."""
        ...

    def open(self, request: OpenRequest, phase: Phase) -> "TensorSession | TokenSession | StreamSession":
        """Import the runtime, read and compile, each inside its ``phase``. Raises ``RunFailure``."""
        ...


@runtime_checkable
class ConvertingTarget(Protocol):
    """A target that opens some artifacts only in a form of its own."""

    def converts(self, artifact: Artifact) -> bool:
        """Whether ``convert`` has to be asked. Quick, and imports no runtime: runs in the parent."""

    def convert(self, artifact: Artifact, folder: Path) -> Artifact:
        """Write into ``folder`` (empty) what the runtime opens instead of ``artifact``, with the same task and decoder.

        Untimed, in a process of its own; must be deterministic. Raises ``RunFailure`` for what cannot be converted.
        """
        ...


@runtime_checkable
class NamingTarget(Protocol):
    """A target that knows the name of a device before it opens a model, as an emulator knows its chip. Runs that fail
    or are skipped are then reported under that name."""

    def name_of(self, device: str, options: Mapping[str, str]) -> str:
        """What ``Session.device_name`` would return with these options; empty where it is not known yet.

        Quick, and imports no runtime: runs in the parent. Raises ``OdbError`` for options that it does not take.
        """


@runtime_checkable
class Session(Protocol):
    """What every kind of session tells about itself, after it was opened. Sessions that generate text are in
    ``bench.text_contracts``."""

    def placement(self) -> Placement | None:
        """Which node ran where; ``None`` when the runtime cannot say."""
        ...

    def effective_options(self) -> Mapping[str, str]:
        """Options as the runtime holds them, not as they were asked for."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Distribution or component -> version."""
        ...

    def device_name(self) -> str:
        """The hardware's own name for itself."""
        ...

    def executed_precision(self) -> str:
        """The precision the arithmetic really runs in (``float32``, ``bfloat16``, ``int8`` …); "" if unknown."""
        ...

    def compile_cache(self) -> CompileCache:
        """Whether ``compile`` had a cache to use, and found it filled: ``none``, ``cold`` or ``warm``."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class TensorSession(Session, Protocol):
    """One compiled graph: tensors in, tensors out."""

    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]

    def bind(self, feeds: Tensors) -> Callable[[], None]:
        """Set the inputs once. The timed loop calls the returned function and nothing else."""
        ...

    def bind_parallel(self, feeds: Tensors, lanes: int | None) -> Sequence[Callable[[], None]]:
        """As ``bind``, for several queries in flight: each returned call blocks until its query is done, releases
        the GIL meanwhile, and has buffers of its own. ``lanes`` None: as many as the runtime thinks best."""
        ...

    def results(self) -> Tensors:
        """The outputs of the last call of ``bind``'s function; copies."""
        ...


# ------------------------------------------------------------------------------------------------- reports


class Report(Protocol):
    """A writer: takes runs, returns bytes. Opens no file, looks at no machine, computes no statistics."""

    summary: str
    suffix: str  # of the file it would be saved to, e.g. ".html"

    def render(self, runs: Sequence["RecordedRun"]) -> bytes: ...


@runtime_checkable
class TellsRefused(Protocol):
    """What a writer may offer besides: a place for the records that could not be read or believed."""

    def telling(self, refused: Sequence["RefusedRecord"]) -> Report:
        """The writer that names them too."""
        ...


@runtime_checkable
class FitsTerminal(Protocol):
    """What a writer may offer besides, if its text is for a terminal."""

    def at_terminal(self, columns: int, color: bool) -> Report:
        """The writer for a terminal of that many columns, with colours or without."""
        ...


# ------------------------------------------------------------------------------------------------- sensors


class Channel(Struct, frozen=True):
    """One thing a sensor can read. ``kind``: ``energy`` counts joules up, ``power`` reads watts now,
    ``busy`` counts seconds of an accelerator's work. Unusable: ``reason`` and ``remedy`` say why."""

    sensor: str
    name: str  # e.g. "package-0"
    kind: Literal["energy", "power", "busy"]
    domain: Literal["package", "core", "dram", "gpu", "npu", "battery", "board", "other"]
    path: str  # relative to the root it was found under
    usable: bool = True
    reason: str = ""
    remedy: str = ""
    wraps_at: float | None = None  # joules; a counter starts over here


class Sensor(Protocol):
    """A family of readings found in files under ``root`` (``/`` on a real machine, a recorded tree in tests)."""

    summary: str

    def channels(self, root: Path) -> Sequence[Channel]:
        """All that is there, readable or not."""
        ...

    def read(self, root: Path, channel: Channel) -> float:
        """Joules so far, watts now, or busy seconds so far. Raises ``OSError`` when the reading has vanished."""
        ...
