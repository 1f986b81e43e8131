"""Rules about the records in the folder: whether they are whole, of this model, and measured alike."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.analysis.verdict.emulated import is_emulated
from bench.printable import clean
from bench.record.evidence import OTHER_SIDE
from bench.record.record import Record
from bench.submission.assessment import Assessment
from bench.submission.form import SubmittedModel
from bench.submission.matching import is_of
from bench.submission.measuring.yardstick import is_yardstick
from bench.submission.rules.context import Context, ModelFile
from bench.submission.rules.rule import Hit, deciding, in_form, in_record, sound_parts, without_record
from bench.suite.presets import PRESETS

HOST = ("cpu", "board", "cores_logical", "memory_bytes", "os", "machine")
"""What tells one machine from another."""
HOT_CELSIUS = 90.0
OWN_RULE = frozenset(
    (
        *("record_edited", "recomputed", "quality_of_another", "output_unchecked", "fallback", "dataset_incomplete"),
        *("on_battery", "emulated", "frequency_changed"),
    )
)
"""Codes of a verdict that have a rule of their own."""


def _ok(assessment: Assessment) -> list[Record]:
    return [run.record for run in assessment.runs if run.record.status == "ok"]


def _chosen(assessment: Assessment) -> list[Record]:
    """Those that decide a criterion."""
    return [run.record for run in deciding(assessment).values()]


def _codes(record: Record) -> list[str]:
    return [] if record.verdict is None else [reason.code for reason in record.verdict.reasons]


def refused(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record cannot be read, or contradicts itself."""
    for one in assessment.refused:
        yield Hit(in_record(clean(one.name)), {"reason": clean(one.message)})


