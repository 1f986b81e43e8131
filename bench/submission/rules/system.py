"""Rules about what is measured: the device, the models, the targets and the scenarios."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath, PureWindowsPath

from bench.analysis.verdict.emulated import is_emulated
from bench.scenarios.kinds import KINDS, scenario_name
from bench.submission.assessment import Assessment
from bench.submission.figures import later
from bench.submission.form import SubmittedModel
from bench.submission.matching import name_of
from bench.submission.rules.context import Context
from bench.submission.rules.rule import Hit, in_form, in_record, of_criterion
from bench.submission.track import track_named, track_names


def device_unnamed(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``device.name`` is empty."""
    if not str(assessment.submission.device.name).strip():
        yield Hit(in_form("device.name"))


def device_incomplete(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Fields of ``device`` that nobody but the applicant knows. What the environment in
    the records of the preferred device tells is not asked."""
    device = assessment.submission.device
    preferred = [target.id for target in assessment.submission.targets if not target.stand_in][:1]
    targets = [(run.record, run.record.plan.target) for run in assessment.runs]
    measured = [record for record, target in targets if target.id in preferred and not is_emulated(record)]
    known = {
        "soc": any(record.environment.host.get("cpu") for record in measured),
        "power_supply": any(record.environment.power_source for record in measured),
    }
    asked = ("maker", "soc", "form_factor", "power_supply", "cooling")
    missing = [name for name in asked if not str(getattr(device, name)).strip() and not known.get(name, False)]
    missing += ["room_celsius"] if device.room_celsius is None else []
    if missing:
        yield Hit(in_form("device"), {"fields": [f"device.{name}" for name in missing]})


def no_models(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``models`` is empty."""
    if not assessment.submission.models:
        yield Hit(in_form("models"))


def model_id_twice(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Two models have one ``id``, or one has none."""
    yield from (
        Hit(in_form(f"models[{name}].id"), {"id": name, "times": times})
        for name, times in Counter(model.id for model in assessment.submission.models).items()
        if times > 1 or not name.strip()
    )


def model_without_source(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``source`` of a model is empty."""
    for model in assessment.submission.models:
        if not model.source.strip():
            yield Hit(in_form(f"models[{model.id}].source"), {"model": model.id})


def model_not_found(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A model's file is not there, and no built-in has its name."""
    for model in assessment.submission.models:
        found = context.models.get(model.id)
        if model.source.strip() and found is not None and not found.exists:
            yield Hit(in_form(f"models[{model.id}].source"), {"model": model.id, "source": model.source})


def models_alike(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Two models have files of one name, by which their records are found."""
    seen: dict[tuple[str, str | None], SubmittedModel] = {}
    for model in assessment.submission.models:
        key = (name_of(model), model.precision)
        other = seen.setdefault(key, model)
        if key[0] and other.id != model.id:
            yield Hit(in_form(f"models[{model.id}].source"), {"model": model.id, "other": other.id, "file": key[0]})


def licence_missing(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``licence`` of a model is empty."""
    for model in assessment.submission.models:
        if not model.licence.strip():
            yield Hit(in_form(f"models[{model.id}].licence"), {"model": model.id})


def path_absolute(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A path that is right on one machine only, and tells how its user's folders are called."""
    for model in assessment.submission.models:
        fields = ("source", "dataset", "pipeline_inputs", "reference", "prompts")
        named = {field: getattr(model, field) for field in fields}
        named |= {f"inputs.{name}": file for name, file in model.inputs.items()}
        for field, path in named.items():
            if PurePosixPath(path).is_absolute() or PureWindowsPath(path).drive or path.startswith("~"):
                name = PureWindowsPath(path).name
                yield Hit(in_form(f"models[{model.id}].{field}"), {"model": model.id, "file": name})


def data_not_found(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A dataset, reference, file of prompts or input that the form names is not there."""
    for field, path in context.missing_files.items():
        yield Hit(in_form(field), {"file": path})


def model_unused(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """No criterion is decided by a model. A criterion that names none is decided by any."""
    criteria = assessment.submission.criteria
    named = {criterion.model for criterion in criteria}
    if not criteria or "" in named:
        return
    for model in assessment.submission.models:
        if model.id not in named:
            yield Hit(in_form(f"models[{model.id}]"), {"model": model.id})


def no_targets(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``targets`` is empty."""
    if not assessment.submission.targets:
        yield Hit(in_form("targets"))


def target_twice(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """One target stands twice: the records of both have one name."""
    yield from _twice("targets", (target.id for target in assessment.submission.targets))


def _twice(part: str, ids: Iterable[str]) -> Iterator[Hit]:
    for name, times in Counter(ids).items():
        if times > 1:
            yield Hit(in_form(f"{part}[{name}]"), {"id": name, "times": times})


def only_stand_ins(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """Every target is an emulator."""
    targets = assessment.submission.targets
    if targets and all(target.stand_in for target in targets):
        yield Hit(in_form("targets"), {"targets": [target.id for target in targets]})


def emulator_undeclared(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A record of a target says that it is an emulator, or a track does, and the form takes it for a device. The tracks
    of this project count beside the form's own, which may leave emulators out."""
    devices = {target.id for target in assessment.submission.targets if not target.stand_in}
    emulated = {run.record.plan.target.id: run for run in assessment.runs if is_emulated(run.record)}
    for name, run in emulated.items():
        if name in devices:
            yield Hit(in_form(f"targets[{name}].stand_in"), {"target": name, "record": run.record.record_id})
    own = [] if context.track is None else [(assessment.submission.track, context.track)]
    known = {
        one.id: name
        for name, track in (*((name, track_named(name)) for name in track_names()), *own)
        for one in track.targets
        if one.stand_in
    }
    for name in sorted((devices & known.keys()) - emulated.keys()):
        yield Hit(in_form(f"targets[{name}].stand_in"), {"target": name, "record": known[name]})
    denied = {run.record.plan.target.id: run for run in assessment.runs if not is_emulated(run.record)}
    for name in sorted((known.keys() - devices) & denied.keys()):
        yield Hit(
            in_record(denied[name].record.record_id, "plan.target.emulated"), {"target": name, "record": known[name]}
        )


def scenario_unknown(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """A scenario that neither this version knows, nor a record is of, nor a later version is to know."""
    played = {run.record.plan.scenario.name for run in assessment.runs}
    named = [(in_form(f"scenarios[{one.name}].name"), one.name) for one in assessment.submission.scenarios]
    named += [
        (of_criterion(one, "scenario"), scenario_name(one.scenario))
        for one in assessment.submission.criteria
        if one.scenario
    ]
    for where, name in named:
        if name not in KINDS and name not in played and later(name) is None:
            yield Hit(where, {"scenario": name, "known": list(KINDS)})


def scenario_of_no_model(assessment: Assessment, context: Context) -> Iterator[Hit]:
    """``models`` of a scenario names a model that the form does not have."""
    known = {model.id for model in assessment.submission.models}
    for one in assessment.submission.scenarios:
        for name in sorted(set(one.models) - known):
            yield Hit(in_form(f"scenarios[{one.name}].models"), {"scenario": one.name, "model": name})
