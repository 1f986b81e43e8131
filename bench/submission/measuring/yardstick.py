"""The yardstick of a run: a fixed model on the same target, measured in alternation with it.

A machine's speed changes with its load, its temperature and its neighbours, by more than most claims differ. Two runs
of one claim are therefore compared by their ratio to the yardstick, process by process. It is a model of this project,
the same bytes on every machine: of images for tensors, of text for language models.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from bench.comparison.interleaved import alternated
from bench.contracts import Task
from bench.plugins import Catalog
from bench.record.record import Record, RecordedRun
from bench.suite.plan import default_models
from bench.suite.suite import Suite


def yardstick_suite(suite: Suite, task: Task, catalog: Catalog) -> Suite | None:
    """``suite``, of one run, with the yardstick for its ``task`` in the place of its model: the one that is measured
    when no model is named. The scenario's counts of tokens stay; inputs, datasets and settings are the model's own.
    ``None`` where there is no such model."""
    models = default_models(catalog, task)
    return replace(suite, models=models[:1], settings={}, check_inputs=None) if models else None


def is_yardstick(record: Record) -> bool:
    """Whether ``record`` is of a yardstick, and was measured in alternation as one."""
    turns, asked = record.plan.alternation, record.plan.asked
    return turns is not None and turns.side == "base" and asked is not None and asked.kind == "built_in"


def yardstick_of(run: RecordedRun, runs: Sequence[RecordedRun]) -> RecordedRun | None:
    """That of ``runs`` which took turns with ``run`` as its yardstick, on the same target; ``None`` where there is
    none, or several."""
    found = [one for one in runs if is_yardstick(one.record) and alternated(one.record, run.record)]
    target = _target(run.record)
    measured = [one for one in found if one.record.status == "ok" and _target(one.record) == target]
    return measured[0] if len(measured) == 1 else None


def _target(record: Record) -> tuple[str, dict[str, str]]:
    return record.plan.target.id, record.plan.target.options_requested
