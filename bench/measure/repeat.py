"""One timed repeat, from a fresh process to its raw samples."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns, process_time
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.contracts import OpenRequest, Session, Tensors, TensorSession, TokenSession
from bench.errors import RunFailure
from bench.jobs import Measured, MeasureJob, SessionFacts
from bench.measure.alternating import steady_in_turns
from bench.measure.energy import EnergyMeter, power_seconds, sample_power
from bench.measure.frequency import CoreClocks
from bench.measure.loop import (
    Timeline,
    loop_overhead_ns,
    quiet_interpreter,
    steady_state,
    time_generations,
    time_queries,
    warm_up,
)
from bench.measure.memory import MemoryProbe
from bench.measure.offline import run_offline
from bench.measure.phases import PhaseRecorder
from bench.measure.stopping import asks_convergence, converged
from bench.plugins import load
from bench.record import Repeat, RepeatEnergy, SampleArrays, StoppingRule, Warmup

PROMPTS = 64
"""Distinct seeded prompts that a repeat cycles through, so that neighbouring queries are never the same."""

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Steady(Struct, frozen=True):
    """What one scenario measured. ``arrays``: role -> int64 nanoseconds, as in ``record.SampleArrays``."""

    arrays: "dict[str, Array]"
    warmup: Warmup
    duration_ns: int
    converged: bool | None
    energy: RepeatEnergy
    token_ids: tuple[int, ...] = ()
    lanes: int | None = None


class Watched(Struct, frozen=True):
    """What is read around the steady state, and how its turns are taken where it has any."""

    meter: EnergyMeter
    clocks: CoreClocks
    take_turn: Callable[[bool], bool] | None


def measure(
    job: MeasureJob, announce: Callable[[str], None], process_start_ns: int, take_turn: Callable[[bool], bool]
) -> Measured:
    """Play the repeat: cold start by phases, warm-up, steady state, then whatever would have disturbed them.

    numpy is imported after the session is open: what a runtime imports is part of its own cold start. A job in turns
    works only while it holds one.
    """
    if job.in_turns:
        take_turn(False)
    sensors = {ref.name: load(ref) for ref in job.sensors}
    clocks = CoreClocks(job.root)
    meter = EnergyMeter(sensors, job.channels, job.root, job.idle_watts)
    watched = Watched(meter, clocks, take_turn if job.in_turns else None)
    memory = MemoryProbe()
    recorder = PhaseRecorder(memory, announce)
    target = load(job.plugin)

    at_start = memory.read(False)
    session = target.open(job.request, recorder)

    import numpy as np

    from bench.measure.feeds import load_feeds

    feeds = load_feeds(job.feeds) if job.feeds is not None else {}
    begin_ns = perf_counter_ns()
    with quiet_interpreter():
        call, steady = _play(job, session, feeds, recorder, memory, watched, announce)
    announce("after")
    seconds = 0.0 if job.scenario.name == "offline" else power_seconds(job.channels)
    power = sample_power(call, sensors, job.channels, job.root, seconds, job.idle_watts) if seconds else None
    ran_ns = perf_counter_ns() - begin_ns - recorder.duration_ns["first_inference"]

    np.savez(job.folder / "samples.npz", allow_pickle=False, **steady.arrays)
    facts = session_facts(session)
    repeat = Repeat(
        phases_ns=recorder.phases(process_start_ns),
        compile_cache=facts.compile_cache,
        warmup=steady.warmup,
        memory_bytes={"start": at_start, **recorder.memory},
        energy=steady.energy,
        power_pass=power,
        samples=SampleArrays(len(steady.arrays["latency_ns"]), {role: role for role in steady.arrays}),
        duration_ns=steady.duration_ns,
        converged=steady.converged,
        loop_overhead_ns=loop_overhead_ns(),
        frequency_mhz=tuple(clocks.readings_mhz),
    )
    runtime_ns = sum(recorder.duration_ns.values()) + ran_ns
    return Measured(repeat, facts, runtime_ns, process_time(), steady.token_ids, steady.lanes)


def session_facts(session: Session) -> SessionFacts:
    """What the session says of itself, now that it has run."""
    return SessionFacts(
        dict(session.effective_options()),
        session.device_name(),
        session.executed_precision(),
        session.compile_cache(),
    )


def prompts(request: OpenRequest, seed: int) -> "Iterator[Array]":
    """Endless seeded prompts, int64 [prompt_tokens]; the first is the same in every process of the same seed."""
    decoder = request.artifact.decoder
    if decoder is None:
        raise RunFailure(
            "plugin_error", f"{request.artifact.model_id} is not a language model, but its session decodes"
        )
    import numpy as np

    rng = np.random.default_rng(seed)
    ids = rng.integers(1, decoder.vocab_size, size=(PROMPTS, request.prompt_tokens), dtype=np.int64)
    while True:
        yield from ids


def distinct_prompts(request: OpenRequest, seed: int) -> "Iterator[Array]":
    """Prompts that never come twice, and none of which ``prompts`` is likely to give."""
    import numpy as np

    vocab = request.artifact.decoder.vocab_size if request.artifact.decoder is not None else 2
    rng, seen = np.random.default_rng([seed, PROMPTS]), set[bytes]()
    for _ in range(1_000):
        prompt = rng.integers(1, vocab, size=request.prompt_tokens, dtype=np.int64)
        if prompt.tobytes() not in seen:
            seen.add(prompt.tobytes())
            yield prompt


def _play(
    job: MeasureJob,
    session: TensorSession | TokenSession,
    feeds: Tensors,
    recorder: PhaseRecorder,
    memory: MemoryProbe,
    watched: Watched,
    announce: Callable[[str], None],
) -> tuple[Callable[[], None], Steady]:
    """First inference, then the scenario. Returns one query as a call, and what was measured."""

    @contextmanager
    def steady_phase() -> Iterator[None]:
        announce("steady")  # said before the warm-up, so that nobody wakes up while queries are timed
        fresh = memory.reset_peak()
        yield
        recorder.memory["steady"] = memory.read(fresh)

    if isinstance(session, TokenSession):
        return _play_generation(job, session, recorder, steady_phase, watched)
    call = session.bind(feeds)
    with recorder("first_inference"):
        call()
    if job.scenario.name == "offline":
        lanes = session.bind_parallel(feeds, job.scenario.lanes)
        with steady_phase():
            return call, _play_offline(job.rule, lanes, watched)

    def run(count: int, timeline: Timeline) -> None:
        time_queries(call, count, timeline)

    with steady_phase():
        return call, _play_single_stream(run, job.rule, watched)


def _play_single_stream(run: Callable[[int, Timeline], None], rule: StoppingRule, watched: Watched) -> Steady:
    import numpy as np

    warm, was_steady = warm_up(run, rule)
    blocks = None
    watched.meter.start()
    begin_ns = perf_counter_ns()
    if watched.take_turn is None:
        steady = steady_state(run, rule, look=watched.clocks.look)
        duration_ns = perf_counter_ns() - begin_ns
    else:
        pace_ns = float(np.median(warm.latency_ns()))
        steady, blocks, duration_ns = steady_in_turns(run, rule, watched.take_turn, pace_ns, watched.clocks.look)
    energy = watched.meter.stop(len(steady.done_ns))
    if blocks is not None:  # the window held the other's turns too
        energy = msgspec.structs.replace(energy, duration_ns=duration_ns)
    latency_ns = steady.latency_ns()
    arrays = {
        "latency_ns": latency_ns,
        "start_ns": np.array(steady.issued_ns, np.int64) - steady.issued_ns[0],
        "warmup_latency_ns": warm.latency_ns(),
    }
    if blocks is not None:
        arrays["block_queries"] = np.array(blocks, np.int64)
    if steady.token_ns:
        issued = np.array(steady.issued_ns, np.int64)
        arrays["token_ns"] = np.array(steady.token_ns, np.int64).reshape(len(issued), -1) - issued[:, None]
    sure = converged(latency_ns, rule) if asks_convergence(rule) else None
    return Steady(arrays, _warmup(warm, was_steady), duration_ns, sure, energy)


def _play_generation(
    job: MeasureJob,
    session: TokenSession,
    recorder: PhaseRecorder,
    steady_phase: Callable[[], Any],
    watched: Watched,
) -> tuple[Callable[[], None], Steady]:
    if job.scenario.name == "offline":
        raise RunFailure(
            "unsupported_scenario",
            "scenario offline is not defined for text generation",
            "Measure it with single-stream.",
            "plan",
        )
    endless, tokens = prompts(job.request, job.seed), job.scenario.generate_tokens or 1
    first = next(endless)
    session.reset()
    with recorder("first_inference"):
        ids = [session.prefill(first)]
    ids += [session.decode() for _ in range(tokens - 1)]

    def run(count: int, timeline: Timeline) -> None:
        time_generations(session, endless, tokens, count, timeline)

    with steady_phase():
        steady = _play_single_stream(run, job.rule, watched)
    return (lambda: run(1, Timeline())), msgspec.structs.replace(steady, token_ids=tuple(ids))


def _play_offline(rule: StoppingRule, lanes: Any, watched: Watched) -> Steady:
    import numpy as np

    meter, energies = watched.meter, list[RepeatEnergy]()

    def closed() -> None:
        energies.append(meter.stop(0))
        watched.clocks.look()

    seen = run_offline(lanes, rule, opened=meter.start, closed=closed)
    if not len(seen.timeline.done_ns):
        raise RunFailure("timeout", "no query completed inside the offline window", "Use a longer preset.", "steady")
    arrays = {
        "latency_ns": seen.timeline.latency_ns(),
        "start_ns": np.array(seen.timeline.issued_ns, np.int64) - seen.opened_ns,
        "warmup_latency_ns": seen.warmup.latency_ns(),
    }
    energy = msgspec.structs.replace(energies[0], queries=len(seen.timeline.done_ns))
    warm = _warmup(seen.warmup, len(seen.warmup.done_ns) >= len(lanes))
    return Steady(arrays, warm, seen.duration_ns, seen.converged(rule.precision), energy, lanes=len(lanes))


def _warmup(timeline: Timeline, steady: bool) -> Warmup:
    if not timeline.done_ns:
        return Warmup(0, 0, steady)
    return Warmup(len(timeline.done_ns), max(timeline.done_ns) - min(timeline.issued_ns), steady)
