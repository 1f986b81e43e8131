"""Which records decide a criterion."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.contracts.names import file_model_id
from bench.record.record import Record, RecordedRun
from bench.submission.criterion import Criterion
from bench.submission.figures import FigureKind
from bench.submission.form import Submission, SubmittedModel, SubmittedTarget


def matching(
    submission: Submission, criterion: Criterion, kind: FigureKind, runs: Sequence[RecordedRun]
) -> list[RecordedRun]:
    """The measured records that fit ``criterion``, the one that decides first: of the most preferred target, then the
    newest. An emulator comes last for what it can show, and where nothing else is there."""
    models = [one for one in submission.models if criterion.model in ("", one.id)]
    order = {one.id: number for number, one in enumerate(targets_of(submission, criterion))}
    fitting = [
        run
        for run in runs
        if run.record.status == "ok"
        if any(is_of(run.record, model) for model in models)
        if run.record.plan.target.id in order
        if criterion.scenario.partition(":")[0] in ("", run.record.plan.scenario.name)
    ]
    newest = sorted(fitting, key=lambda run: (run.record.created_utc, run.record.record_id), reverse=True)
    return sorted(newest, key=lambda run: order[run.record.plan.target.id])


def targets_of(submission: Submission, criterion: Criterion) -> tuple[SubmittedTarget, ...]:
    """Those that may decide ``criterion``, in order of preference: devices, then stand-ins."""
    found = [one for one in submission.targets if criterion.device in ("", one.id)]
    return (*(one for one in found if not one.stand_in), *(one for one in found if one.stand_in))


def is_of(record: Record, model: SubmittedModel) -> bool:
    """Whether ``record`` is of ``model``, by the name of its file or folder, or of the built-in."""
    asked = record.plan.asked
    name = PurePosixPath(model.source.replace("\\", "/")).name
    if asked is not None and asked.kind != "built_in":
        return asked.model.name == name
    return record.plan.model.id in (model.source, file_model_id(Path(model.source)))
