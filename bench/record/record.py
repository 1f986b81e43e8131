"""The record: the results of one run (model × target × scenario), with the evidence for them.

``record.json`` contains this struct, ``samples.npz`` next to it the raw samples. Everything in ``summary`` and
``verdict`` can be recomputed from the samples. Field names are the contract with users' scripts: times ``_ns`` (int),
sizes ``_bytes`` (int), energy ``_joules``; what was not measured is null, never 0.

Schema history
    1   first version
    2   adds depth and compile cache of a scenario, KV cache and agreement of text generation, quality on a dataset;
        figures of a reason, clocks of a repeat, the checks of one input run again, alternation, variance,
        record_sha256; the rule for the number of repeats, why it ended, and repeats set aside; what was asked, as data
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from bench.contracts import CompileCache, Scenario
from bench.record.asked import Asked
from bench.record.energy import JoinedMeter, RepeatEnergy, Trace
from bench.record.evidence import Alternation, Determinism, RepeatedInput, RepeatRule, RepeatsEnded
from bench.record.inputs import InputFacts, PipelineFacts, PlannedModel
from bench.record.memory import MemoryPoint
from bench.record.operators import OperatorProfile
from bench.record.part import Correction, Part
from bench.record.quality import Quality
from bench.record.runner import FleetDevice, OtherTool
from bench.record.summary import Summary
from bench.words import Sentence

if TYPE_CHECKING:
    import numpy as np

SCHEMA_VERSION = 2

Scalar = str | int | float | bool | None


class Failure(Part, frozen=True):
    """Why a run has no numbers. ``kind`` is one of ``bench.errors.RunFailure``'s; ``phase`` is where it happened.
    ``sentence`` (``message`` in the file) says what happened, ``advice`` (``remedy``) what to do: a code and figures,
    or text of a plugin or an older record. ``message`` and ``remedy`` are the words in the language that is spoken."""

    phase: str
    kind: str
    sentence: Sentence | str = field(name="message")
    advice: Sentence | str = field(name="remedy")

    @property
    def message(self) -> str:
        return str(self.sentence)

    @property
    def remedy(self) -> str:
        return str(self.advice)


class Tool(Part, frozen=True):
    """``rules``: a digest of the rules that summary and verdict were computed by; see ``bench.analysis.rules``."""

    name: str
    version: str
    rules: str = ""


class PlannedTarget(Part, frozen=True):
    """What was executed, as reported: precision of the arithmetic, types of the inputs of convolutions and matrix
    products and of a KV cache. ``imported_by``: the runtime that read the model's source itself."""

    id: str
    plugin: str
    device: str
    device_name: Sentence | str | None = None
    emulated: bool = False
    options_requested: dict[str, str] = {}
    options_effective: dict[str, str] = {}
    executed_precision: str | None = None
    opened: "OpenedArtifact | None" = None
    executed_weights: str | None = None
    executed_activations: str | None = None
    executed_kv_cache: str | None = None
    imported_by: str | None = None


class OpenedArtifact(Part, frozen=True):
    """What the target opened instead of the model's own files: made from them by the target, before anything was
    timed."""

    format: str
    sha256: str
    size_bytes: int


class StoppingRule(Part, frozen=True):
    """When a repeat has measured enough; see ``bench.measure.stopping``.

    Warm-up ends when two successive windows of queries have medians within ``steady_tolerance`` of each other.
    Steady state ends when the interval of ``percentile`` is narrower than ``precision`` × its estimate, within bounds.
    """

    percentile: float
    precision: float
    min_queries: int
    max_queries: int
    min_duration_ns: int
    max_duration_ns: int
    warmup_min_queries: int
    warmup_max_duration_ns: int
    steady_tolerance: float


