"""The best setting against the default, in fresh processes that the search has not seen."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from bench.comparison.comparison import compare_all
from bench.comparison.observe import observe
from bench.execution.interleaved import KeptPairs, run_in_alternation
from bench.execution.suite_run import Listener, run_suite
from bench.execution.tuning.batches import batch_of, change_per_sample, options_of, with_batch
from bench.execution.tuning.question import Asked
from bench.record.evidence import Until
from bench.record.record import RecordedRun
from bench.scratch import sweep
from bench.store.records import UNFINISHED, prepare_folder, record_folders
from bench.suite.presets import MOST_PAIRS, PRESETS
from bench.suite.suite import Suite
from bench.tuning.result import Confirmation
from bench.tuning.space import Setting

FOLDERS = "base", "new"
DECIDED_BY_LOOKS = ("latency_p50_ns", "tpot_ns", "throughput_per_s")
"""Metrics that lead a comparison, which then ends as soon as it is decided."""
BETTER = ("faster", "better")


def with_setting(suite: Suite, setting: Setting, shapes: Mapping[str, tuple[int, ...]]) -> Suite:
    """``suite`` with its one model and its one target set like this. ``shapes``: of the inputs, with one sample."""
    ((model,), (target,)) = suite.models, suite.targets
    target = replace(target, options={**target.options, **options_of(setting)})
    return replace(suite, models=(with_batch(model, shapes, batch_of(setting)),), targets=(target,))


def confirm(
    asked: Asked,
    both: tuple[Suite, Suite],
    batch: int,
    metric: str,
    out: Path,
    left_ns: int,
    listener: Listener,
    pairs: KeptPairs,
) -> Confirmation:
    """By the test of ``odb run --against``: pairs of processes in turns, until the metric is decided or the time is
    used up. Energy is compared by runs that are measured in rounds. ``both``: without the setting and with it;
    ``batch``: samples of a query with it. ``pairs``: those that a confirmation measured which was killed; the records
    that it may have left are removed."""
    folders = _emptied(out / FOLDERS[0]), _emptied(out / FOLDERS[1])
    if asked.goal == "energy":
        runs = _in_rounds(asked, both, folders, listener)
    else:
        until = None
        if metric in DECIDED_BY_LOOKS and batch == 1:
            until = Until(asked.tolerance, among=1, most=MOST_PAIRS, limit_ns=max(0, left_ns))
        else:
            both = tuple(replace(one, repeats=PRESETS[one.preset].pairs) for one in both)  # type: ignore[assignment]
        runs = run_in_alternation(
            *both,
            asked.catalog,
            folders,
            cache=asked.cache,
            root=asked.root,
            listener=listener,
            until=until,
            compared=batch == 1,
            pairs=pairs,
        )
    base, new = (observe(run) for run in runs)
    if batch == 1:
        (found,) = compare_all([(base, new)], asked.tolerance)
        change = next((one for one in found.changes if one.metric == metric), None)
    else:
        change = change_per_sample(base, new, batch, asked.tolerance)
    names = tuple(f"{folder}/{run.record.record_id}" for folder, run in zip(FOLDERS, runs, strict=True))
    failure = next((run.record.failure for run in runs if run.record.failure is not None), None)
    count = min(len(run.record.repeats) for run in runs)
    reason = "" if failure is None else failure.sentence
    return Confirmation(change=change, pairs=count, records=(names[0], names[1]), reason=reason)


def _emptied(folder: Path) -> Path:
    """``folder``, made if it is not there, without what a killed confirmation left: a whole record of one side, and
    what there was of both."""
    prepare_folder(folder)
    sweep(UNFINISHED, folder)
    for place in record_folders(folder):
        shutil.rmtree(place)
    return folder


def _in_rounds(
    asked: Asked, both: tuple[Suite, Suite], folders: tuple[Path, Path], listener: Listener
) -> tuple[RecordedRun, RecordedRun]:
    """One repeat of each in every round, so that the machine's changes affect both."""
    targets = tuple(target for suite in both for target in suite.targets)
    suite = replace(both[0], targets=targets, repeats=both[0].repeats or PRESETS[both[0].preset].pairs)
    base, new = run_suite(suite, asked.catalog, folders[1], cache=asked.cache, root=asked.root, listener=listener)
    return base, new