def edited(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record states what its samples do not give."""
    for run in assessment.runs:
        if "record_edited" in _codes(run.record):
            fields = [one.field for one in run.corrections if one.edited] or ["record.json"]
            yield Hit(in_record(run.record.record_id, fields[0]), {"fields": fields[:5]})


def recomputed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Figures of a record were computed by other rules, and are others by today's."""
    for run in assessment.runs:
        if "recomputed" in _codes(run.record):
            yield Hit(in_record(run.record.record_id, "tool"), {"version": run.record.tool.version})


def unmeasured(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record is of a run that failed or was skipped, and another decides what it was to."""
    missed = {record.record_id for _, tried in without_record(assessment) for record in tried}
    for run in assessment.own:
        record = run.record
        if record.status != "ok" and record.record_id not in missed and not _waited(record):
            kind = record.failure.kind if record.failure is not None else record.status
            yield Hit(in_record(record.record_id, "status"), {"status": record.status, "kind": kind})


def _waited(record: Record) -> bool:
    """Whether it was not measured only because its yardstick was not; it was measured alone then."""
    return record.failure is not None and record.failure.phase == OTHER_SIDE


def misplaced(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record lies in a folder of another name, or stands there twice."""
    for name, times in Counter(run.record.record_id for run in assessment.runs).items():
        if times > 1 or (context.record_folders is not None and name not in context.record_folders):
            yield Hit(in_record(name), {"record": name})


def samples_twice(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Two records have the same samples: one of them is a copy, and was not measured."""
    first: dict[str, str] = {}
    for run in assessment.runs:
        file, name = run.record.samples_file, run.record.record_id
        if file is not None and first.setdefault(file.sha256, name) != name:
            yield Hit(in_record(name, "samples_file.sha256"), {"record": name, "other": first[file.sha256]})


def another_model(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record is of another file than the model's in the folder."""
    for model in assessment.submission.models:
        file = context.models.get(model.id)
        for record in _of_model(assessment, model):
            if file is not None and _differs(record, file):
                where = in_record(record.record_id, "plan.model.sha256")
                figures = {"model": model.id, "stated": (record.plan.model.named_sha256 or "")[:12]}
                yield Hit(where, {**figures, "found": (file.sha256 or "")[:12]})


def _of_model(assessment: Assessment, model: SubmittedModel) -> list[Record]:
    return [record for record in _ok(assessment) if is_of(record, model)]


def _differs(record: Record, file: ModelFile) -> bool:
    """Whether ``record`` is surely of another file. A model with more files than ``file`` tells nothing."""
    model = record.plan.model
    if file.sha256 is None or file.size_bytes is None or model.named_sha256 is None:
        return False
    more = model.named_size_bytes is not None and model.named_size_bytes > file.size_bytes
    return model.named_sha256 != file.sha256 and not more


def models_differ(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Records of one model are of several files."""
    for model in assessment.submission.models:
        hashes = {record.plan.model.sha256: record.record_id for record in _of_model(assessment, model)}
        if len(hashes) > 1:
            yield Hit(in_form(f"models[{model.id}]"), {"model": model.id, "records": sorted(hashes.values())})


def _per_target(assessment: Assessment, of: Callable[[Record], dict[str, Any]], field: str) -> Iterator[Hit]:
    """Targets whose records differ in what ``of`` gives: the fields that do. What one of them does not tell is no
    difference."""
    found: dict[str, list[Record]] = {}
    for record in _ok(assessment):
        found.setdefault(record.plan.target.id, []).append(record)
    for target, records in found.items():
        facts = [of(record) for record in records]
        names = sorted({name for one in facts for name in one})
        differing = [name for name in names if len({str(one[name]) for one in facts if name in one}) > 1]
        if differing:
            yield Hit(in_record("*", field), {"target": target, "fields": differing, "records": len(records)})


def machines_differ(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Records of one target come from several machines."""

    def facts(record: Record) -> dict[str, Any]:
        host = record.environment.host
        return {name: host[name] for name in HOST if host.get(name) is not None}

    yield from _per_target(assessment, facts, "environment.host")


def runtimes_differ(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Records of one target were measured with several versions of a runtime or driver."""
    yield from _per_target(
        assessment, lambda r: {**r.environment.runtime, **r.environment.driver}, "environment.runtime"
    )


def tools_differ(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Records were written by several versions of this program."""
    found = {(record.tool.version, record.tool.rules) for record in _ok(assessment)}
    if len(found) > 1:
        yield Hit(in_record("*", "tool"), {"versions": sorted({" ".join(filter(None, one)) for one in found})})


def tool_of_another_version(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record that decides was written by another version than the one that checks."""
    for record in _chosen(assessment):
        if record.tool.version != context.version:
            figures = {"version": record.tool.version, "this": context.version}
            yield Hit(in_record(record.record_id, "tool.version"), figures)


def seed_differs(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record that decides was made with another seed than the form states."""
    seed = assessment.submission.measuring.seed
    for record in _chosen(assessment):
        if record.plan.seed != seed:
            yield Hit(in_record(record.record_id, "plan.seed"), {"made": record.plan.seed, "stated": seed})


def preset_differs(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record that decides was made with another preset than the form states."""
    preset = assessment.submission.measuring.preset
    for record in _chosen(assessment) if preset in PRESETS else ():
        if record.plan.preset != preset:
            yield Hit(in_record(record.record_id, "plan.preset"), {"made": record.plan.preset, "stated": preset})


def stale(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A model without a hash to compare was changed after it was measured."""
    for model in assessment.submission.models:
        file = context.models.get(model.id)
        for record in _of_model(assessment, model):
            changed = None if file is None else file.modified_utc
            hashed = file is not None and file.sha256 == record.plan.model.named_sha256 is not None
            if file is None or hashed or _differs(record, file):
                continue
            if changed is not None and changed > record.created_utc:
                yield Hit(in_record(record.record_id, "created_utc"), {"model": model.id})


def plugin_needed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record that decides was measured with a plugin file."""
    for record in _chosen(assessment):
        plugins: Sequence[str] = () if record.plan.asked is None else record.plan.asked.plugins
        if plugins:
            yield Hit(in_record(record.record_id, "plan.asked.plugins"), {"plugins": list(plugins)})


def on_battery(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record that decides was measured on battery."""
    for record in _chosen(assessment):
        if record.environment.power_source == "battery":
            yield Hit(in_record(record.record_id, "environment.power_source"))


def governor(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record that decides was measured while the clock followed the load."""
    for record in _chosen(assessment):
        found = record.environment.governor
        if found not in (None, "performance") and not is_emulated(record):
            yield Hit(in_record(record.record_id, "environment.governor"), {"governor": found})


def heat(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record that decides began on a hot machine."""
    for record in _chosen(assessment):
        hot = max(record.environment.temperature_celsius.values(), default=0.0)
        if hot >= HOT_CELSIUS:
            where = in_record(record.record_id, "environment.temperature_celsius")
            yield Hit(where, {"celsius": hot, "most": HOT_CELSIUS})


def clock_changed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """The clock of a record that decides changed while it was measured."""
    for record in _chosen(assessment):
        if "frequency_changed" in _codes(record):
            yield Hit(in_record(record.record_id, "verdict"))


def notes(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Other reasons that a verdict notes on a record that decides."""
    for record in _chosen(assessment):
        reasons = () if record.verdict is None else record.verdict.reasons
        codes = [one.code for one in reasons if not one.invalidates and one.code not in OWN_RULE]
        if codes:
            yield Hit(in_record(record.record_id, "verdict"), {"codes": codes})


def unused(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A measured record fits no criterion, and is no yardstick."""
    fitting = {name for row in assessment.rows for name in (row.record_id, *row.others)}
    for record in _ok(assessment) if sound_parts(assessment.submission) else ():
        if record.record_id not in fitting and not is_yardstick(record):
            figures = {"model": record.plan.model.id, "target": record.plan.target.id}
            yield Hit(in_record(record.record_id), {**figures, "scenario": record.plan.scenario.name})


def options_differ(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record was measured with other options of its target than the form states."""
    stated: dict[str, list[dict[str, str]]] = {}
    for target in assessment.submission.targets:
        stated.setdefault(target.id, []).append(target.options)
    for run in assessment.runs:
        used, record = run.record.plan.target, run.record
        if record.status == "ok" and used.id in stated and used.options_requested not in stated[used.id]:
            first = stated[used.id][0]
            names = sorted({name for name, _ in first.items() ^ used.options_requested.items()})
            where = in_record(record.record_id, "plan.target.options_requested")
            yield Hit(where, {"target": used.id, "options": names})