class PlanPart(Part, frozen=True):
    model: PlannedModel
    target: PlannedTarget
    scenario: Scenario
    preset: str
    rule: StoppingRule
    seed: int
    repeats: int
    command: str = ""
    strict_placement: bool = False
    inputs: InputFacts | None = None
    alternation: Alternation | None = None
    repeat_rule: RepeatRule | None = None  # null in records from before there was one: exactly ``repeats``
    asked: Asked | None = None  # null in records from before there was one
    pipeline: PipelineFacts | None = None  # null unless the queries passed through the stages of one

    @property
    def settings(self) -> Mapping[str, int | float | str]:
        """Those that were asked for (``bench.settings``), by their fields."""
        return {} if self.asked is None else self.asked.settings


class Environment(Part, frozen=True):
    """The machine, without user names, host names, paths or variables. Null: not readable here."""

    host: dict[str, Scalar] = {}  # cpu, cores_physical, cores_logical, memory_bytes, os, kernel, python …
    runtime: dict[str, str] = {}  # distribution -> version
    accelerator: dict[str, Sentence | str] = {}  # device -> its own name
    driver: dict[str, str] = {}
    power_source: str | None = None  # "ac", "battery"
    battery_percent: float | None = None
    governor: str | None = None
    frequency_mhz: dict[str, float] = {}  # min, max, current
    temperature_celsius: dict[str, float] = {}
    load: dict[str, float] = {}  # load_1min, cpu_busy_share before the run
    unavailable: dict[str, Sentence | str] = {}  # field -> reason


class Phases(Part, frozen=True):
    """Cold start, in order. ``process_start``: spawn to the worker's first statement; the harness', not the model's."""

    process_start: int | None = None
    runtime_import: int | None = None
    read: int | None = None
    compile: int | None = None
    first_inference: int | None = None


class Warmup(Part, frozen=True):
    """``steady``: whether the rule was met before ``warmup_max_duration_ns``."""

    queries: int
    duration_ns: int
    steady: bool


class SampleArrays(Part, frozen=True):
    """Which arrays of ``samples.npz`` belong to this repeat: role -> key. All int64, nanoseconds.

    ``latency_ns`` [n], ``start_ns`` [n] (since the first steady query), ``warmup_latency_ns`` [w]; for text generation
    also ``token_ns`` [n, generate_tokens]: the time of each token since its query was issued, −1 for one that never
    came; ``tokenized_token_ns``, the same with the tokenizer inside; ``prompt_tokens`` [n]; ``shared_tokens`` [n], as
    an earlier prompt began. In alternation also ``block_queries`` [blocks]: queries of each. Those three are not times.
    With points on an axis ``point`` [n], which each query belongs to; with fixed times ``due_ns`` [n], when it should
    have been issued, from which its latency counts. ``kept_every`` [1]: of so many queries one is here; absent for all.
    Offline also ``in_flight_latency_ns``, ``in_flight_start_ns``: queries that were running as the window closed.
    With an axis also ``point`` [n], the index of the point to which each query belongs, and where the player found the
    points ``axis_thousandths`` [points], their values in thousandths of the axis' unit.
    End to end also ``pass_ns`` [passes]: the latencies of each pass over all inputs together; ``stage_decode_ns``,
    ``stage_preprocess_ns``, ``stage_infer_ns``, ``stage_postprocess_ns`` [n]: they add up to ``latency_ns``;
    ``network_alone_ns`` [a]: the network with its inputs already bound; and of queries in a pipeline of threads
    ``overlapped_latency_ns``, ``overlapped_start_ns`` [o].
    An open loop counts latencies from ``due_ns`` [n], since its first query was due, as ``start_ns`` and
    ``dropped_ns`` [m] do; a search for a rate has all attempts in ``attempt_latency_ns`` [a], ``attempt_point`` [a].
    After idling also ``idle_ns`` [n], how long before each query nothing was asked, and ``idle_cpu_ns`` [n], the
    processor time of the process meanwhile; 0 of queries that followed at once.
    Of queries in rounds also ``round_ns`` [rounds], the latencies of each together, and ``round_start_ns``; of a
    conversation ``prefilled_tokens`` [n], which the turn computed before its first one; of users at once
    ``in_flight_token_ns``.
    """

    queries: int
    arrays: dict[str, str]


