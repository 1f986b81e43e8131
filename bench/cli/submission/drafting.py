"""What ``odb init`` was asked for, turned into the draft of a form: names are looked up, models are read."""

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from bench.cli.asked import with_pipeline, with_quality
from bench.cli.submission.questions import asked_models, asked_text, asked_track
from bench.contracts import CompletesDevices, Task
from bench.contracts.names import file_model_id, folder_model_id
from bench.errors import InputError, OdbError, UnknownName
from bench.plugins import Catalog, load
from bench.scripting.places import cache_folder
from bench.submission.draft import Draft, DraftModel, Named, drafted
from bench.submission.form import SUBMISSION, Measuring, SubmittedModel, SubmittedTarget
from bench.submission.track import Track, track_named, track_names
from bench.submission.track_check import checked_track
from bench.suite.presets import PRESETS
from bench.suite.suite import ModelAsk, Suite, TargetAsk, check, is_file
from bench.words import sentence


class Request(Struct, frozen=True, kw_only=True):
    """The flags of ``odb init``. ``None``: not given. ``asks``: whether what was not given may be asked."""

    track: str | None
    folder: Path | None
    models: tuple[str, ...]
    targets: tuple[str, ...]
    track_file: Path | None
    project: str | None
    applicant: str | None
    device: str | None
    datasets: tuple[str, ...]
    pipeline_inputs: tuple[str, ...]
    references: tuple[str, ...]
    preset: str | None
    force: bool
    asks: bool


class Made(Struct, frozen=True):
    """``folder``: where the form goes. ``track_file``: the user's own track, to be copied there."""

    folder: Path
    draft: Draft
    track_file: Path | None = None


def draft_of(request: Request, catalog: Catalog) -> Made:
    """The draft. Raises ``InputError`` or ``UnknownName`` naming the flag or the name, and for a form that exists."""
    track, folder = _track_and_folder(request)
    if (folder / SUBMISSION).exists() and not request.force:
        raise InputError(
            sentence("cli.init.exists", file=folder / SUBMISSION), sentence("cli.init.exists.remedy", flag="--force")
        )
    if request.preset is not None and request.preset not in PRESETS:
        raise UnknownName(sentence("suite.preset"), request.preset, PRESETS)
    project = request.project
    if request.asks:
        project = asked_text("cli.init.ask.project", request.project, folder.resolve().name)
    applicant = asked_text("cli.init.ask.applicant", request.applicant) if request.asks else request.applicant
    device = asked_text("cli.init.ask.device", request.device) if request.asks else request.device
    models = request.models
    if request.asks and not models:
        suffixes = [name for name in catalog.names("models") if name.startswith(".")]
        models = asked_models((folder, folder / "models", Path()), suffixes)
    named = Named(
        track=track.id if request.track_file is None else request.track_file.name,
        models=tuple(draft_models(models, request, folder, catalog)),
        targets=tuple(_target(name, track, catalog) for name in request.targets),
        project=project or "",
        applicant=applicant or "",
        device=device or "",
        measuring=Measuring() if request.preset is None else Measuring(preset=request.preset),
    )
    return Made(folder, drafted(track, named, lambda target: is_known(target, catalog)), request.track_file)


def _track_and_folder(request: Request) -> tuple[Track, Path]:
    if request.track_file is not None:
        if request.folder is not None:
            raise InputError(
                sentence("cli.init.two_tracks", track=request.track or "", file=request.track_file),
                sentence("cli.leave_one_out"),
            )
        if request.track_file.suffix != ".toml" or request.track_file.name == SUBMISSION:
            raise InputError(
                sentence("cli.init.track_name", file=request.track_file), sentence("cli.init.track_name.remedy")
            )
        track = checked_track(request.track_file)
        return track, Path(request.track or track.id)
    name = request.track
    if name is None and request.asks:
        name = asked_track(track_names())
    if name is None:
        raise InputError(
            sentence("cli.init.no_track"), sentence("cli.init.no_track.remedy", tracks=list(track_names()))
        )
    track = track_named(name)
    return track, request.folder or Path(track.id)


def draft_models(sources: Sequence[str], request: Request, folder: Path, catalog: Catalog) -> list[DraftModel]:
    """Each model as the form has it, with paths relative to ``folder``, and its task."""
    from bench.execution.model_files import tasks_of_models

    named = with_pipeline([ModelAsk(source) for source in sources], request.pipeline_inputs)
    asks = with_quality(named, request.datasets, None, request.references)
    check(Suite(models=asks), catalog)
    tasks: list[Task] = tasks_of_models(asks, catalog, cache_folder())
    found: list[DraftModel] = []
    for ask, task in zip(asks, tasks, strict=True):
        own = is_file(ask.source) or Path(ask.source).is_dir()
        plain = _model_id(ask.source)
        used = {one.model.id for one in found}
        name = next(name for name in (plain, *(f"{plain}-{n}" for n in range(2, len(asks) + 2))) if name not in used)
        model = SubmittedModel(
            id=name,
            source=_from(folder, ask.source) if own else ask.source,
            dataset=_from(folder, ask.dataset) if ask.dataset else "",
            pipeline_inputs=_from(folder, ask.pipeline_inputs) if ask.pipeline_inputs else "",
            reference=_from(folder, ask.reference) if ask.reference else "",
        )
        found.append(DraftModel(model, task))
    return found


def _model_id(source: str) -> str:
    path = Path(source)
    if path.is_dir():
        return folder_model_id(path)
    return file_model_id(path) if is_file(source) else source


def _from(folder: Path, path: str) -> str:
    """``path`` as seen from ``folder``, with slashes, and never a bare name: that would be a built-in's."""
    try:
        seen = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return Path(path).resolve().as_posix()
    return seen if "/" in seen else f"./{seen}"


def _target(name: str, track: Track, catalog: Catalog) -> SubmittedTarget:
    """A target that was named: with the track's options, or as this machine knows it."""
    for one in track.targets:
        if one.id == name:
            return SubmittedTarget(id=name, options=dict(one.options), stand_in=one.stand_in)
    from bench.execution.probe import probe_targets, temporary_workspace
    from bench.suite.plan import choose_targets, device_named

    ((_, ref, device),) = choose_targets(Suite(targets=(TargetAsk(name),)), catalog)
    with temporary_workspace() as workspace:
        facts = probe_targets(catalog, workspace, {ref.name: (device,) if device else ()})[ref.name]
    found = device_named(ref.name, device, facts.devices) if device else facts.devices[0]
    return SubmittedTarget(id=f"{ref.name}:{found.name}", stand_in=found.emulated)


def is_known(target: str, catalog: Catalog) -> bool:
    """Whether this version has a target of that id, usable here or not. Nothing is imported of a runtime."""
    plugin, _, device = target.partition(":")
    if plugin not in catalog.names("targets"):
        return False
    try:
        loaded = load(catalog.find("targets", plugin))
    except OdbError:
        return False
    if not isinstance(loaded, CompletesDevices) or not device:
        return True
    names = {name.rstrip(":") for name in loaded.device_names}
    return device in names or device.replace(".", ":").partition(":")[0] in names
