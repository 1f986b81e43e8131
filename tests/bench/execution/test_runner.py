"""How the jobs of a run are carried out: the deadline, the log, failures, and what runs share."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bench.contracts import TargetFacts
from bench.errors import RunFailure
from bench.execution.runner import JobRunner, Memo
from bench.execution.workbench import Bench
from bench.jobs import Failed, Job, Result, Said, Worker, unheard
from bench.plugins import PluginRef, discover
from bench.process.probe import ProbeJob
from bench.record.record import Failure
from bench.suite.suite import Suite
from bench.words import sentence

TARGET = PluginRef("targets", "null", "bench.testing:NullTarget", "test")
FACTS = TargetFacts((), {}, ("onnx",), ("tensor",), {})
FAILED = Failed(Failure("open", "crashed", "it crashed", "Try another."))


class NameJob(Job[str], frozen=True):
    def play(self, worker: Worker) -> str:
        return "a name"


class Carried:
    """Stands for the workers: answers as told, and notes what was asked."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[Job[object], float, bool]] = []
        self.percents: tuple[int, ...] = ()

    def __call__(
        self,
        job: Job[object],
        folder: Path,
        deadline_s: float,
        on_phase: Callable[[str], None],
        on_spawn: Callable[["subprocess.Popen[bytes]"], None] = lambda process: None,
        environment: Mapping[str, str] | None = None,
        on_part: Callable[[int], None] = lambda percent: None,
        on_said: Said = unheard,
    ) -> Result[object]:
        for percent in self.percents:
            on_part(percent)
        self.asked.append((job, deadline_s, folder.is_dir()))
        return Result(self.answer, 7, (f"log {len(self.asked)}",))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[JobRunner, Carried]]:
    def runner(answer: object, memo: Memo | None = None, said: list[str] | None = None) -> tuple[JobRunner, Carried]:
        carried = Carried(answer)
        monkeypatch.setattr("bench.execution.runner.run_job", carried)
        bench = Bench(discover(), Suite(), tmp_path, tmp_path / "cache", Path("/"))
        say = (said if said is not None else []).append
        return JobRunner(bench, {} if memo is None else memo, lambda: 60.0, say), carried

    return runner


def test_how_far_a_shared_job_has_come_is_said(made: Callable[..., tuple[JobRunner, Carried]]) -> None:
    """Behind what is said of it; one that says nothing of itself stays silent, and so does one done before."""
    said: list[str] = []
    runner, carried = made("a name", said=said)
    carried.percents = (40,)
    for _ in range(2):
        runner.once(NameJob, "key", lambda: NameJob(TARGET), says=sentence("run.preparing_model"))
    runner.once(NameJob, "other", lambda: NameJob(TARGET))
    assert ["preparing the model", "preparing the model: 40 %", "preparing the model"] == [str(one) for one in said]


def test_how_far_a_job_has_come_is_said_behind_what_was_said_last(
    made: Callable[..., tuple[JobRunner, Carried]],
) -> None:
    """Whether the run can go on without it or not; nothing where nothing was said."""
    said: list[str] = []
    runner, carried = made("a name", said=said)
    carried.percents = (40,)
    runner.run(NameJob(TARGET))
    assert [] == said
    for play in runner.run, runner.attempt:
        runner.say("looking")
        play(NameJob(TARGET))
    assert ["looking", "looking: 40 %", "looking"] * 2 == [str(one) for one in said]


def test_a_job_gets_a_folder_and_the_deadline(made: Callable[..., tuple[JobRunner, Carried]]) -> None:
    """Of the run, and what it may take beyond it; its log is the run's."""
    jobs, carried = made(FACTS)
    assert (FACTS, FACTS) == (jobs.run(ProbeJob(TARGET)), jobs.run(ProbeJob(TARGET), 5.0))
    assert [(60.0, True), (65.0, True)] == [asked[1:] for asked in carried.asked]
    assert ("log 2",) == jobs.log_tail


def test_a_failed_job_ends_the_run(made: Callable[..., tuple[JobRunner, Carried]]) -> None:
    """With its phase and kind, and with its log; an attempt gives the failure as a value and leaves the log alone."""
    jobs, _ = made(FAILED)
    assert (FAILED, ()) == (jobs.attempt(ProbeJob(TARGET)).answer, jobs.log_tail)
    with pytest.raises(RunFailure, match="it crashed") as caught:
        jobs.run(ProbeJob(TARGET))
    assert ("open", "crashed", "Try another.") == (caught.value.phase, caught.value.kind, caught.value.remedy)
    assert ("log 2",) == jobs.log_tail


def test_what_runs_share_is_done_once(made: Callable[..., tuple[JobRunner, Carried]]) -> None:
    """By kind and key, by whichever run of the suite; progress tells of it where it is done. ``make`` is not called
    again, since it may write files."""
    memo: Memo = {}
    said: list[str] = []
    made_jobs: list[int] = []

    def make() -> ProbeJob:
        made_jobs.append(1)
        return ProbeJob(TARGET)

    first, carried = made(FACTS, memo, said)
    found = [first.once(ProbeJob, "a", make, says="asking").answer for _ in range(2)]
    second, again = made(FAILED, memo, said)
    found.append(second.once(ProbeJob, "a", make, says="asking").answer)
    assert ([FACTS] * 3, 1, 0, ["asking"], 1) == (found, len(carried.asked), len(again.asked), said, len(made_jobs))
    assert FAILED == second.once(ProbeJob, "b", make).answer


def test_a_failure_is_shared_too(made: Callable[..., tuple[JobRunner, Carried]]) -> None:
    """What crashed for one run would crash for the next: it fails in each, with the log of the job that did."""
    memo: Memo = {}
    for _ in range(2):
        jobs, carried = made(FAILED, memo)
        with pytest.raises(RunFailure, match="it crashed"):
            jobs.settled(jobs.once(ProbeJob, "a", lambda: ProbeJob(TARGET)))
        assert ("log 1",) == jobs.log_tail
    assert [] == carried.asked


def test_keys_of_two_kinds_do_not_meet(made: Callable[..., tuple[JobRunner, Carried]]) -> None:
    """Each kind of job has keys of its own."""
    memo: Memo = {}
    jobs, _ = made(FACTS, memo)
    jobs.once(ProbeJob, "a", lambda: ProbeJob(TARGET))
    other, _ = made("a name", memo)
    assert "a name" == other.once(NameJob, "a", lambda: NameJob(TARGET)).answer