class Repeat(Part, frozen=True):
    phases_ns: Phases
    compile_cache: CompileCache | None = None
    warmup: Warmup | None = None
    memory_bytes: dict[str, MemoryPoint] = {}  # "start", one a phase, "ready", "steady"
    energy: RepeatEnergy | None = None
    power_pass: RepeatEnergy | None = None  # channels that read watts, sampled in a separate pass
    prefill_energy: RepeatEnergy | None = None  # text: a pass that generates one token a query
    samples: SampleArrays | None = None
    duration_ns: int | None = None
    converged: bool | None = None
    harness_ns: int | None = None  # wall time of the repeat not spent importing, loading or running the runtime
    loop_overhead_ns: int | None = None
    token_overhead_ns: int | None = None
    context_reused: bool | None = None  # text at a depth: all queries begin behind one context, computed before them
    cpu_busy_share: float | None = None  # of the whole machine by others during the repeat, 0..1
    frequency_mhz: tuple[float, ...] = ()  # of the fastest core, at each look between batches; empty: not readable
    traces: tuple[Trace, ...] = ()  # of a long run
    power_sources: tuple[str, ...] = ()  # "ac", "battery": each as it was found, in order; empty: not readable
    throttle_events: int | None = None  # that the system counted during the steady state; null: it counts none


class PlacementSummary(Part, frozen=True):
    """``nodes`` and ``macs`` by device; ``fallback`` lists what ran elsewhere than ``requested``, as ``op name``.
    ``macs`` is null when the executed nodes cannot be matched with the file's. ``remedies``: what would move those
    nodes to ``requested``, where the target knows it."""

    requested: str
    nodes: dict[str, int]
    macs: dict[str, int] | None = None
    fallback: tuple[str, ...] = ()
    source: str = ""
    remedies: tuple[Sentence | str, ...] = ()


class OutputFidelity(Part, frozen=True):
    """One output against the reference. ``cosine``, ``sqnr_db`` and ``max_abs_error`` are the worst of all checked
    inputs, ``…_quartile`` what three quarters of them reach; SQNR in dB, null when the error is zero. Agreement of
    scores: the fraction of rows whose best class in the reference is the one best measured, or among the five best.
    ``equal_fraction``: of labels, indices, flags and texts, over all inputs."""

    name: str
    cosine: float | None = None
    sqnr_db: float | None = None
    max_abs_error: float | None = None
    top1_agreement: float | None = None
    identical: bool = False
    cosine_quartile: float | None = None
    sqnr_db_quartile: float | None = None
    top5_agreement: float | None = None
    equal_fraction: float | None = None


class Fidelity(Part, frozen=True):
    """Outputs against ``reference`` on ``inputs`` inputs, which are ``seeded`` or come from a ``file``, an ``image`` or
    the ``dataset`` (``inputs_source``). ``token_prefix``: tokens equal before the first that differs, of
    ``tokens_compared``. ``ok`` by the threshold stated in ``rule``. Null values: not compared, see ``reason``.
    ``by_degree``: what differs is a less exact form of the reference, which made-up inputs may bring about; null where
    nothing does. ``float_reference``: the reference is another model, a float one; null where that is not known."""

    reference: str
    inputs: int = 0
    cosine_min: float | None = None
    sqnr_db_min: float | None = None
    top1_agreement: float | None = None
    token_prefix: int | None = None
    tokens_compared: int | None = None
    outputs: tuple[OutputFidelity, ...] = ()
    ok: bool | None = None
    rule: Sentence | str = ""
    reason: Sentence | str = ""
    inputs_source: str = ""
    top5_agreement: float | None = None
    by_degree: bool | None = None
    float_reference: bool | None = None


