"""What of a submission is left to measure: the planned runs for which there is no usable record yet.

A record is usable for a run if it is complete (status ``ok``) and says in its plan that the same was asked: the same
model by its hash, files, target with options, scenario, preset, repeats and settings. Records of failed and interrupted
runs are not usable, so such runs are tried again.
"""

from collections.abc import Callable, Sequence

from bench import __version__
from bench.contracts import Scenario, Task
from bench.record.record import Failure, Record
from bench.record.shown.redact import option_without_paths
from bench.suite.asked import asked_of
from bench.suite.plan import PlannedRun, settle_scenario

Sha256 = Callable[[], str | None]


def record_of(run: PlannedRun, sha256: Sha256, records: Sequence[Record]) -> Record | None:
    """The newest usable record of ``run``. ``sha256``: of the model as it is now, asked for only where all else is the
    same; ``None`` of one that cannot be read."""
    found = [one for one in records if one.status == "ok" and asks_the_same(one, run)]
    if not found:
        return None
    hashed = sha256()
    same = [one for one in found if hashed is not None and one.plan.model.sha256 == hashed]
    return max(same, key=lambda one: (one.created_utc, one.record_id), default=None)


def skipped_record(run: PlannedRun, sha256: Sha256, records: Sequence[Record]) -> Record | None:
    """The newest record that says already why ``run`` is skipped: for the reason in its plan, or because the target
    does not support this very model, or not in this scenario, as a run of the same version found."""
    found = [
        one
        for one in records
        if one.status == "skipped" and one.failure is not None and _still_holds(one.failure, one, run)
        if asks_the_same(one, run)
    ]
    if run.skip is None and found:
        hashed = sha256()
        found = [one for one in found if hashed is not None and one.plan.model.sha256 == hashed]
    return max(found, key=lambda one: (one.created_utc, one.record_id), default=None)


def _still_holds(failure: Failure, record: Record, run: PlannedRun) -> bool:
    if run.skip is not None:
        return (failure.kind, failure.message) == (run.skip.kind, run.skip.message)
    return failure.kind.startswith("unsupported_") and record.tool.version == __version__


def asks_the_same(record: Record, run: PlannedRun) -> bool:
    """Whether the plan of ``record`` asked for what ``run`` asks for, except for the model's bytes."""
    plan = record.plan
    return (
        plan.target.id == run.target.id
        and plan.target.options_requested == {k: option_without_paths(v) for k, v in run.target.options.items()}
        and (plan.preset, plan.seed, plan.strict_placement) == (run.preset, run.seed, run.strict_placement)
        and plan.repeat_rule == run.repeat_rule
        and (plan.alternation is None or plan.alternation.side == "new")
        and same_scenario(record, run)
        and plan.asked == asked_of(run)
    )


def same_scenario(record: Record, run: PlannedRun) -> bool:
    """Whether ``record`` played what ``run`` asks for. Token counts that were left open were settled then; lanes were
    asked for as ``plan.asked`` says."""
    played, asked = record.plan.scenario, run.scenario
    own_prompts = bool(run.model.ask.prompts or run.model.ask.prompt_ids)
    task: Task = "text_generation" if record.plan.model.task == "text_generation" else "tensor"
    known = settle_scenario(asked, task, run.target.device.emulated, own_prompts)
    either = (known,) if record.status == "ok" else (known, asked)  # a run that is skipped may settle nothing
    return _without_lanes(played) in map(_without_lanes, either)


def _without_lanes(scenario: Scenario) -> tuple[object, ...]:
    tokens = scenario.prompt_tokens, scenario.generate_tokens, scenario.depth_tokens
    return scenario.name, tokens, scenario.compile_cache, dict(scenario.own_parameters)
