"""What a bundle says of itself beside its records: the suite, the environments, and the assessment."""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from bench import __version__
from bench.bundle.contents.judging import Judged
from bench.contracts import Task
from bench.record.record import RecordedRun
from bench.submission.assessment import Assessment, Row
from bench.submission.matching import is_of
from bench.submission.measuring.suite import suite_text
from bench.submission.measuring.yardstick import is_yardstick
from bench.submission.rules.finding import Finding

TOOL = "ondevice-bench"
EVERY_TASK: tuple[Task, ...] = get_args(Task)


def suite_of(assessment: Assessment) -> bytes:
    """What ``odb run DIR`` asks for in the folder of the form, as ``odb run SUITE.toml`` takes it. What a model does is
    read from its records."""
    submission = assessment.submission
    tasks: dict[str, Task] = {}
    for model in submission.models:
        found = {run.record.plan.model.task for run in assessment.runs if is_of(run.record, model)}
        tasks.update((model.id, task) for task in EVERY_TASK if task in found)
    return suite_text(submission, tasks).encode()


def environments_of(runs: Sequence[RecordedRun]) -> list[dict[str, Any]]:
    """Each environment in which records were made, with their ids."""
    found: dict[bytes, tuple[Any, list[str]]] = {}
    for run in sorted(runs, key=lambda run: run.record.record_id):
        environment = msgspec.to_builtins(run.record.environment)
        key = msgspec.json.encode(environment, order="sorted")
        found.setdefault(key, (environment, []))[1].append(run.record.record_id)
    return [{"environment": environment, "records": ids} for environment, ids in found.values()]


def assessment_of(judged: Judged) -> dict[str, Any]:
    """The criteria with their figures and decisions, the records with their verdicts, and what the rules found."""
    assessment = judged.assessment
    return {
        "format": 1,
        "tool": {"name": TOOL, "version": __version__},
        "rules": {"version": judged.version, "result": judged.result, "blind": judged.blind},
        "track": assessment.submission.track,
        "margin_percent": assessment.submission.measuring.margin_percent,
        "criteria": [_criterion(row) for row in assessment.rows],
        "total": _total(assessment),
        "records": [_record(run) for run in sorted(assessment.runs, key=lambda run: run.record.record_id)],
        "findings": [_finding(one) for one in judged.findings],
    }


def _criterion(row: Row) -> dict[str, Any]:
    asked = row.criterion
    return {
        "id": asked.id,
        "metric": asked.metric,
        "direction": asked.direction,
        "target": asked.target,
        "unit": asked.unit,
        "weight": asked.weight,
        "proposed": asked.proposed,
        "decision": msgspec.to_builtins(row.decision),
        "figure": msgspec.to_builtins(row.seen),
        "figure_unit": row.unit,
        "record_id": row.record_id,
        "record_sha256": row.record_sha256,
        "others": list(row.others),
    }


def _total(assessment: Assessment) -> dict[str, float | None]:
    return {name: getattr(assessment, name) for name in ("met", "not_met", "undecided", "achievement")}


def _record(run: RecordedRun) -> dict[str, Any]:
    record, verdict = run.record, run.record.verdict
    return {
        "record_id": record.record_id,
        "record_sha256": record.record_sha256,
        "status": record.status,
        "model": record.plan.model.id,
        "model_sha256": record.plan.model.sha256,
        "target": record.plan.target.id,
        "scenario": record.plan.scenario.name,
        "yardstick": is_yardstick(record),
        "valid": None if verdict is None else verdict.valid,
        "emulated": None if verdict is None else verdict.emulated,
        "codes": [] if verdict is None else sorted(reason.code for reason in verdict.reasons),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"rule": finding.rule, "severity": finding.severity, "where": finding.where}
