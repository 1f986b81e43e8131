"""Which runs of a plan have a usable record already, and which are left."""

from collections.abc import Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from bench.errors import InputError
from bench.execution.model_files import checksum_of
from bench.execution.runner import Memo
from bench.execution.workbench import Bench
from bench.pipelines.again import fed_alike
from bench.quality.dataset_files import judged_on
from bench.record.record import Record, RecordedRun
from bench.scenarios.kinds import kind_of
from bench.submission.measuring.remaining import asks_the_same, record_of, skipped_record
from bench.suite.plan import Plan, PlannedRun


class Progress(Struct, frozen=True):
    """The runs of ``plan`` in its order. ``done``: the usable record of each that has one, by its place. ``told``:
    the record of each that is skipped for a reason that the record tells already."""

    plan: Plan
    done: dict[int, Record] = {}
    told: dict[int, Record] = {}

    @property
    def left(self) -> Plan:
        """What is to be measured, or to be told that it is skipped."""
        runs = enumerate(self.plan.runs)
        return replace(self.plan, runs=tuple(run for place, run in runs if place not in {*self.done, *self.told}))


def is_invalid(record: Record) -> bool:
    """Whether the run was measured, and its verdict is that it is invalid."""
    return record.status == "ok" and record.verdict is not None and not record.verdict.valid


def progress_of(bench: Bench, plan: Plan, recorded: Sequence[RecordedRun], *, again_invalid: bool = False) -> Progress:
    """What of ``plan`` the records have done. Models are read again only where a record may be usable.
    ``again_invalid``: a run whose newest record is invalid is left."""
    memo: Memo = {}
    records = [one.record for one in recorded]
    done: dict[int, Record] = {}
    told: dict[int, Record] = {}
    for place, run in enumerate(plan.runs):
        checksum = partial(_checksum, bench, run, memo)
        alike = [one for one in records if asks_the_same(one, run) and same_data(one, run)]
        usable = record_of(run, checksum, alike) if run.skip is None else None
        if again_invalid and usable is not None and is_invalid(usable):
            continue
        skipped = skipped_record(run, checksum, records) if usable is None else None
        done |= {} if usable is None else {place: usable}
        told |= {} if skipped is None else {place: skipped}
    return Progress(plan, done, told)


def same_data(record: Record, run: PlannedRun) -> bool:
    """Whether the dataset, and the files of a pipeline, are still those of the record, which keeps their hashes: what
    was asked for only names their folders. One that cannot be read is for the run to tell."""
    try:
        return _judged_alike(record, run) and (not kind_of(run.scenario).staged or fed_alike(record, run.model.ask))
    except InputError:
        return False


def _judged_alike(record: Record, run: PlannedRun) -> bool:
    """So is a record whose dataset cannot be told apart without the model."""
    asked, quality = run.model.dataset, record.quality
    return asked is None or quality is None or judged_on(asked.folder, quality.dataset, asked.options) is not False


def _checksum(bench: Bench, run: PlannedRun, memo: Memo) -> str | None:
    return checksum_of(bench, run.model, run.seed, memo)
