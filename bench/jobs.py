"""What the parent and its workers tell each other: one ``Job`` as a file, then ``Event``s as JSON lines on a pipe.

The pipe is the worker's original stdout; before anything else the worker points file descriptors 1 and 2 at its log, so
what native libraries print lands there.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bench.contracts import (
    Artifact,
    Channel,
    ModelRequest,
    OpenRequest,
    Placement,
    Scenario,
    SessionFacts,
    TargetFacts,
)
from bench.plugins import PluginRef
from bench.record.evidence import Determinism, RepeatedInput
from bench.record.inputs import InputFacts
from bench.record.quality import DatasetFacts, JudgedMetric
from bench.record.record import Failure, Repeat, StoppingRule
from bench.record.text import KvCache
from bench.suite.dataset_options import DatasetAsk


class Job(Struct, frozen=True, tag=True):
    """Base. ``folder`` is the job's own: its log, and the arrays it leaves for the parent."""

    folder: Path


class ProbeJob(Job, frozen=True, tag=True):
    """Which devices does the target have, and which options do the named ones take? ``""`` names the default ones."""

    plugin: PluginRef
    devices_with_options: tuple[str, ...] = ()


class PrepareJob(Job, frozen=True, tag=True):
    """Make the model's artifact, and the input tensors for it. ``input_sets``: how many, for checking outputs; of a
    ``dataset`` its first samples are taken."""

    plugin: PluginRef
    request: ModelRequest
    cache: Path
    input_files: tuple[str, ...] = ()  # NAME=FILE, or FILE.npz
    preprocessing: str = ""
    input_sets: int = 4
    prompt_ids: tuple[int, ...] = ()
    prompts: str = ""  # a file of the user's
    dataset: DatasetAsk | None = None


class ConvertJob(Job, frozen=True, tag=True):
    """Make what the target opens out of an artifact that it only opens in another form."""

    plugin: PluginRef
    artifact: Artifact


class ForeseeJob(Job, frozen=True, tag=True):
    """Does the target take the artifact with these options, as far as it can tell without opening it?"""

    plugin: PluginRef
    artifact: Artifact
    device: str
    options: dict[str, str]


class CheckJob(Job, frozen=True, tag=True):
    """Untimed pass: where does it run, and what comes out? Outputs go to ``outputs-<i>.npz``.

    ``emulated``: an answer takes long, and memory says nothing. Of text: ``prompts`` are the user's own; ``forced``
    holds the ids (int64 [n]) whose logits are wanted, ``None``: those of the first prompt and what was generated after
    it. ``foreseen``: a ``ForeseeJob`` has asked the target already whether it takes the model.
    """

    plugin: PluginRef
    request: OpenRequest
    scenario: Scenario
    feeds: tuple[Path, ...]
    seed: int
    prompts: Path | None = None
    forced: Path | None = None
    emulated: bool = False
    foreseen: bool = False


class JudgeJob(Job, frozen=True, tag=True):
    """Untimed pass: how good are the answers on a dataset? Per-sample results go to ``results.npz``.

    ``model`` may bring a judge of its own. The samples are made for ``made_for``, which is another artifact than the
    request's where a float model stands in for it as the reference, or where the target opens a form of its own.
    ``windows``: of a language model, the ids that another run has cut the texts into. ``foreseen``: another pass has
    asked the target already whether it takes the model.
    """

    plugin: PluginRef
    request: OpenRequest
    dataset: DatasetAsk
    model: PluginRef
    made_for: Artifact
    windows: Path | None = None
    foreseen: bool = False


class RecallJob(Job, frozen=True, tag=True):
    """Untimed by the main loop, a pass of its own: is an input that was seen before answered faster than a new one?"""

    plugin: PluginRef
    request: OpenRequest
    scenario: Scenario
    feeds: Path | None
    seed: int


class CacheJob(Job, frozen=True, tag=True):
    """Untimed, a pass of its own: how much memory does a token take in the KV cache of a language model?"""

    plugin: PluginRef
    request: OpenRequest


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
    prompts: Path | None = None
    in_turns: bool = False  # with another job; see bench.process.turnstile
    player: PluginRef | None = None  # of a scenario that is a plugin's


