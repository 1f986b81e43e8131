"""Compares times of repeated inputs with times of new ones, to find a cache that answers instead of the model.

It runs in a separate process. The mechanism does not depend on tensors or prompts: it gets inputs and a function that
makes a call from one of them.

All inputs are made before the first is timed. Every timed call follows the same steps: its input is set, the process
rests, the clock is read. If a new input were made just before its call, the runtime's threads would fall asleep before
new inputs only: on a busy machine the same input, repeated immediately, then took a third of the time without any
cache.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from time import perf_counter_ns, sleep
from typing import TypeVar

from msgspec.structs import replace

from bench.contracts import OpenRequest, Scenario, Target, Tensors, TensorSession
from bench.inputs.prompts import Query
from bench.inputs.tensor_files import feeds_sha256, load_feeds
from bench.jobs import Failed, Job, Runner, Worker
from bench.measure.generation import distinct_queries
from bench.measure.loop import Clock, quiet_interpreter
from bench.measure.phases import untimed
from bench.measure.text_driver import OpenedText, open_session
from bench.passes.evidence import Evidence, known
from bench.plugins import load
from bench.record.evidence import RepeatedInput
from bench.stats.speed_up import LEAST_ROUNDS
from bench.words import sentence

Input = TypeVar("Input")

ROUNDS = 16
BUDGET_NS = 2_000_000_000  # after which the minimum number of rounds is enough
PAUSE_S = 0.005  # longer than runtimes' threads wait for work before they sleep
INPUT_BYTES = 256 << 20  # of new inputs held at once
PROMPT_TOKENS = 512
"""Of a prompt at the most, unless a fixed graph takes more at once: an engine that finds a prompt again does so at any
length."""


class RecallJob(Job[RepeatedInput], frozen=True, kw_only=True):
    """Is an input that was seen before answered faster than a new one?"""

    request: OpenRequest
    scenario: Scenario
    feeds: Path | None
    seed: int

    def play(self, worker: Worker) -> RepeatedInput:
        """Open as the repeats do, and time inputs seen before against new ones."""
        target: Target = load(self.plugin)
        session = open_session(target, self.request, untimed(worker.announce))
        worker.announce("recall")
        if isinstance(session, OpenedText):
            fixed = session.prefill_tokens
            distinct = distinct_queries(self.request, self.scenario, self.seed, PROMPT_TOKENS, fixed)
            return recall_prompts(session, distinct)
        return recall_tensors(session, load_feeds(self.feeds) if self.feeds is not None else {})


def evidence(so_far: Evidence, jobs: Runner) -> Evidence:
    """Whether a cache answers. If this cannot be tried, the run is still measured. The pass is not run on an emulator,
    whose times are not meaningful."""
    run, prepared = so_far.run, known(so_far.prepared)
    if run.target.device.emulated:
        return so_far
    jobs.say(sentence("run.checking_cached_results"))
    job = RecallJob(
        run.target.plugin,
        request=known(so_far.opening).for_process(),
        scenario=known(so_far.scenario),
        feeds=prepared.feeds[0] if prepared.feeds else None,
        seed=run.seed,
    )
    found = jobs.attempt(job).answer
    if isinstance(found, Failed):
        found = RepeatedInput(reason=sentence("run.pass_failed", message=found.failure.sentence))
    return replace(so_far, repeated_input=found)


def recall(
    call_of: Callable[[Input], Callable[[], object]],
    known: Input,
    fresh: Iterable[Input],
    clock: Clock = perf_counter_ns,
    pause: Callable[[], None] = lambda: sleep(PAUSE_S),
) -> RepeatedInput:
    """Rounds of a new input, the same again at once, and ``known``, which has been seen twice before the first round;
    ``known`` comes before or after the other two, at random. ``call_of`` sets an input and returns what is timed.

    ``fresh`` yields new inputs; if it yields too few, that is the stated reason.
    """

    def time_one_ns(one: Input) -> int:
        call = call_of(one)
        pause()
        begin_ns = clock()
        call()
        return clock() - begin_ns

    made, lots = list(islice(fresh, ROUNDS)), Random(0)
    if len(made) < LEAST_ROUNDS:
        return RepeatedInput(reason=sentence("run.too_few_inputs"))
    rounds: list[tuple[int, int, int]] = []
    with quiet_interpreter():
        for _ in range(2):
            time_one_ns(known)
        start_ns = clock()
        for one in made:
            first = time_one_ns(known) if lots.random() < 0.5 else None
            pair = time_one_ns(one), time_one_ns(one)
            rounds.append((*pair, time_one_ns(known) if first is None else first))
            if len(rounds) >= LEAST_ROUNDS and clock() - start_ns > BUDGET_NS:
                break
    fresh_ns, again_ns, recalled_ns = zip(*rounds, strict=True)
    return RepeatedInput(fresh_ns, again_ns, recalled_ns)


def recall_tensors(session: TensorSession, feeds: Tensors, clock: Clock = perf_counter_ns) -> RepeatedInput:
    """New inputs are ``feeds`` with their values moved along, so that range and distribution stay; as many of them
    as 256 MiB hold."""
    size = sum(array.nbytes for array in feeds.values())
    made = islice(moved_along(feeds), max(LEAST_ROUNDS, INPUT_BYTES // max(1, size)))
    return recall(session.bind, feeds, made, clock)


def recall_prompts(session: OpenedText, queries: Iterator[Query], clock: Clock = perf_counter_ns) -> RepeatedInput:
    """Times to the first token, each from an empty cache: one that keeps prefixes shows here. ``queries``: all
    different, without a context."""

    def call_of(query: Query) -> Callable[[], object]:
        session.fill(query.context)
        return partial(session.first_token, query.prompt)

    return recall(call_of, next(queries), queries, clock)


def moved_along(feeds: Tensors) -> Iterator[Tensors]:
    """``feeds`` with the values of every tensor moved along by one, two, …; of tensors so short that they come round
    again, also shuffled. Each differs from all before it."""
    import numpy as np

    seen = {feeds_sha256(feeds)}
    rng = np.random.default_rng(0)
    for attempt in range(1, 8 * ROUNDS):
        if attempt < max((array.size for array in feeds.values()), default=0):
            moved = {name: np.roll(array.ravel(), attempt) for name, array in feeds.items()}
        else:
            moved = {name: rng.permutation(array.ravel()) for name, array in feeds.items()}
        moved = {name: array.reshape(feeds[name].shape) for name, array in moved.items()}
        digest = feeds_sha256(moved)
        if digest not in seen:
            seen.add(digest)
            yield moved
