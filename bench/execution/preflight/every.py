"""Every model on every device that was asked for, one survey each."""

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from bench.contracts import VariedTarget
from bench.errors import InputError, OdbError
from bench.execution.preflight.survey import Asked, Survey, Watcher
from bench.execution.probe import temporary_workspace
from bench.execution.runner import Memo
from bench.execution.suite_run import plan_suite
from bench.execution.workbench import Bench
from bench.plugins import Catalog, load
from bench.preflight.found import Preflight
from bench.suite.plan import PlannedRun
from bench.suite.suite import Suite, TargetAsk
from bench.words import sentence

Broken = Callable[[PlannedRun, OdbError], None]


def surveys(
    suite: Suite, catalog: Catalog, *, cache: Path, asked: Asked, watcher: Watcher, broken: Broken
) -> Iterator[Preflight]:
    """One after another; a survey that was interrupted is the last one. ``broken`` gets a model that cannot be read,
    and the others go on. Raises ``InputError`` where nothing can be asked."""
    targets = suite.targets or default_targets(catalog)
    if not targets:
        raise InputError(sentence("preflight.no_target"), sentence("preflight.no_target.remedy"))
    with temporary_workspace() as workspace:
        bench = Bench(catalog, replace(suite, targets=targets), workspace, cache, Path("/"))
        memo: Memo = {}
        for run in plan_suite(bench).runs:
            try:
                found = Survey(bench, run, memo, asked, watcher).result()
            except InputError as error:
                broken(run, error)
                continue
            yield found
            if found.interrupted:
                return


def default_targets(catalog: Catalog) -> tuple[TargetAsk, ...]:
    """The devices that stand for several chips, of all targets that can be loaded."""
    found = []
    for ref in catalog.of("targets"):
        try:
            target = load(ref)
        except OdbError:  # reported where it is listed or named
            continue
        if isinstance(target, VariedTarget):
            found += [TargetAsk(f"{ref.name}:{device}") for device in target.varied_devices]
    return tuple(found)
