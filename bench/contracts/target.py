"""What a target plugin implements: its devices and options, and how it opens a model."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from msgspec import Struct

from bench.contracts.model import Artifact, Format, Task
from bench.contracts.scenario import Intent
from bench.contracts.session import TensorSession
from bench.words import Sentence

if TYPE_CHECKING:
    from bench.contracts.text import StreamSession, TokenSession


class Device(Struct, frozen=True):
    """One device of a target plugin. ``reason`` and ``remedy`` are given when it is not usable."""

    name: str
    usable: bool
    description: Sentence | str = ""
    reason: Sentence | str = ""
    remedy: Sentence | str = ""
    emulated: bool = False
    default: bool = True  # measured by `odb run` when no target is named


class Requirement(Struct, frozen=True, kw_only=True):
    """One thing that a device needs of the machine, and how it stands here.

    ``name``: a stable word for scripts; ``title``: what people read in its place. ``state``: ``missing``: the device
    cannot be used without it; ``doubtful``: it may be in the way, or could not be read. ``remedy``: what to do, empty
    for ``ok``.
    """

    device: str
    name: str
    title: Sentence | str
    state: Literal["ok", "doubtful", "missing"]
    message: Sentence | str
    remedy: Sentence | str = ""


class TargetFacts(Struct, frozen=True):
    """Facts about a target plugin on this machine. ``options``: by device, for the requested devices."""

    devices: tuple[Device, ...]
    options: dict[str, dict[str, Sentence | str]]
    formats: tuple[str, ...]
    tasks: tuple[str, ...]
    versions: dict[str, str]
    safe_options: tuple[str, ...] = ()  # see bench.suite.untrusted
    requirements: tuple[Requirement, ...] = ()


class OpenRequest(Struct, frozen=True):
    """All that a target needs to open a session.

    ``intent`` is what the scenario wants of the runtime's own defaults: ``latency`` (one query at a time) or
    ``throughput`` (many in flight). ``options`` are the runtime's own, already checked against ``Target.options``.
    ``decode_context`` is the KV length to plan for (text generation on fixed shapes), ``prompt_tokens`` the prefill's.
    ``compile_cache`` is a folder where the runtime may keep what it compiled, and finds it the next time; ``None``: no
    cache. ``inspect`` asks for what costs time (placement, per-op data); it is set only in passes that are not timed.
    ``profile`` is a folder where the runtime may write how long each operator took; ``None``: it records nothing of
    that. It is set only in the pass that profiles, which times nothing else.
    ``strict``: a fallback will be an error, so the target's own defaults must not cause one. ``exact_memory`` asks for
    memory to be taken when it is needed and given back at once, without arenas and without caches of what lengths need,
    whatever ``options`` say; it is set only in the pass that observes the KV cache. ``depth_tokens``: how many tokens
    every query finds in the cache; 0: every query begins with an empty one, and nothing of an earlier query is kept for
    it unless ``options`` ask for that. ``stop_tokens``: a ``StreamSession`` ends a generation behind the first of them;
    none: it generates as many as it is asked for. ``converses``: turns of a conversation follow one another, and
    what was computed for one of them has to be found again in the next. ``users``: how many generate at once, each with
    a cache of its own for ``decode_context`` tokens; 0: one generation follows another.
    """

    artifact: Artifact
    device: str
    options: dict[str, str] = {}
    intent: Intent = "latency"
    prompt_tokens: int = 0
    decode_context: int = 0
    compile_cache: Path | None = None
    inspect: bool = False
    strict: bool = False
    exact_memory: bool = False
    depth_tokens: int = 0
    stop_tokens: tuple[int, ...] = ()
    profile: Path | None = None
    converses: bool = False
    users: int = 0


Phase = Callable[[str], AbstractContextManager[None]]
"""``with phase("compile"): …`` times one cold-start phase: ``runtime_import``, ``read`` or ``compile``.
A phase that is never entered stays null in the record."""


class Target(Protocol):
    """A runtime and the devices it drives. Written ``plugin:device`` by the user."""

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""

    formats: Sequence[Format]  # best first
    tasks: Sequence[Task]
    requires: Sequence[str]  # distributions, e.g. ("openvino",); the extra that brings them is in `install`
    install: str  # what to type when they are missing

    def devices(self) -> Sequence[Device]:
        """Every device the plugin knows, usable or not. May import the runtime; runs in a separate process."""
        ...

    def options(self, device: str) -> Mapping[str, Sentence | str]:
        """Option names the device takes, each with a short description. May import the runtime."""
        ...

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        """Raise ``RunFailure`` or ``InputError`` for a pair known not to work. Imports no runtime.

        The engine calls it once a run, before the model is converted or opened, and for ``--dry-run``; ``open`` need
        not call it.
        """
        ...

    def open(self, request: OpenRequest, phase: Phase) -> "TensorSession | TokenSession | StreamSession":
        """Import the runtime, read and compile, each inside its ``phase``. Raises ``RunFailure``."""
        ...


@runtime_checkable
class ConvertingTarget(Protocol):
    """A target that opens some artifacts in a special format, or in the form that its runtime is fastest with."""

    def converts(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> bool:
        """Whether ``convert`` has to be asked. Quick, and imports no runtime: runs in the parent. ``device`` and
        ``options``: those that it will be opened with."""

    def convert(self, artifact: Artifact, folder: Path, device: str, options: Mapping[str, str]) -> Artifact:
        """Write into ``folder`` (empty) what the runtime opens instead of ``artifact``, with the same task; or return
        ``artifact``.

        Untimed, in a separate process; must be deterministic. Raises ``RunFailure`` for what cannot be converted.
        """
        ...


@runtime_checkable
class NamingTarget(Protocol):
    """A target that knows the name of a device before it opens a model, as an emulator knows its chip. Runs that fail
    or are skipped are then reported under that name."""

    def name_of(self, device: str, options: Mapping[str, str], artifact: Artifact | None = None) -> Sentence | str:
        """``SessionFacts.device_name`` with these options; empty where it is not known yet. ``artifact``:
        ``None`` before the model has been read; a compiled one may name the chip that it was compiled for.

        Quick, and imports no runtime: runs in the parent. Raises ``OdbError`` for options that it does not take.
        """


@runtime_checkable
class PartNamingTarget(Protocol):
    """A target that knows processors by their makers' part numbers, as a device states them."""

    def part_named(self, part: str) -> str:
        """The name that the processor ``part`` (``SM8650``) is sold under; empty where it is not known. Quick."""
        ...