class Harness(Part, frozen=True):
    """p50 of a null session in the same loop and process, and of the gaps between two tokens of a null decoder."""

    loop_overhead_ns: int | None = None
    token_overhead_ns: int | None = None


class Reason(Part, frozen=True):
    """``code`` is stable (see ``bench.analysis.verdict.codes``); ``sentence`` (``message`` in the file) is one sentence
    for people, as a code and figures; ``advice`` (``remedy``) what to do. ``invalidates``: whether it makes the run
    invalid, or is only noted. ``figures``: what the sentence rests on, by name, for scripts; fractions are 0..1, times
    end in ``_ns``. ``message`` and ``remedy`` are the words in the language that is spoken."""

    code: str
    sentence: Sentence | str = field(name="message")
    advice: Sentence | str = field(default="", name="remedy")
    invalidates: bool = True
    figures: dict[str, float | int | str] = {}

    @property
    def message(self) -> str:
        return str(self.sentence)

    @property
    def remedy(self) -> str:
        return str(self.advice)


class Verdict(Part, frozen=True):
    valid: bool
    emulated: bool
    reasons: tuple[Reason, ...] = ()

    @property
    def invalidating(self) -> tuple[str, ...]:
        """The codes that make the run invalid."""
        return tuple(reason.code for reason in self.reasons if reason.invalidates)


class SamplesFile(Part, frozen=True):
    name: str
    sha256: str
    size_bytes: int


class Record(Part, frozen=True):
    schema_version: int
    record_id: str
    created_utc: str
    status: Literal["ok", "failed", "skipped"]
    tool: Tool
    plan: PlanPart
    environment: Environment
    failure: Failure | None = None
    repeats: tuple[Repeat, ...] = ()
    summary: Summary = field(default_factory=Summary)
    placement: PlacementSummary | None = None
    fidelity: Fidelity | None = None
    quality: Quality | None = None
    determinism: Determinism | None = None
    repeated_input: RepeatedInput | None = None
    harness: Harness = field(default_factory=Harness)
    verdict: Verdict | None = None
    samples_file: SamplesFile | None = None
    log_tail: tuple[str, ...] = ()  # last lines the runtime printed, with paths removed
    record_sha256: str | None = None  # of everything else in record.json; see bench.record.codec
    set_aside: tuple[Repeat, ...] = ()  # disturbed by other processes and measured again; in no figure
    repeats_ended: RepeatsEnded | None = None  # null where the run failed, and in older records
    operators: OperatorProfile | None = None  # null where it was not asked for
    other_tool: OtherTool | None = None  # null where this project's own loop measured
    meter: JoinedMeter | None = None  # null unless `odb power join` added one
    fleet: FleetDevice | None = None  # null where no fleet ordered the run

    @property
    def device(self) -> str:
        """The device of a rack that measured it; empty where none did."""
        return "" if self.fleet is None else self.fleet.device

    @property
    def every_repeat(self) -> tuple[Repeat, ...]:
        """Those that the figures are of, and those set aside."""
        return *self.repeats, *self.set_aside


class RecordedRun(Struct, frozen=True):
    """A record and its raw samples: key -> int64 array. ``folder``: which of several folders (submissions) it was read
    from; empty where there is one. ``corrections``: what its file stated otherwise."""

    record: Record
    samples: Mapping[str, "np.ndarray[Any, Any]"]
    folder: str = ""
    corrections: tuple[Correction, ...] = ()

    def arrays(self, role: str) -> "list[np.ndarray[Any, Any]]":
        """The arrays of ``role`` (``latency_ns``, ``warmup_latency_ns``, …), one a repeat that has it."""
        parts = [r.samples for r in self.record.repeats if r.samples is not None]
        return [self.samples[p.arrays[role]] for p in parts if p.arrays.get(role) in self.samples]
