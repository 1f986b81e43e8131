"""A search of settings with everything around it but processes: what a heat measures is computed, time passes when
told."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from msgspec import Struct, field

from bench.comparison.comparison import Change, Word
from bench.contracts import Device, OpenRequest, Scenario, SessionFacts, Task, Tunable
from bench.execution.one_run import Gathering
from bench.execution.runner import Memo
from bench.execution.tuning.budget import Budget
from bench.execution.tuning.checking import Answered
from bench.execution.tuning.heats import Heat, Process
from bench.execution.tuning.journal import JOURNAL, Journal, journal_in
from bench.execution.tuning.opening import Opened
from bench.execution.tuning.question import Asked, measure_of
from bench.execution.tuning.tuner import TuneListener, Tuner
from bench.execution.workbench import Bench
from bench.inputs.prepared import Prepared
from bench.measure.repeat import MeasureJob
from bench.passes.evidence import Checked, Evidence
from bench.plugins import Catalog, PluginRef
from bench.record.inputs import InputFacts
from bench.record.record import Environment, Failure, Fidelity
from bench.suite.plan import ModelChoice, PlannedRun, TargetChoice
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.testing import FakeClock, fake_artifact
from bench.testing.records import RULE
from bench.tuning.result import Confirmation, Goal, Tuning
from bench.tuning.space import Space
from bench.words import Sentence, sentence

SECOND = 1_000_000_000
KNOBS_FILE = Path(__file__).parents[2] / "bench/execution/tuning/knobs.py"
KNOBS = PluginRef("targets", "knobs", str(KNOBS_FILE), "knobs.py", from_file=True)
WORTH = {("pace", "1"): 1.0, ("pace", "2"): 0.6, ("pace", "3"): 1.5, ("round", "1"): 0.5, ("turbo", "1"): 0.9}
OPTIONS = (
    Tunable(name="pace", values=("1", "2", "3")),
    Tunable(name="turbo", values=("1",), needs={"pace": "2"}),
    Tunable(name="round", values=("1",), changes_outputs=True),
)
CRASH, HANG = Tunable(name="crash", values=("1",)), Tunable(name="hang", values=("1",))
RIGHT = Fidelity("the reference", inputs=1, cosine_min=1.0, sqnr_db_min=80.0, ok=True)


class FakeGathering:
    """Gives the default's job, which nobody carries out."""

    def __init__(self, folder: Path) -> None:
        path = folder / "fake.onnx"
        path.write_bytes(b"fake\n")
        self.artifact = fake_artifact(path)

    def network_job(self, in_turns: bool = False) -> MeasureJob:
        request = OpenRequest(self.artifact, "cpu")
        return MeasureJob(KNOBS, request=request, scenario=Scenario(), rule=RULE, feeds=None, seed=0, in_turns=in_turns)

    def deadline_s(self) -> float:
        return 60.0


