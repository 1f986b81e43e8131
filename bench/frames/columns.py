"""Runs, and timed queries, as rows: column -> value, ``None`` where it was not measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

from msgspec import structs

from bench.analysis.metrics import METRICS, Metric
from bench.analysis.verdict.emulated import is_emulated
from bench.errors import UnknownName
from bench.record.record import Record, RecordedRun
from bench.settings import SETTINGS
from bench.words import sentence

Of = Literal["runs", "queries", "operators", "points"]
Value = str | int | float | bool | None
Row = dict[str, Value]


def rows(runs: Sequence[RecordedRun], of: Of) -> list[Row]:
    if of == "runs":
        return [{**_identity(run), **_figures(run.record)} for run in runs]
    if of not in _EACH:
        raise UnknownName(sentence("frames.rows"), of, get_args(Of))
    return [row for run in runs for row in _EACH[of](run)]


def _identity(run: RecordedRun) -> Row:
    record = run.record
    model, target, verdict = record.plan.model, record.plan.target, record.verdict
    return {
        "folder": run.folder or None,
        "record_id": record.record_id,
        "created_utc": record.created_utc,
        "tool_version": record.tool.version,
        "status": record.status,
        "valid": None if verdict is None else verdict.valid,
        "emulated": is_emulated(record),
        "invalidating_codes": ";".join(() if verdict is None else verdict.invalidating),
        "failure_kind": None if record.failure is None else record.failure.kind,
        "model": model.id,
        "task": model.task,
        "format": model.format,
        "model_sha256": model.sha256,
        "weights_precision": model.precision,
        "executed_precision": target.executed_precision,
        "target": target.id,
        "device_name": str(target.device_name or "") or None,
        "options_requested": ";".join(f"{key}={value}" for key, value in target.options_requested.items()),
        "scenario": record.plan.scenario.name,
        "preset": record.plan.preset,
        "repeats": len(record.repeats) or record.plan.repeats,
    }


def _figures(record: Record) -> Row:
    found: Row = {}
    for metric in METRICS:
        low, high = metric.bounds
        value, between = (None, None) if is_emulated(record) else _seen(metric, record)
        found[metric.column] = value
        if metric.rule.interval is not None:
            found |= {low: None if between is None else between[0], high: None if between is None else between[1]}
    return found | {setting.field: record.plan.settings.get(setting.field) for setting in SETTINGS}


def _seen(metric: Metric, record: Record) -> tuple[Value, Sequence[float] | None]:
    return metric.figure(record.summary), metric.interval(record.summary)


def _of_run(record: Record) -> Row:
    return {"record_id": record.record_id, "model": record.plan.model.id, "target": record.plan.target.id}


def _operators(run: RecordedRun) -> Iterator[Row]:
    of_run = _of_run(run.record)
    for part in run.record.operators.parts if run.record.operators is not None else ():
        for one in part.operators:
            yield {**of_run, "part": part.part, **structs.asdict(one)}


def _queries(run: RecordedRun) -> Iterator[Row]:
    record = run.record
    of_run = _of_run(record)
    for number, repeat in enumerate(record.repeats):
        roles = {} if repeat.samples is None else repeat.samples.arrays
        arrays = {role: run.samples[roles[role]].tolist() for role in ("latency_ns", "start_ns") if role in roles}
        for query, latency in enumerate(arrays.get("latency_ns", ())):
            start = arrays["start_ns"][query] if "start_ns" in arrays else None
            yield {**of_run, "repeat": number, "query": query, "latency_ns": latency, "start_ns": start}


def _points(run: RecordedRun) -> Iterator[Row]:
    """Of each curve and each value of its axis."""
    record = run.record
    for name, curve in {} if is_emulated(record) else record.summary.curves.items():
        of_curve = {"curve": name, "unit": curve.unit, "axis": curve.axis, "axis_unit": curve.axis_unit}
        for at, point in zip(curve.at, curve.points, strict=True):
            low, high = point.interval95 or (None, None)
            figures: Row = {"at": at, "n": point.n, "value": point.value, "ci95_low": low, "ci95_high": high}
            yield {**_of_run(record), "scenario": record.plan.scenario.name, **of_curve, **figures}


_EACH: Mapping[str, Callable[[RecordedRun], Iterator[Row]]] = MappingProxyType(
    {"queries": _queries, "operators": _operators, "points": _points}
)
