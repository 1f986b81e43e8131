"""The pass that profiles: how long each operator takes, in a process that does nothing else. A second process makes the
same calls without profiling, which shows how much profiling slowed them. Neither is timed for the record's figures.

A call is one inference; of a language model one prompt (``prefill``), or one token after it (``decode``). All calls are
made one after another, and the model is opened for latency, whatever the scenario.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import OpenRequest, ProfilingSession, Scenario, Target, Tensors, TensorSession, TokenSession
from bench.contracts.answers import profiles_of
from bench.inputs.prompts import Query, encoded, load_prompts, queries
from bench.inputs.tensor_files import load_feeds
from bench.jobs import Failed, Job, Runner, Worker
from bench.measure.generation import decoder_of, lengths
from bench.measure.phases import untimed
from bench.measure.text_driver import OpenedText
from bench.passes.evidence import Evidence, known
from bench.passes.operators import of_calls, part_of
from bench.plugins import load
from bench.record.operators import OperatorPart, OperatorProfile
from bench.words import sentence

INFERENCE, PREFILL, DECODE = "inference", "prefill", "decode"


class Amount(Struct, frozen=True):
    """How many calls: at least ``fewest``, and more until ``most`` or ``budget_ns``, after ``warm_up`` of them."""

    warm_up: int
    fewest: int
    most: int
    budget_ns: int


MEASURED = Amount(warm_up=5, fewest=5, most=100, budget_ns=2_000_000_000)
EMULATED = Amount(warm_up=0, fewest=1, most=1, budget_ns=0)
"""Of an emulator only the names and the share of work are of use."""


class Played(Struct, frozen=True):
    """``latencies_ns``: of each part's calls. ``offered``: whether the session reports operators; false of one that
    generates tokens by itself."""

    latencies_ns: dict[str, tuple[int, ...]] = {}
    parts: tuple[OperatorPart, ...] = ()
    source: str = ""
    offered: bool = True


class ProfileJob(Job[Played], frozen=True, kw_only=True):
    """How long does each operator take? ``profiled``: otherwise the same calls are made without asking.

    ``prompts``: the user's own, as ids.
    """

    request: OpenRequest
    scenario: Scenario
    feeds: Path | None
    seed: int
    prompts: Path | None = None
    emulated: bool = False
    profiled: bool = True

    def play(self, worker: Worker) -> Played:
        """Open for latency, warm up, make the calls of each part."""
        folder = worker.folder / "profile" if self.profiled else None
        if folder is not None:
            folder.mkdir()
        target: Target = load(self.plugin)
        session = target.open(replace(self.request, profile=folder, intent="latency"), untimed(worker.announce))
        worker.announce("profile")
        reporting = session if isinstance(session, ProfilingSession) else None
        if (self.profiled and reporting is None) or not isinstance(session, TensorSession | TokenSession):
            return Played(offered=False)
        marked: Callable[[str], None] = _ignored
        if self.profiled and reporting is not None:
            marked = reporting.profile_part
        calls = Calls(marked, EMULATED if self.emulated else MEASURED)
        if isinstance(session, TensorSession):
            calls.tensors(session, load_feeds(self.feeds) if self.feeds is not None else {})
        else:
            calls.text(session, self._query(), self.scenario.generate_tokens or 1)
        if not self.profiled or reporting is None:
            return Played(calls.latencies_ns)
        return self._told(calls.latencies_ns, reporting)

    def _query(self) -> Query:
        """The first query that the repeats ask, too."""
        decoder = decoder_of(self.request)
        given = encoded(load_prompts(self.prompts), decoder, None)
        return next(queries(given, decoder, lengths(self.request, self.scenario), self.seed))

    def _told(self, latencies_ns: dict[str, tuple[int, ...]], session: ProfilingSession) -> Played:
        told, macs = profiles_of(session), self.request.artifact.facts.node_macs
        if self.request.artifact.decoder is not None:
            macs = {}  # the file's are of another number of tokens
        parts = [
            part_of(name, told[name], each, macs, self.emulated) for name, each in latencies_ns.items() if name in told
        ]
        return Played(latencies_ns, tuple(parts), next((one.source for one in told.values()), ""))


class Calls:
    """Makes calls and times each. ``marked`` is told the part before its calls, and "" before others."""

    def __init__(
        self, marked: Callable[[str], None], amount: Amount, clock: Callable[[], int] = perf_counter_ns
    ) -> None:
        self._marked, self._amount, self._clock = marked, amount, clock
        self.latencies_ns: dict[str, tuple[int, ...]] = {}

    def tensors(self, session: TensorSession, feeds: Tensors) -> None:
        """Inferences of one input."""
        call = session.bind(feeds)
        for _ in range(self._amount.warm_up):
            call()
        self._marked(INFERENCE)
        self._repeated(INFERENCE, lambda: self._timed(INFERENCE, call))
        self._marked("")

    def text(self, session: TokenSession, asked: Query, tokens: int) -> None:
        """The prompt, then the tokens after it, each again and again behind the same context."""
        generator = OpenedText(session, prompt_tokens=len(asked.prompt))
        if self._amount.warm_up:
            generator.fill(asked.context)
            session.prefill(asked.prompt)
            for _ in range(min(tokens - 1, self._amount.warm_up)):
                session.decode()
        self._repeated(PREFILL, lambda: self._prompt(session, asked, generator))
        if tokens > 1:
            self._repeated(DECODE, lambda: self._tokens(session, asked, tokens - 1, generator))

    def _prompt(self, session: TokenSession, asked: Query, generator: OpenedText) -> None:
        generator.fill(asked.context)
        self._marked(PREFILL)
        self._timed(PREFILL, lambda: session.prefill(asked.prompt))
        self._marked("")

    def _tokens(self, session: TokenSession, asked: Query, tokens: int, generator: OpenedText) -> None:
        generator.fill(asked.context)
        session.prefill(asked.prompt)
        self._marked(DECODE)
        for _ in range(tokens if self._amount.warm_up else 1):
            self._timed(DECODE, session.decode)
        self._marked("")

    def _timed(self, part: str, call: Callable[[], object]) -> None:
        begin = self._clock()
        call()
        self.latencies_ns[part] = (*self.latencies_ns.get(part, ()), self._clock() - begin)

    def _repeated(self, part: str, once: Callable[[], None]) -> None:
        """``once`` as often as the amount says, counted by the calls that it makes."""
        begin, amount = self._clock(), self._amount
        while True:
            once()
            made = len(self.latencies_ns.get(part, ()))
            if made >= amount.most or (made >= amount.fewest and self._clock() - begin >= amount.budget_ns):
                return


def evidence(so_far: Evidence, jobs: Runner) -> Evidence:
    """The operators, where they are asked for. If they cannot be had, the run is still measured, and the reason is
    stated."""
    if not so_far.run.profile:
        return so_far
    jobs.say(sentence("run.profiling_operators"))
    job = _job(so_far)
    played = jobs.attempt(job).answer
    if isinstance(played, Failed):
        failure = played.failure
        reason = sentence("run.profile_failed", message=failure.sentence, remedy=failure.advice)
        return replace(so_far, operators=OperatorProfile(reason=reason))
    if not played.offered or not played.parts:
        told = sentence("run.no_operators", target=so_far.run.target.id)
        return replace(so_far, operators=OperatorProfile(reason=told))
    return replace(so_far, operators=OperatorProfile(played.source, _beside(played, job, jobs)))


def _job(so_far: Evidence) -> ProfileJob:
    run, prepared = so_far.run, known(so_far.prepared)
    text = known(so_far.checked).text
    return ProfileJob(
        run.target.plugin,
        request=known(so_far.opening).request,
        scenario=known(so_far.scenario),
        feeds=prepared.feeds[0] if prepared.feeds else None,
        seed=run.seed,
        prompts=text.prompts if text is not None else None,
        emulated=run.target.device.emulated,
    )


def _beside(played: Played, job: ProfileJob, jobs: Runner) -> tuple[OperatorPart, ...]:
    """The parts, with the time of the same calls without profiling."""
    if job.emulated:
        return played.parts
    plain = jobs.attempt(replace(job, profiled=False)).answer
    if isinstance(plain, Failed):
        return played.parts
    return tuple(
        replace(part, plain_ns=of_calls(plain.latencies_ns.get(part.part, ()), part.statistic)) for part in played.parts
    )


def _ignored(part: str) -> None:
    pass
