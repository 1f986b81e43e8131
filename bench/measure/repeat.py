"""One timed repeat, from a fresh process to its raw samples."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter_ns, process_time

from msgspec import Struct, field

from bench.contracts import Channel, OpenRequest, Scenario, Sensor, SessionFacts, Tensors, TensorSession
from bench.errors import PluginError
from bench.inputs.tensor_files import load_feeds
from bench.jobs import Announce, Job, Worker, answer_of
from bench.machine.channels import power_seconds
from bench.machine.clocks import CoreClocks
from bench.machine.throttling import throttle_count, throttled_since
from bench.machine.trace_log import TraceLog
from bench.machine.traces import Traces
from bench.measure.energy import EnergyMeter, sample_power
from bench.measure.generation import Generation, play_generation
from bench.measure.long_run import Begun, LongRun, Observed, WatchedRun
from bench.measure.loop import loop_overhead_ns, quiet_interpreter, time_queries, token_overhead_ns
from bench.measure.memory import MemoryProbe
from bench.measure.own_memory import rehearse
from bench.measure.phases import PhaseRecorder
from bench.measure.players.table import player_of
from bench.measure.stage import Stage, Steady, Watched
from bench.measure.staged.queries import Staged
from bench.measure.text_driver import OpenedText, open_session
from bench.minutes.files import MinuteFiles
from bench.plugins import PluginRef, load
from bench.record.energy import RepeatEnergy
from bench.record.inputs import PipelineFacts
from bench.record.memory import MemoryPoint
from bench.record.record import Repeat, SampleArrays, StoppingRule, Warmup
from bench.scenarios.kinds import kind_of
from bench.words import sentence


class Measured(Struct, frozen=True, kw_only=True):
    """``samples``: the file with the raw samples, one array a role. ``runtime_ns``: time spent importing, loading or
    running the runtime; the rest of the repeat is the harness'."""

    repeat: Repeat
    samples: Path
    facts: SessionFacts
    runtime_ns: int
    cpu_seconds: float
    token_ids: tuple[int, ...] = ()
    lanes: int | None = None
    pipeline: PipelineFacts | None = None


StagedOf = Callable[[TensorSession | OpenedText], Staged]
"""Opens a pipeline around a session."""


class MeasureJob(Job[Measured], frozen=True, kw_only=True):
    """One timed repeat. ``root``: where sensors are looked for. ``prompts``: the user's own, as ids; where they were
    text, ``tokenizer`` is the model's ``tokenizer.json``, for a session without a tokenizer of its own. ``in_turns``:
    with another job; see ``bench.process.turnstile``. ``player``: of a scenario that is a plugin's. ``number``: of
    the repeat among those of its run, from 0. ``minutes``: where a long run keeps each minute
    as it ends."""

    request: OpenRequest
    scenario: Scenario
    rule: StoppingRule
    feeds: Path | None
    seed: int
    sensors: tuple[PluginRef, ...] = ()
    channels: tuple[Channel, ...] = ()
    idle_watts: dict[str, float] = field(default_factory=dict)
    root: Path = Path("/")
    prompts: Path | None = None
    in_turns: bool = False
    player: PluginRef | None = None
    tokenizer: Path | None = None
    number: int = 0
    minutes: Path | None = None

    def play(self, worker: Worker) -> Measured:
        """See ``measure``."""
        return measure(self, worker)


def measure(job: MeasureJob, worker: Worker, staged_of: StagedOf | None = None) -> Measured:
    """Run the repeat: cold start by phases, warm-up, steady state, then the passes that would have disturbed them.

    numpy is imported after the session is open, because imports of the runtime are part of its cold start. The harness
    allocates its memory before memory is read as ``ready``. A job in turns works only during its turns. ``staged_of``:
    opens the pipeline of a scenario that has one.
    """
    if job.in_turns:
        worker.take_turn(False)
    sensors = {ref.name: load(ref) for ref in job.sensors}
    clocks = CoreClocks(job.root)
    meter = EnergyMeter(sensors, job.channels, job.root, job.idle_watts)
    watched = Watched(meter, clocks, worker.take_turn if job.in_turns else None)
    memory = MemoryProbe()
    recorder = PhaseRecorder(memory, worker.announce)
    target = load(job.plugin)

    at_start = memory.read(False)
    session = open_session(target, job.request, recorder)

    import numpy as np

    feeds = load_feeds(job.feeds) if job.feeds is not None else {}
    rehearse(job.rule)
    begin_ns = perf_counter_ns()
    with quiet_interpreter():
        long = _long_run(job, worker, sensors, session, recorder, at_start)
        throttled = throttle_count(job.root)
        call, steady, pipeline = _play(job, session, feeds, recorder, memory, watched, worker.announce, staged_of, long)
        throttled = throttled_since(throttled, job.root)
    observed = long.observed()
    worker.announce("after")
    seconds = 0.0 if kind_of(job.scenario).overlapping else power_seconds(job.channels)
    power = sample_power(call, sensors, job.channels, job.root, seconds, job.idle_watts) if seconds else None
    ran_ns = perf_counter_ns() - begin_ns - recorder.duration_ns["first_inference"]

    samples = worker.folder / "samples.npz"
    np.savez(samples, allow_pickle=False, **steady.arrays)
    facts = session.facts()
    repeat = Repeat(
        phases_ns=recorder.phases(worker.process_start_ns),
        compile_cache=facts.compile_cache,
        warmup=steady.warmup,
        memory_bytes={"start": at_start, **recorder.memory},
        energy=steady.energy,
        power_pass=power,
        samples=SampleArrays(len(steady.arrays["latency_ns"]), {role: role for role in steady.arrays}),
        duration_ns=steady.duration_ns,
        converged=steady.converged,
        loop_overhead_ns=loop_overhead_ns(),
        token_overhead_ns=token_overhead_ns() if "token_ns" in steady.arrays else None,
        prefill_energy=steady.prefill_energy,
        context_reused=steady.context_reused,
        frequency_mhz=tuple(clocks.readings_mhz),
        traces=observed.traces,
        power_sources=observed.power_sources or _source_now(job.root),
        throttle_events=throttled,
    )
    runtime_ns = sum(recorder.duration_ns.values()) + ran_ns
    return Measured(
        repeat=repeat,
        samples=samples,
        facts=facts,
        runtime_ns=runtime_ns,
        cpu_seconds=process_time(),
        token_ids=steady.token_ids,
        lanes=steady.lanes,
        pipeline=pipeline,
    )


