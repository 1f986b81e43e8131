"""What a worker does for each kind of job. Called in a fresh process; imports the runtime only through the target."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.contracts import Artifact, ConvertingTarget, DecoderSpec, Phase, Target
from bench.errors import InputError, OdbError, RunFailure
from bench.jobs import (
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
    TextChecked,
)
from bench.plugins import load
from bench.record import Failure
from bench.record_evidence import Determinism
from bench.text_contracts import StreamSession, TokenSession
from bench.untrusted import safe_options

Announce = Callable[[str], None]
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
            announce("prepare")
            return prepare(job)
        case ConvertJob():
            announce("convert")
            return convert(job)
        case ForeseeJob():
            load(job.plugin).check(job.artifact, job.device, job.options)
            return Foreseen()
        case CheckJob():
            return check(job, announce)
        case JudgeJob():
            from bench.quality.judging import judge
            from bench.quality.texts import judge_texts

            return (judge if job.made_for.task == "tensor" else judge_texts)(job, announce)
        case RecallJob():
            return repeat_inputs(job, announce)
        case CacheJob():
            return observe_cache(job, announce)
        case MeasureJob():
            from bench.measure.repeat import measure

            return measure(job, announce, process_start_ns, take_turn)


def failure_of(error: BaseException, phase: str) -> Failed:
    """The event that tells the parent of ``error``. What nobody foresaw leaves its traceback in the log."""
    if isinstance(error, RunFailure):
        return Failed(Failure(error.phase or phase, error.kind, error.message, error.remedy))
    if isinstance(error, InputError):
        return Failed(Failure(phase, "bad_input", error.message, error.remedy))
    if isinstance(error, OdbError):
        return Failed(Failure(phase, "plugin_error", error.message, error.remedy))
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


def prepare(job: PrepareJob) -> Prepared:
    """Make the artifact; make its inputs, the user's own or seeded, one file a set."""
    artifact = load(job.plugin).prepare(job.request, job.cache)
    if artifact.decoder is not None:
        return _prepared_text(job, artifact, artifact.decoder)
    if job.prompt_ids or job.prompts:
        raise InputError(
            f"--prompt-ids, --prompts: do not apply to {artifact.model_id}, which generates no text",
            "Leave them out; --input gives a tensor model its inputs.",
        )
    from bench.measure.fed import prepared_tensors

    prepared = prepared_tensors(job, artifact)
    if job.dataset is None:
        return prepared
    from bench.quality.judging import first_samples

    checks, samples = first_samples(job, artifact)
    return msgspec.structs.replace(prepared, checks=checks, check_source="dataset", dataset_samples=samples)


def _prepared_text(job: PrepareJob, artifact: Artifact, decoder: DecoderSpec) -> Prepared:
    from bench.measure.prompts import check_ids, longest, prompt_facts, read_prompts, save_prompts
    from bench.quality.texts import text_files

    if job.input_files or (job.preprocessing and job.dataset is None):
        raise InputError(
            f"--input: does not apply to {artifact.model_id}, a decoder; its prompt is seeded",
            "Leave it out; --prompt-tokens sets the prompt's length, --prompt-ids and --prompts give your own.",
        )
    texts = 0 if job.dataset is None else len(text_files(job.dataset.folder))
    if job.dataset is not None and job.dataset.options:
        raise InputError("--dataset-options: do not apply to the texts of a language model", "Leave them out.")
    prompts = read_prompts(job.prompt_ids, job.prompts, artifact.model_id)
    if not prompts:
        return Prepared(artifact, (), None, dataset_samples=texts)
    check_ids(prompts, decoder)
    path = job.folder / "prompts.json"
    save_prompts(path, prompts)
    return Prepared(artifact, (), prompt_facts(prompts), (), "", texts, path, longest(prompts))


def convert(job: ConvertJob) -> Converted:
    """What the target opens instead of the artifact; the artifact itself where it needs nothing else."""
    target: Target = load(job.plugin)
    if not isinstance(target, ConvertingTarget):
        return Converted(job.artifact)
    folder = job.folder / "converted"
    folder.mkdir()
    return Converted(target.convert(job.artifact, folder))


def check(job: CheckJob, announce: Announce) -> Checked:
    """Untimed: open with inspection on, run every input set once and the first twice, keep what came out."""
    from bench.measure.determinism import compare_tensors
    from bench.measure.feeds import load_feeds, save_feeds
    from bench.measure.repeat import session_facts
    from bench.measure.text_check import check_text

    target: Target = load(job.plugin)
    target.check(job.request.artifact, job.request.device, job.request.options)
    session = target.open(msgspec.structs.replace(job.request, inspect=True), untimed(announce))
    announce("check")
    outputs: list[Path] = []
    token_ids: tuple[int, ...] = ()
    text: TextChecked | None = None
    determinism: Determinism | None = None
    if isinstance(session, TokenSession | StreamSession):
        token_ids, text, determinism = check_text(session, job)
    else:
        for index, path in enumerate(job.feeds):
            session.bind(load_feeds(path))()
            outputs.append(job.folder / f"outputs-{index}.npz")
            save_feeds(outputs[-1], session.results())
        if outputs:
            session.bind(load_feeds(job.feeds[0]))()
            found = compare_tensors(load_feeds(outputs[0]), session.results(), session.executed_precision())
            determinism = msgspec.structs.replace(found, draws=job.request.artifact.facts.draws)
    facts = session_facts(session)
    return Checked(facts, dict(session.versions()), session.placement(), tuple(outputs), token_ids, text, determinism)


def repeat_inputs(job: RecallJob, announce: Announce) -> Recalled:
    """Open as the repeats do, and time inputs seen before against new ones."""
    from bench.measure.feeds import load_feeds
    from bench.measure.generation import distinct_queries
    from bench.measure.recall import recall_prompts, recall_tensors

    target: Target = load(job.plugin)
    session = target.open(job.request, untimed(announce))
    announce("recall")
    if isinstance(session, TokenSession | StreamSession):
        return Recalled(recall_prompts(session, distinct_queries(job.request, job.scenario, job.seed)))
    return Recalled(recall_tensors(session, load_feeds(job.feeds) if job.feeds is not None else {}))


def observe_cache(job: CacheJob, announce: Announce) -> CacheSeen:
    """Open with memory taken as it is needed, and make the KV cache grow."""
    from bench.measure.generation import decoder_of
    from bench.measure.kv_cache import longest_cache, memory_in_use, observe

    decoder = decoder_of(job.request)
    target: Target = load(job.plugin)
    room = longest_cache(decoder) + 2
    request = msgspec.structs.replace(job.request, exact_memory=True, prompt_tokens=1, decode_context=room)
    session = target.open(request, untimed(announce))
    announce("cache")
    if not isinstance(session, TokenSession | StreamSession):
        raise RunFailure("plugin_error", "the session of a language model generates no text")
    return CacheSeen(observe(session, decoder, memory_in_use()))


def untimed(announce: Announce) -> Phase:
    @contextmanager
    def phase(name: str) -> Iterator[None]:
        announce(name)
        yield

    return phase