@runtime_checkable
class TokenizingTarget(Protocol):
    """A target that knows before it opens a model whether the session will have a tokenizer of its own. Text prompts
    that only such a tokenizer could turn into tokens are then refused early; otherwise once the model is open."""

    def tokenizes(self, artifact: Artifact, options: Mapping[str, str]) -> bool:
        """Whether a ``TokenizingSession`` of ``artifact`` returns a tokenizer. Quick, and imports no runtime: runs in
        the parent."""
        ...


@runtime_checkable
class ScenarioCheckingTarget(Protocol):
    """A text target that knows before it opens a model that its sessions cannot keep a conversation, or cannot generate
    for several users, or at a depth. Without it, such a run fails once the model is open."""

    def check_scenario(self, request: "OpenRequest") -> None:
        """Raise ``RunFailure`` for ``converses``, ``users`` or ``depth_tokens`` of a request that no session of it can
        do. Quick, and imports no runtime: runs in the parent, also for ``--dry-run``."""
        ...


class ReferenceSetup(Struct, frozen=True, kw_only=True):
    """How a target runs a model as the reference that other outputs are compared with.

    ``device`` and ``options``: what it is opened with. ``name``: what records and reports call it. ``unoptimised``: it
    computes every node as the file has it; otherwise in float32 on a graph that the runtime has optimised.
    """

    device: str
    options: dict[str, str]
    name: str
    unoptimised: bool = False


@runtime_checkable
class ReferenceTarget(Protocol):
    """A target that can be the reference for some models."""

    def reference_for(self, model_format: Format, task: Task) -> ReferenceSetup | None:
        """How it runs models of that format and task as the reference; ``None`` for those that it cannot.

        Quick, and imports no runtime: runs in the parent.
        """
        ...


@runtime_checkable
class RequiringTarget(Protocol):
    """A target that knows what its devices need of a machine beside its distribution: device nodes, rights, libraries,
    firmware. ``odb doctor`` shows each."""

    def requirements(self) -> Sequence[Requirement]:
        """What each device needs, in the order in which a person would look. Runs in a separate process; never
        raises."""
        ...


@runtime_checkable
class CompletesDevices(Protocol):
    """What a target may offer beyond ``Target``. Without it, the shell completes ``plugin:`` only."""

    device_names: Sequence[str]
    """Devices for the shell to complete, known without the runtime. One that ends with a colon is continued by hand."""


@runtime_checkable
class DeclaresSafeOptions(Protocol):
    """An optional addition to ``Target``. Without it, all options of a target count as unsafe."""

    safe_options: Collection[str]
    """Option names, on any device, that name no file, load no code and write nothing, whatever their value."""


class Tunable(Struct, frozen=True, kw_only=True):
    """An option of a device, and the values of it that are worth a measurement for one model on this machine.

    ``values``: as the option takes them, in order of size or effect, within the bounds of the machine. Leaving the
    option out is always among the candidates, so a value that is known to be the default need not be here.
    ``changes_outputs``: whether a value may change what the model computes, beyond the order of additions. ``intents``:
    the scenarios in which it has an effect. ``needs``: option -> the value that it must have for this one to have an
    effect; without them the option is left out.
    """

    name: str
    values: tuple[str, ...]
    changes_outputs: bool = False
    intents: tuple[Intent, ...] = ("latency", "throughput")
    needs: dict[str, str] = {}


class OwnConfiguration(Struct, frozen=True, kw_only=True):
    """Options as the runtime's own file holds them. ``use``: how the runtime, or its own tools, takes the file."""

    file_name: str
    text: str
    use: Sentence | str


@runtime_checkable
class TunableTarget(Protocol):
    """A target that says which of its options ``odb tune`` may try. Each must be among ``Target.options`` of the
    device, and among ``safe_options``, since the setting that was found goes into a suite file."""

    def tunables(self, device: str, artifact: Artifact) -> Sequence[Tunable]:
        """What may be tuned for ``artifact`` on ``device``. May import the runtime; runs in a separate process."""
        ...

    def own_configuration(
        self, device: str, artifact: Artifact, options: Mapping[str, str], intent: Intent
    ) -> OwnConfiguration | None:
        """``options`` with what the target sets by itself for ``intent``, as a file of the runtime; ``None`` where it
        has no such file. Quick, and imports no runtime: runs in the parent."""
        ...