AnyJob = ProbeJob | PrepareJob | ConvertJob | ForeseeJob | CheckJob | JudgeJob | RecallJob | CacheJob | MeasureJob


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


class Probed(TargetFacts, frozen=True, tag=True):
    """What the target said of itself."""


class Prepared(Event, frozen=True, tag=True):
    """``feeds[0]`` is what is timed. ``checks``: what outputs are compared on, from ``check_source``.
    ``dataset_samples``: how many seem to be there."""

    artifact: Artifact
    feeds: tuple[Path, ...]
    inputs: InputFacts | None
    checks: tuple[Path, ...] = ()
    check_source: str = ""
    dataset_samples: int = 0
    prompts: Path | None = None
    prompt_tokens: int | None = None  # of the longest of the user's prompts, at most


class Converted(Event, frozen=True, tag=True):
    artifact: Artifact


class Foreseen(Event, frozen=True, tag=True):
    """Nothing speaks against it."""


class TextChecked(Struct, frozen=True):
    """``prompt``: the first prompt's ids. ``forced``: the ids that were fed for their logits (int64 [n]); ``logits``:
    float32 [n, vocab_size] after each, ``None`` where the engine does not show them. ``comparable``: whether another
    engine can be held to the same tokens, which it cannot where this one put one of its own into the cache. ``whole``:
    whether ``forced`` is all that was in the cache, so that its logits are those behind the tokens; not so at a depth,
    or of a longer text than is kept."""

    prompt: tuple[int, ...]
    forced: Path
    logits: Path | None
    comparable: bool = True
    whole: bool = True


class Checked(Event, frozen=True, tag=True):
    facts: SessionFacts
    placement: Placement | None
    outputs: tuple[Path, ...]
    token_ids: tuple[int, ...] = ()
    text: TextChecked | None = None
    determinism: Determinism | None = None


class Judged(Event, frozen=True, tag=True):
    """``artifact_sha256`` was hashed anew from the files that were opened."""

    facts: SessionFacts
    dataset: DatasetFacts
    artifact_sha256: str
    metrics: tuple[JudgedMetric, ...]
    results: Path
    windows: Path | None = None


class Recalled(Event, frozen=True, tag=True):
    repeated_input: RepeatedInput


class CacheSeen(Event, frozen=True, tag=True):
    kv_cache: KvCache


class Measured(Event, frozen=True, tag=True):
    """``runtime_ns``: time spent importing, loading or running the runtime; the rest of the repeat is the harness'."""

    repeat: Repeat
    facts: SessionFacts
    runtime_ns: int
    cpu_seconds: float
    token_ids: tuple[int, ...] = ()
    lanes: int | None = None


LastWord = Failed | Probed | Prepared | Converted | Foreseen | Checked | Judged | Recalled | CacheSeen | Measured
AnyEvent = PhaseBegan | TurnWanted | LastWord


def _encode_path(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value).__name__)


def _decode_path(kind: type[Any], value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind.__name__)


def encode(message: AnyJob | AnyEvent) -> bytes:
    """One line of JSON, without the newline. Text that is no Unicode, as a runtime's message about a file of another
    encoding, has ``?`` in its stead."""
    try:
        return msgspec.json.encode(message, enc_hook=_encode_path)
    except UnicodeEncodeError:
        return msgspec.json.encode(_unicode(msgspec.to_builtins(message, enc_hook=_encode_path)))


def _unicode(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_unicode(key): _unicode(item) for key, item in value.items()}
    return [_unicode(item) for item in value] if isinstance(value, list | tuple) else value


def decode_job(data: bytes) -> AnyJob:
    job: AnyJob = msgspec.json.decode(data, type=AnyJob, dec_hook=_decode_path)
    return job


def decode_event(data: bytes) -> AnyEvent:
    """Raises ``ValueError`` for what is no event."""
    try:
        event: AnyEvent = msgspec.json.decode(data, type=AnyEvent, dec_hook=_decode_path)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return event


Announce = Callable[[str], None]
