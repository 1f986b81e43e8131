"""What a worker does for each kind of job. Called in a fresh process; imports the runtime only through the target."""

import traceback
from collections.abc import Callable

import msgspec

from bench.contracts import Target
from bench.errors import InputError, OdbError, RunFailure
from bench.jobs import (
    Announce,
    AnyJob,
    CacheJob,
    CacheSeen,
    Checked,
    CheckJob,
    Converted,
    ConvertJob,
    Failed,
    ForeseeJob,
    Foreseen,
    Judged,
    JudgeJob,
    Measured,
    MeasureJob,
    Prepared,
    PrepareJob,
    Probed,
    ProbeJob,
    Recalled,
    RecallJob,
)
from bench.measure.phases import untimed
from bench.plugins import load
from bench.record.record import Failure
from bench.suite.untrusted import safe_options

TakeTurn = Callable[[bool], bool]
"""Ends the worker's turn, waits for the next, and says whether to measure on; told whether enough was measured."""

MEMORY_WORDS = ("bad_alloc", "bad allocation", "Failed to allocate memory")
"""How native runtimes say through Python that memory has run out."""


def play(
    job: AnyJob, announce: Announce, process_start_ns: int, take_turn: TakeTurn
) -> Probed | Prepared | Converted | Foreseen | Checked | Judged | Recalled | CacheSeen | Measured:
    """Do the job. Raises ``OdbError`` for what a person can put right; anything else is a runtime's error or a
    defect."""
    match job:
        case ProbeJob():
            return probe(job)
        case PrepareJob():
            from bench.passes.prepare import prepare

            announce("prepare")
            return prepare(job)
        case ConvertJob():
            from bench.passes.prepare import convert

            announce("convert")
            return convert(job)
        case ForeseeJob():
            load(job.plugin).check(job.artifact, job.device, job.options)
            return Foreseen()
        case CheckJob():
            from bench.passes.check import check

            return check(job, announce)
        case JudgeJob():
            from bench.quality.judging import judge
            from bench.quality.texts import judge_texts

            return (judge if job.made_for.task == "tensor" else judge_texts)(job, announce)
        case RecallJob():
            from bench.passes.cached_results import repeat_inputs

            return repeat_inputs(job, announce)
        case CacheJob():
            return observe_cache(job, announce)
        case MeasureJob():
            from bench.measure.repeat import measure

            return measure(job, announce, process_start_ns, take_turn)


def failure_of(error: BaseException, phase: str) -> Failed:
    """The event that tells the parent of ``error``. What nobody foresaw leaves its traceback in the log."""
    if isinstance(error, RunFailure):
        return Failed(Failure(error.phase or phase, error.kind, error.sentence, error.advice))
    if isinstance(error, InputError):
        return Failed(Failure(phase, "bad_input", error.sentence, error.advice))
    if isinstance(error, OdbError):
        return Failed(Failure(phase, "plugin_error", error.sentence, error.advice))
    traceback.print_exception(error)
    message = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
    if isinstance(error, MemoryError) or any(words in message for words in MEMORY_WORDS):
        remedy = "Use a smaller model, batch or precision."
        return Failed(Failure(phase, "out_of_memory", f"out of memory during {phase}: {message}", remedy))
    if phase == "prepare":
        return Failed(Failure(phase, "plugin_error", message, "The model's plugin broke; its traceback is in the log."))
    return Failed(Failure(phase, "runtime_error", message, "The run's log has the runtime's own words."))


def probe(job: ProbeJob) -> Probed:
    """Ask the target what it has. Imports its runtime."""
    from importlib.metadata import PackageNotFoundError, version

    target: Target = load(job.plugin)
    versions = {}
    for distribution in target.requires:
        try:
            versions[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    devices = tuple(target.devices())
    default = [d.name for d in devices if d.usable and d.default]
    named = [d for name in job.devices_with_options for d in ([name] if name else default)]
    options = {device: dict(target.options(device)) for device in named}
    safe = tuple(sorted(safe_options(job.plugin)))
    return Probed(devices, options, tuple(target.formats), tuple(target.tasks), versions, safe)


def observe_cache(job: CacheJob, announce: Announce) -> CacheSeen:
    """Open with memory taken as it is needed, and make the KV cache grow."""
    from bench.measure.generation import decoder_of
    from bench.measure.text_driver import open_text
    from bench.passes.kv_cache import longest_cache, memory_in_use, observe

    decoder = decoder_of(job.request)
    target: Target = load(job.plugin)
    room = longest_cache(decoder) + 2
    request = msgspec.structs.replace(job.request, exact_memory=True, prompt_tokens=1, decode_context=room)
    session = open_text(target, request, untimed(announce))
    announce("cache")
    return CacheSeen(observe(session, decoder, memory_in_use()))