def _source_now(root: Path) -> tuple[str, ...]:
    """What feeds the machine as the steady state ends."""
    found = Traces(root).look().power_source
    return () if found is None else (found,)


def _long_run(
    job: MeasureJob,
    worker: Worker,
    sensors: "dict[str, Sensor]",
    session: TensorSession | OpenedText,
    recorder: PhaseRecorder,
    at_start: MemoryPoint,
) -> LongRun:
    """What is done between the queries of a scenario that lasts; nothing in others."""
    if not kind_of(job.scenario).lasting:
        return LongRun()
    files = MinuteFiles(job.minutes) if job.minutes is not None else None
    facts, folder = session.facts(), worker.folder

    def keep(begun: Begun, observed: Observed) -> None:
        if files is None:
            return
        queries, duration_ns, was_steady = begun.warmup
        repeat = Repeat(
            phases_ns=recorder.phases(worker.process_start_ns),
            compile_cache=facts.compile_cache,
            warmup=Warmup(queries, duration_ns, was_steady),
            memory_bytes={"start": at_start, **recorder.memory},
            energy=RepeatEnergy(begun.queries, begun.duration_ns),
            duration_ns=begun.duration_ns,
            traces=observed.traces,
            power_sources=observed.power_sources,
        )
        runtime_ns = sum(recorder.duration_ns.values()) + begun.duration_ns
        measured = Measured(
            repeat=repeat,
            samples=folder / "samples.npz",
            facts=facts,
            runtime_ns=runtime_ns,
            cpu_seconds=process_time(),
        )
        files.keep(begun.arrays, repeat, answer_of(measured))

    return WatchedRun(TraceLog(job.root, sensors, job.channels), worker.said, keep)


def _play(
    job: MeasureJob,
    session: TensorSession | OpenedText,
    feeds: Tensors,
    recorder: PhaseRecorder,
    memory: MemoryProbe,
    watched: Watched,
    announce: Announce,
    staged_of: StagedOf | None,
    long: LongRun,
) -> tuple[Callable[[], None], Steady, PipelineFacts | None]:
    """First inference, then the scenario. Returns one query as a call, what was measured, and what the stages are."""

    @contextmanager
    def steady_phase() -> Iterator[None]:
        announce("steady")  # announced before the warm-up, so that the parent does not wake up while queries are timed
        fresh = memory.reset_peak()
        yield
        recorder.memory["steady"] = memory.read(fresh)

    player = player_of(job.scenario, job.player)
    if isinstance(session, OpenedText):
        asked = Generation(
            request=job.request,
            scenario=job.scenario,
            rule=job.rule,
            seed=job.seed,
            prompts=job.prompts,
            tokenizer=job.tokenizer,
        )
        return play_generation(asked, session, recorder, steady_phase, watched, player, long, staged_of)
    recorder.look("ready")
    call = session.bind(feeds)
    with recorder("first_inference"):
        call()
    staged = None if staged_of is None else staged_of(session)
    call = call if staged is None else staged.network
    stage = Stage(
        scenario=job.scenario,
        rule=job.rule,
        watched=watched,
        run=partial(time_queries, call),
        call=call,
        lanes=partial(session.bind_parallel, feeds),
        steady=steady_phase,
        staged=staged,
        seed=job.seed + job.number,
        long=long,
    )
    steady: object = player(stage)  # a plugin's may be anything
    if not isinstance(steady, Steady):
        kind = type(steady).__name__
        raise PluginError(sentence("measure.no_steady", kind=kind), sentence("measure.return_steady"))
    return (call, steady, None) if staged is None else (staged.in_turn(), steady, staged.facts)
