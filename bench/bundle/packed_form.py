"""The form as a bundle has it: paths within the bundle, nothing of the machine, and in a blind one no names."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec
from msgspec import Struct

from bench.bundle.contents.layout import INPUTS, MODELS
from bench.bundle.names import wrong_name
from bench.bundle.privacy import Owner, blind, without_owner
from bench.errors import InputError
from bench.reading import exists
from bench.submission.form import SUBMISSION, Submission, SubmittedModel
from bench.submission.track import Track
from bench.words import sentence

PARTIES = ("applicant", "demand_company")
"""What the applicant says of persons and companies is not searched for the names of accounts."""
OWN_TRACK = "track.toml"
REFERENCE = "reference"
SUFFIXES = (".onnx", ".xml", ".tflite", ".gguf")


class PackedForm(Struct, frozen=True):
    """``changed``: fields from which something of the machine was taken out; ``emptied``: those left out because the
    bundle is blind."""

    submission: Submission
    changed: tuple[str, ...]
    emptied: tuple[str, ...]


def packed_form(
    submission: Submission, folder: Path, owner: Owner, *, hide: bool = False, own_track: bool = False
) -> PackedForm:
    """``submission``, which is in ``folder``, as it is packed. ``hide``: the bundle is blind; ``own_track``: its track
    is a file of the folder."""
    changed: list[str] = []
    emptied: list[str] = []

    def change(field: str, text: str) -> str:
        if hide and blind(field):
            emptied.extend([field] if text else [])
            return ""
        kept = text if field.startswith(PARTIES) else without_owner(text, owner)
        changed.extend([field] if kept != text else [])
        return kept

    placed = msgspec.structs.replace(submission, models=tuple(_placed(model, folder) for model in submission.models))
    found = msgspec.convert(_mapped(msgspec.to_builtins(placed), change), Submission)
    if own_track:
        found = msgspec.structs.replace(found, track=OWN_TRACK)
    return PackedForm(_without_empty(found), tuple(changed), tuple(emptied))


def packed_track(track: Track, owner: Owner) -> Track:
    """``track`` without anything of the machine."""
    return msgspec.convert(_mapped(msgspec.to_builtins(track), lambda _, text: without_owner(text, owner)), Track)


def _mapped(value: Any, change: Callable[[str, str], str], field: str = "") -> Any:
    if isinstance(value, str):
        return change(field, value)
    if isinstance(value, dict):
        return {key: _mapped(one, change, f"{field}.{key}" if field else str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(one, change, f"{field}[{number}]") for number, one in enumerate(value)]
    return value


def _without_empty(submission: Submission) -> Submission:
    """Lists of people without the entries that were emptied."""
    parties = {name: getattr(submission, name) for name in PARTIES}
    kept = {
        name: msgspec.structs.replace(party, people=tuple(filter(None, party.people)))
        for name, party in parties.items()
    }
    return msgspec.structs.replace(submission, **kept)


# ------------------------------------------------------------------------------------------------ paths


def _placed(model: SubmittedModel, folder: Path) -> SubmittedModel:
    """``model`` with its paths as they are in a bundle."""
    source, reference = model.source, model.reference
    return msgspec.structs.replace(
        model,
        source=model_place(model.id, source) if names_file(source, folder) else source,
        inputs={name: input_place(model, path) for name, path in model.inputs.items()},
        prompts=input_place(model, model.prompts) if model.prompts else "",
        dataset=input_place(model, model.dataset) if model.dataset else "",
        pipeline_inputs=input_place(model, model.pipeline_inputs) if model.pipeline_inputs else "",
        reference=model_place(model.id, reference, REFERENCE) if names_file(reference, folder) else reference,
    )


def names_file(source: str, folder: Path) -> bool:
    """Whether a model's source is a file or a folder, and not the name of a built-in."""
    written = any(sign in source for sign in "/\\") or PurePosixPath(source).suffix.lower() in SUFFIXES
    return bool(source) and (written or exists(folder / source))


def model_place(model: str, path: str, inner: str = "") -> str:
    """Where a model is, relative to ``data``; ``inner``: ``REFERENCE`` for that which it is compared with."""
    return _place(MODELS, model, path, inner)


def input_place(model: SubmittedModel, path: str) -> str:
    """Where a file is that ``model`` is fed: in a folder of its own where another has the same name."""
    paths = list(dict.fromkeys([*model.inputs.values(), model.prompts, model.dataset, model.pipeline_inputs]))
    alike = [one for one in paths if one and _base(one) == _base(path)]
    return _place(INPUTS, model.id, path, str(paths.index(path)) if len(alike) > 1 else "")


def _base(path: str) -> str:
    return (PureWindowsPath(path) if "\\" in path else PurePosixPath(path)).name


def _place(folder: str, model: str, path: str, inner: str) -> str:
    name = _base(path)
    found = "/".join(filter(None, (folder.removeprefix("data/").rstrip("/"), model, inner, name)))
    wrong = wrong_name(f"top/data/{found}") if name and "/" not in model else sentence("bundle.name_leads_out")
    if wrong is not None:
        message = sentence("bundle.file_name_refused", file=SUBMISSION, model=model, name=name or path, wrong=wrong)
        raise InputError(message, sentence("bundle.file_name_refused.remedy"))
    return found
