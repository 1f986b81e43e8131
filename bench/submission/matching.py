"""Which records decide a criterion."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.contracts.names import file_model_id
from bench.errors import InputError
from bench.record.record import Record, RecordedRun
from bench.scenarios.kinds import FIELDS, kind_of, parameters_of, parse_scenario, scenario_name
from bench.submission.criterion import Criterion
from bench.submission.figures import FigureKind
from bench.submission.form import Submission, SubmittedModel, SubmittedTarget
from bench.submission.measuring.yardstick import is_yardstick


def matching(
    submission: Submission, criterion: Criterion, kind: FigureKind, runs: Sequence[RecordedRun]
) -> list[RecordedRun]:
    """The measured records that fit ``criterion``, the one that decides first: of the most preferred target, then the
    newest. An emulator comes last for what it can show, and where nothing else is there. A yardstick decides nothing,
    even if the same built-in model is submitted."""
    models = [one for one in submission.models if criterion.model in ("", one.id)]
    order = {one.id: number for number, one in enumerate(targets_of(submission, criterion))}
    fitting = [
        run
        for run in runs
        if run.record.status == "ok" and not is_yardstick(run.record)
        if any(is_of(run.record, model) for model in models)
        if run.record.plan.target.id in order
        if criterion.applies in ("any", run.record.plan.model.task)
        if is_played(run.record, criterion.scenario)
    ]
    newest = sorted(fitting, key=lambda run: (run.record.created_utc, run.record.record_id), reverse=True)
    return sorted(newest, key=lambda run: order[run.record.plan.target.id])


def targets_of(submission: Submission, criterion: Criterion) -> tuple[SubmittedTarget, ...]:
    """Those that may decide ``criterion``, in order of preference: devices, then stand-ins. For a device that is named
    also the stand-ins of its plugin."""
    return deciding(submission.targets, criterion)


def deciding(targets: Sequence[SubmittedTarget], criterion: Criterion) -> tuple[SubmittedTarget, ...]:
    """Those of ``targets`` that may decide ``criterion``, as ``targets_of`` has them."""
    plugin = criterion.device.partition(":")[0]
    found = [
        one
        for one in targets
        if criterion.device in ("", one.id) or (one.stand_in and one.id.partition(":")[0] == plugin)
    ]
    return (*(one for one in found if not one.stand_in), *(one for one in found if one.stand_in))


def is_of(record: Record, model: SubmittedModel) -> bool:
    """Whether ``record`` is of ``model``, by the name of its file or folder, or of the built-in, and by the precision
    that was asked for. Two models of one name and precision cannot be told apart; ``odb check`` rejects them."""
    asked = record.plan.asked
    if asked is not None and asked.precision != model.precision:
        return False
    if asked is not None:  # a built-in is no file of the same name
        return record.plan.model.id == model.source if asked.kind == "built_in" else asked.model.name == name_of(model)
    return record.plan.model.id in (model.source, file_model_id(Path(model.source)))


def name_of(model: SubmittedModel) -> str:
    """The last part of its source: how a record names a file or a folder."""
    return PurePosixPath(model.source.replace("\\", "/")).name


def is_played(record: Record, asked: str) -> bool:
    """Whether ``record`` is of the scenario ``asked``, written as ``-s`` takes it: its name, its compile cache, and the
    other parameters that are given. A number that may be absent has to be absent where it is not given: a deadline of
    its own makes another scenario. Empty: any scenario."""
    scenario = record.plan.scenario
    if not asked or scenario_name(asked) != scenario.name:
        return not asked
    try:
        wanted = parse_scenario(asked, kind_of(scenario))
    except InputError:
        return False
    given = parameters_of(scenario)
    named = parameters_of(wanted)
    same = all(given.get(name) == value for name, value in named.items())
    own = [one for one in kind_of(scenario).parameters if one.name not in FIELDS and one.numeric]
    added = any(one.default is None and one.name in given and one.name not in named for one in own)
    return same and not added and wanted.compile_cache == scenario.compile_cache
