"""What the parent and its workers tell each other: one ``Job`` as a file, then ``Event``s as JSON lines on a pipe.

The pipe is the worker's original stdout; before anything else the worker points file descriptors 1 and 2 at its log, so
what native libraries print lands there.
"""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bench.contracts import Artifact, Channel, CompileCache, Device, ModelRequest, OpenRequest, Placement
from bench.plugins import PluginRef
from bench.record import Failure, InputFacts, Repeat, Scenario, StoppingRule
from bench.record_evidence import Determinism, RepeatedInput


class Job(Struct, frozen=True, tag=True):
    """Base. ``folder`` is the job's own: its log, and the arrays it leaves for the parent."""

    folder: Path


class ProbeJob(Job, frozen=True, tag=True):
    """Which devices does the target have, and which options do the named ones take? ``""`` names the default ones."""

    plugin: PluginRef
    devices_with_options: tuple[str, ...] = ()


class PrepareJob(Job, frozen=True, tag=True):
    """Make the model's artifact, and the input tensors for it."""

    plugin: PluginRef
    request: ModelRequest
    cache: Path
    input_files: tuple[str, ...] = ()  # NAME=FILE, or FILE.npz
    preprocessing: str = ""
    input_sets: int = 4


class CheckJob(Job, frozen=True, tag=True):
    """Untimed pass: where does it run, and what comes out? Outputs go to ``outputs-<i>.npz``."""

    plugin: PluginRef
    request: OpenRequest
    scenario: Scenario
    feeds: tuple[Path, ...]
    seed: int


class RecallJob(Job, frozen=True, tag=True):
    """Untimed by the main loop, a pass of its own: is an input that was seen before answered faster than a new one?"""

    plugin: PluginRef
    request: OpenRequest
    feeds: Path | None
    seed: int


class MeasureJob(Job, frozen=True, tag=True):
    """One timed repeat. Raw samples go to ``samples.npz``, one array a role. ``root``: where sensors are looked for."""

    plugin: PluginRef
    request: OpenRequest
    scenario: Scenario
    rule: StoppingRule
    feeds: Path | None
    seed: int
    sensors: tuple[PluginRef, ...] = ()
    channels: tuple[Channel, ...] = ()
    idle_watts: dict[str, float] = {}
    root: Path = Path("/")
    in_turns: bool = False  # with another job; see bench.turnstile


AnyJob = ProbeJob | PrepareJob | CheckJob | RecallJob | MeasureJob


class Event(Struct, frozen=True, tag=True):
    """Base of what a worker says."""


class PhaseBegan(Event, frozen=True, tag=True):
    name: str


class TurnWanted(Event, frozen=True, tag=True):
    """The worker's turn is over, if it had one, and it waits for the next. ``satisfied``: it has measured enough, and
    goes on only to keep the other company."""

    satisfied: bool = False


class Failed(Event, frozen=True, tag=True):
    failure: Failure


class Probed(Event, frozen=True, tag=True):
    devices: tuple[Device, ...]
    options: dict[str, dict[str, str]]
    formats: tuple[str, ...]
    tasks: tuple[str, ...]
    versions: dict[str, str]


class Prepared(Event, frozen=True, tag=True):
    artifact: Artifact
    feeds: tuple[Path, ...]
    inputs: InputFacts | None


class SessionFacts(Struct, frozen=True):
    """What a session says of itself after it ran."""

    options_effective: dict[str, str]
    device_name: str
    executed_precision: str
    compile_cache: CompileCache


class Checked(Event, frozen=True, tag=True):
    facts: SessionFacts
    versions: dict[str, str]
    placement: Placement | None
    outputs: tuple[Path, ...]
    token_ids: tuple[int, ...] = ()
    determinism: Determinism | None = None


class Recalled(Event, frozen=True, tag=True):
    repeated_input: RepeatedInput


class Measured(Event, frozen=True, tag=True):
    """``runtime_ns``: time spent importing, loading or running the runtime; the rest of the repeat is the harness'."""

    repeat: Repeat
    facts: SessionFacts
    runtime_ns: int
    cpu_seconds: float
    token_ids: tuple[int, ...] = ()
    lanes: int | None = None


AnyEvent = PhaseBegan | TurnWanted | Failed | Probed | Prepared | Checked | Recalled | Measured


def _encode_path(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value).__name__)


def _decode_path(kind: type[Any], value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind.__name__)


def encode(message: AnyJob | AnyEvent) -> bytes:
    """One line of JSON, without the newline."""
    return msgspec.json.encode(message, enc_hook=_encode_path)


def decode_job(data: bytes) -> AnyJob:
    job: AnyJob = msgspec.json.decode(data, type=AnyJob, dec_hook=_decode_path)
    return job


def decode_event(data: bytes) -> AnyEvent:
    event: AnyEvent = msgspec.json.decode(data, type=AnyEvent, dec_hook=_decode_path)
    return event