class Machine(Struct):
    """What the fakes share. ``heats``: the options of every job, by heat. ``interrupt_at``: the heat that an interrupt
    ends."""

    clock: FakeClock
    process_ns: int = SECOND
    heats: list[list[dict[str, str]]] = []
    checked: list[dict[str, str]] = []
    told: list[Sentence] = []
    interrupt_at: int | None = None
    watts: float | None = None
    in_turns: list[bool] = []
    confirmed: Word = "faster"
    claimed: bool = True
    worth: dict[tuple[str, str], float] = field(default_factory=lambda: dict(WORTH))

    def measure(
        self, jobs: Sequence[tuple[MeasureJob, Path]], task: Task, deadline_s: float, *, first: int, in_turns: bool
    ) -> Heat:
        """Each as its options say; where one hangs, all of the heat wait for it until the deadline."""
        options = [dict(job.request.options) for job, _ in jobs]
        self.in_turns.append(in_turns)
        if self.interrupt_at == len(self.heats):
            raise KeyboardInterrupt
        self.heats.append(options)
        hangs = any("hang" in one for one in options)
        took_ns = int(deadline_s * 1e9) if hangs else len(jobs) * self.process_ns
        self.clock.advance(took_ns)
        late = Failure("steady", "timeout", sentence("run.timed_out", deadline_s=deadline_s, phase="steady"), "")
        offline = jobs[0][0].scenario.name == "offline"
        found = tuple(late if hangs else self._process(one, offline) for one in options)
        return Heat(found, took_ns)

    def _process(self, options: Mapping[str, str], offline: bool) -> Process | Failure:
        if "crash" in options:
            return Failure("compile", "crashed", sentence("run.runtime_crashed", name="SIGSEGV", phase="compile"), "")
        latency = 2e6
        for change in options.items():
            latency *= self.worth.get(change, 1.0)
        figures = {
            **({} if self.watts is None else {"joules_per_inference": self.watts * latency / 1e9}),
            "latency_p50_ns": latency,
            "peak_rss_bytes": 1e8,
            "throughput_per_s": (2e9 if offline else 1e9) / latency,
        }
        return Process(figures, {})

    def answered(
        self, bench: Bench, run: PlannedRun, memo: Memo, say: Callable[[Sentence | str], None], default: Fidelity | None
    ) -> Answered:
        self.checked.append(run.target.options)
        self.clock.advance(self.process_ns)
        if "round" in run.target.options:
            return Answered(
                Fidelity("the reference", ok=False), wrong=sentence("tune.wrong_outputs", figures="", reference="")
            )
        return Answered(RIGHT)

    def confirm(self, *given: Any) -> Confirmation:
        ratio = {"faster": 0.5, "same": 1.0, "slower": 1.2}.get(self.confirmed, 0.97)
        title = sentence("metric.latency_p50_ns.title")
        values = (2e6, 2e6), (2e6 * ratio, 2e6 * ratio)
        change = Change(
            "latency_p50_ns",
            title,
            "ns",
            self.confirmed,
            2e6,
            2e6 * ratio,
            *values,
            ratio=ratio,
            interval=(ratio, ratio),
            claimed=self.claimed,
            message="" if self.claimed else "the machine was busy",
        )
        return Confirmation(change=change, pairs=5, records=("base/a", "new/b"))


class Told(TuneListener):
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def told(self, text: Sentence) -> None:
        self._machine.told.append(text)


def tuner_on(
    machine: Machine,
    folder: Path,
    options: Sequence[Tunable] = OPTIONS,
    budget_s: float = 600,
    seed: int = 0,
    goal: Goal = "latency",
    going_on: bool = False,
    inputs: InputFacts | None = None,
) -> Tuner:
    """A search of the space of ``options``, with the default prepared in 5 seconds. ``going_on``: with what an earlier
    one left in ``folder``. ``inputs``: what the model is fed."""
    gathering = FakeGathering(folder)
    suite = Suite(models=(ModelAsk("fake"),), targets=(TargetAsk("knobs:cpu"),), seed=seed)
    asked = Asked(
        suite=suite, goal=goal, budget_ns=int(budget_s * SECOND), tolerance=0.03, catalog=Catalog(()), cache=folder
    )
    model = ModelChoice(ModelAsk("fake"), PluginRef("models", "fake", "", ""), "tensor", ("onnx",))
    target = TargetChoice(KNOBS, Device("cpu", True), {}, ("onnx",), ("tensor",))
    run = PlannedRun(model, target, Scenario(), RULE, "quick", 6, seed)
    checked = Checked(
        SessionFacts(device_name="a fake", options_effective={}, versions={}, executed_precision="float32"), None, ()
    )
    opened = Opened(
        bench=Bench(Catalog(()), suite, folder, folder, folder),
        run=run,
        task="tensor",
        measure=measure_of(goal, "tensor", Scenario(), 0.03),
        gathering=cast(Gathering, gathering),
        evidence=Evidence(
            run=run,
            environment=Environment(),
            prepared=Prepared(artifact=gathering.artifact, inputs=inputs),
            checked=checked,
            fidelity=RIGHT,
        ),
        artifact=gathering.artifact,
        space=Space(tuple(options)),
        memo=Memo(),
    )
    budget = Budget(asked.budget_ns, machine.clock)
    machine.clock.advance(5 * SECOND)
    journal = journal_in(folder) if going_on else Journal(folder / JOURNAL)
    return Tuner(asked, opened, folder, Told(machine), budget, journal)


def options_of(found: Tuning, state: str) -> list[dict[str, str]]:
    return [one.options for one in found.tried if one.state == state]
