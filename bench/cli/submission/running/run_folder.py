"""``odb run DIR``: measures what the form in DIR asks for, and goes on where it was interrupted."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec.structs import replace

from bench.cli.asked import asked_suite
from bench.cli.dry_run import plan_for_scripts, show_plan
from bench.cli.options import echo_json
from bench.cli.submission.running.unmeasured import Progress, is_invalid, progress_of
from bench.contracts import Task
from bench.errors import InputError, UnknownName
from bench.execution.model_files import tasks_of_models
from bench.execution.workbench import Bench
from bench.plugins import Catalog
from bench.printable import clean
from bench.record.record import RecordedRun
from bench.scenarios.kinds import KINDS
from bench.scripting.places import cache_folder
from bench.store.records import RECORD, readable_records
from bench.submission.figures import later
from bench.submission.form import RECORDS, SUBMISSION, Submission, read_submission
from bench.submission.measuring.suite import SuiteOfForm, beside, suite_of
from bench.suite.plan import Plan, PlannedRun
from bench.suite.suite import ModelAsk, Suite, check
from bench.words import Sentence, say, sentence

T = TypeVar("T")


class FolderRun:
    """What ``odb run DIR`` was asked for. ``params``: the flags, by their parameters' names. ``suite``: of the form in
    DIR, narrowed by ``-m``, ``-t`` and ``-s`` and changed by the other flags. ``records``: where they are written."""

    def __init__(self, params: Mapping[str, Any], catalog: Catalog) -> None:
        self.folder: Path = params["suite_file"]
        self._again, self._again_invalid = bool(params["again"]), bool(params["again_invalid"])
        submission = narrowed(read_form(self.folder), params)
        self._asked, self._tasks = _suite_of(submission, self.folder, catalog)
        self.yardstick = not params["no_yardstick"]
        self.submission = submission
        self.records: Path = params["output"] or self.folder / RECORDS
        plain = {**params, "models": (), "targets": (), "scenarios": ()}
        self.suite: Suite = asked_suite(plain, catalog, self._asked.suite)
        self.progress = Progress(Plan(()))

    @property
    def measurable(self) -> bool:
        """Whether this version can play a scenario of the form."""
        return bool(self._asked.suite.scenarios)

    def left(self, bench: Bench, plan: Plan) -> Plan:
        """What of ``plan`` has no usable record yet; all of it where everything is to be measured again."""
        self.progressed(bench, plan)
        if self.progress.done:
            click.echo(f"odb: {say('cli.run.measured_before', runs=len(self.progress.done))}", err=True)
        return self.progress.left

    def task_of(self, run: PlannedRun) -> Task:
        """What the model of ``run`` does."""
        return self._tasks[run.model.ask.source]

    def progressed(self, bench: Bench, plan: Plan) -> Progress:
        self.progress = Progress(plan) if self._again else self._progress_of(bench, plan)
        return self.progress

    def _progress_of(self, bench: Bench, plan: Plan) -> Progress:
        return progress_of(bench, plan, recorded_in(self.records), again_invalid=self._again_invalid)

    def tell_invalid(self, recorded: Sequence[RecordedRun]) -> None:
        """On stderr: how many of ``recorded`` are invalid, which count as measured, and how they are measured again."""
        count = sum(is_invalid(run.record) for run in recorded)
        if count:
            click.echo(f"odb: {say('cli.run.invalid', runs=count)}", err=True)

    def whole(self, recorded: Sequence[RecordedRun]) -> list[RecordedRun]:
        """The records of the whole plan in its order: those that there were, and those written now."""
        before = {**self.progress.done, **self.progress.told}
        ids = {record.record_id for record in before.values()}
        kept = {run.record.record_id: run for run in recorded_in(self.records) if run.record.record_id in ids}
        now = iter(recorded)
        places = range(len(self.progress.plan.runs))
        return [kept[before[place].record_id] if place in before else next(now) for place in places]

    def show_plan(self, catalog: Catalog, as_json: bool) -> int:
        """``--dry-run``: what is left, and what of the form this version cannot measure. Returns the exit status."""
        not_measurable = self.not_measurable()
        if self.measurable:
            status = show_plan(self.suite, catalog, as_json, self.progressed, not_measurable, self.yardstick)
        else:
            status = 3
            if as_json:
                echo_json(plan_for_scripts([], not_measurable))
        if not as_json:
            if self.yardstick and any(
                one.skip is None and not one.target.device.emulated for one in self.progress.left.runs
            ):
                click.echo(say("cli.run.beside_yardsticks"))
            for name, reason in not_measurable.items():
                click.echo(say("cli.run.not_measurable", name=clean(name), reason=reason))
        return status

    def not_measurable(self) -> dict[str, Sentence]:
        """Scenarios and criteria of the form that a later version will measure, and scenarios that no model fits, by
        their place in the form (``scenarios.wake``, ``criteria.ttft``)."""
        criteria = {
            f"criteria.{one.id}": reason
            for one in self.submission.criteria
            if (reason := later(one.metric) or later(one.scenario)) is not None
        }
        unfit = {f"scenarios.{name}": _why_unfit(name) for name in self._asked.unfit}
        scenarios = {f"scenarios.{name}": reason for name, reason in self._asked.later.items()}
        return {**scenarios, **unfit, **criteria}

    def tell_not_measurable(self) -> bool:
        """Before measuring: the scenarios that are not played, on stderr. Returns whether any is."""
        for name, reason in self.not_measurable().items():
            if name.startswith("scenarios."):
                click.echo(f"odb: {say('cli.run.not_measurable', name=clean(name), reason=reason)}", err=True)
        return self.measurable


def _why_unfit(name: str) -> Sentence:
    staged = name in KINDS and KINDS[name].staged
    return sentence("submission.no_files") if staged else sentence("submission.no_model_fits")


def read_form(folder: Path) -> Submission:
    """The form in ``folder``. Raises ``InputError`` where there is none."""
    if not (folder / SUBMISSION).is_file():
        raise InputError(
            sentence("cli.run.no_form", folder=folder, file=SUBMISSION), sentence("cli.run.no_form.remedy")
        )
    return read_submission(folder)


def _suite_of(submission: Submission, folder: Path, catalog: Catalog) -> tuple[SuiteOfForm, dict[str, Task]]:
    """The suite of the form, and the task of each model by its source."""
    built_in = frozenset(catalog.names("models"))
    asks = tuple(
        ModelAsk(beside(folder, one.source, built_in), precision=one.precision, shapes=one.shapes)
        for one in submission.models
    )
    check(Suite(models=asks), catalog)
    ids = [one.id for one in submission.models]
    found = tasks_of_models(asks, catalog, cache_folder())
    by_source = {ask.source: task for ask, task in zip(asks, found, strict=True)}
    return suite_of(submission, folder, catalog, dict(zip(ids, found, strict=True))), by_source


def recorded_in(folder: Path) -> list[RecordedRun]:
    """The readable records there; those that are not are named when the report is written."""
    with suppress(InputError):
        return readable_records(folder)[0] if any(folder.glob(f"*/{RECORD}")) else []
    return []


def narrowed(submission: Submission, params: Mapping[str, Any]) -> Submission:
    """The form with only those of its models, targets and scenarios that ``-m``, ``-t`` and ``-s`` name, if they name
    any. Raises ``UnknownName`` for what is not in the form."""
    models = [(one, {one.id, one.source}) for one in submission.models]
    targets = [(one, {one.id, one.id.partition(":")[0]}) for one in submission.targets]
    scenarios = [(one, {one.name}) for one in submission.scenarios]
    kept = tuple(_chosen("-m", params["models"], models))
    played = tuple(_chosen("-s", params["scenarios"], scenarios))
    ids = {one.id for one in kept}
    left_out = {one.id for one in submission.models} - ids
    return replace(
        submission,
        models=kept,
        targets=tuple(_chosen("-t", params["targets"], targets)),
        scenarios=tuple(
            replace(one, models=tuple(name for name in one.models if name not in left_out))
            for one in played
            if not one.models or set(one.models) - left_out
        ),
    )


def _chosen(flag: str, named: Sequence[str], offered: Sequence[tuple[T, set[str]]]) -> list[T]:
    known = {name for _, names in offered for name in names}
    for name in named:
        if name not in known:
            raise UnknownName(sentence("cli.run.not_in_form", flag=flag), name, known)
    return [one for one, names in offered if not named or names & set(named)]
