"""What comes before the search: the default is prepared and checked, and the target says what may be tuned."""

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Artifact, Task
from bench.errors import InputError, OdbError, RunFailure
from bench.execution.one_run import Gathering
from bench.execution.runner import Memo
from bench.execution.suite_run import with_sensors
from bench.execution.tuning.asking import TunablesJob
from bench.execution.tuning.batches import batch_tunable
from bench.execution.tuning.question import SINGLE, Asked, Measure, demand_energy, measure_of, the_run
from bench.execution.workbench import Bench
from bench.jobs import Failed
from bench.passes import prepare
from bench.passes.evidence import Evidence, known
from bench.process.supervisor import run_job
from bench.record.inputs import InputFacts, made_up_work
from bench.record.record import Failure
from bench.scenarios.kinds import kind_of
from bench.suite.plan import PlannedRun
from bench.tuning.space import Space, space_of
from bench.words import Sentence, sentence

Say = Callable[[Sentence | str], None]


class Opened(Struct, frozen=True, kw_only=True):
    """The default, ready to be measured, and the space around it. ``memo``: what later checks of settings share."""

    bench: Bench
    run: PlannedRun
    task: Task
    measure: Measure
    gathering: Gathering
    evidence: Evidence
    artifact: Artifact
    space: Space
    memo: Memo


def opened(asked: Asked, bench: Bench, say: Say) -> Opened:
    """Raises ``InputError`` where nothing may be tuned, and ``RunFailure`` where the default cannot be measured."""
    memo = Memo()
    task = artifact_of(bench, memo, say).task
    scenarios = asked.suite.scenarios
    measure = measure_of(asked.goal, task, scenarios[0] if scenarios else SINGLE, asked.tolerance)
    bench = with_sensors(replace(bench, suite=replace(bench.suite, scenarios=(measure.scenario,))))
    if asked.goal == "energy":
        demand_energy(bench.channels)
    run = the_run(bench)
    gathering = Gathering(bench, run, memo, say)
    if not gathering.prepare():
        raise failed(gathering.evidence.failure)
    evidence = gathering.evidence
    artifact = known(evidence.prepared).artifact
    refuse_made_up_work(known(evidence.prepared).inputs)
    return Opened(
        bench=bench,
        run=run,
        task=task,
        measure=measure,
        gathering=gathering,
        evidence=evidence,
        artifact=artifact,
        space=space_around(bench, run, artifact, measure, known(evidence.checked).facts.options_effective),
        memo=memo,
    )


def refuse_made_up_work(inputs: InputFacts | None) -> None:
    """Raise ``InputError`` if what decides how much is computed is made up: the best settings for that would be none
    for a real input."""
    if made_up := made_up_work(inputs):
        raise InputError(
            sentence("verdict.seeded_work", inputs=[one.told for one in made_up]),
            sentence("verdict.seeded_work.remedy"),
        )


def artifact_of(bench: Bench, memo: Memo, say: Say) -> Artifact:
    """The model, made or read. The task of a file is known only then."""
    gathering = Gathering(bench, the_run(bench), memo, say, passes=(prepare.evidence,))
    if not gathering.prepare():
        raise failed(gathering.evidence.failure)
    return known(gathering.evidence.prepared).artifact


def space_around(
    bench: Bench, run: PlannedRun, artifact: Artifact, measure: Measure, effective: Mapping[str, str]
) -> Space:
    """``effective``: options in force by default. Raises ``InputError`` where nothing may be tuned."""
    job = TunablesJob(run.target.plugin, artifact=artifact, device=run.target.device.name)
    answer = run_job(job, bench.folder(), bench.deadline_s(run)).answer
    if isinstance(answer, Failed):
        raise failed(answer.failure)
    tunables = (*answer, *batch_tunable(run, artifact, measure.metric))
    space = space_of(tunables, kind_of(measure.scenario).intent, run.target.options, effective)
    if not space.tunables:
        raise InputError(
            sentence("tune.nothing_tunable", target=run.target.id, model=artifact.model_id),
            sentence("tune.nothing_tunable.remedy"),
        )
    return space


def failed(failure: Failure | None) -> OdbError:
    """The error of a run that cannot go on: bad input is the user's, as in ``odb run``. Raises
    ``KeyboardInterrupt`` where that is why."""
    if failure is None:
        raise LookupError("a run that failed says why")
    if failure.kind == "interrupted":
        raise KeyboardInterrupt
    if failure.kind == "bad_input":
        return InputError(failure.sentence, failure.advice)
    return RunFailure(failure.kind, failure.sentence, failure.advice, failure.phase)
