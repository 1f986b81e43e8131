"""What rules know besides the assessment: the track, the files that the form names, and what this version can do. All
of it is read before, so that a rule reads no file."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType

from msgspec import Struct

from bench import __version__
from bench.digest import sha256_of_files
from bench.errors import OdbError
from bench.plugins import discover
from bench.reading import exists, is_file
from bench.store.records import RECORD
from bench.submission.form import RECORDS, Submission, SubmittedModel
from bench.submission.track import Track, track_named, track_names
from bench.submission.track_check import checked_track
from bench.suite.found_files import model_files
from bench.words import Sentence, words_of


class ModelFile(Struct, frozen=True):
    """A model that the form names. ``built_in``: this program or a plugin makes it, and it has no file. ``sha256`` and
    ``size_bytes``: of its files as a record has them; null of a folder. ``modified_utc``: of the newest of them."""

    exists: bool
    built_in: bool = False
    sha256: str | None = None
    size_bytes: int | None = None
    modified_utc: str | None = None


class Context(Struct, frozen=True, kw_only=True):
    """``track_problem``: why there is no track. ``models``: by the id in the form. ``missing_files``: fields of models
    that name a file or folder which is not there. ``record_folders``: names of the folders in ``records``, ``None``
    where there is no folder. ``version``: of this program."""

    folder: Path
    track: Track | None = None
    track_problem: Sentence | str = ""
    models: Mapping[str, ModelFile] = MappingProxyType({})
    missing_files: Mapping[str, str] = MappingProxyType({})
    record_folders: frozenset[str] | None = None
    version: str = __version__


def context_of(folder: Path, submission: Submission, *, confined: bool = False) -> Context:
    """What rules need to know of the submission in ``folder``. Hashes the model files. ``confined``: nothing outside of
    ``folder`` is looked at, as in what somebody else sent."""
    track, problem = _track(folder, submission.track)
    built_in = frozenset(name for name in discover().names("models") if not name.startswith((".", "/")))
    return Context(
        folder=folder,
        track=track,
        track_problem=problem,
        models={model.id: _model(folder, model, built_in, confined) for model in submission.models},
        missing_files=dict(_missing(folder, submission, confined)),
        record_folders=frozenset(found.parent.name for found in (folder / RECORDS).glob(f"*/{RECORD}")),
    )


def _track(folder: Path, name: str) -> tuple[Track | None, Sentence | str]:
    try:
        inside = PurePosixPath(name).name == name == PureWindowsPath(name).name
        if name not in track_names() and name and inside and is_file(folder / name):
            return checked_track(folder / name), ""
        return track_named(name), ""
    except OdbError as error:
        return None, words_of(error)


def _model(folder: Path, model: SubmittedModel, built_in: frozenset[str], confined: bool) -> ModelFile:
    if model.source in built_in:
        return ModelFile(exists=True, built_in=True)
    place = folder / model.source
    try:
        if not model.source or (confined and not _inside(place, folder)):
            return ModelFile(exists=False)
        if place.is_dir():
            times = [one.stat().st_mtime for one in place.iterdir()]
            return ModelFile(exists=True, modified_utc=_when(max(times, default=place.stat().st_mtime)))
        if not place.is_file():  # absent, or a pipe or a device that would be read without an end
            return ModelFile(exists=False)
        files = model_files(place)
        return ModelFile(
            exists=True,
            sha256=sha256_of_files(files),
            size_bytes=sum(file.stat().st_size for file in files),
            modified_utc=_when(max(file.stat().st_mtime for file in files)),
        )
    except (OSError, ValueError):  # may not be read, or no name of a file
        return ModelFile(exists=False)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _inside(place: Path, folder: Path) -> bool:
    return place.resolve().is_relative_to(folder.resolve())


def _missing(folder: Path, submission: Submission, confined: bool) -> Iterator[tuple[str, str]]:
    for number, model in enumerate(submission.models):
        named = {name: getattr(model, name) for name in ("dataset", "pipeline_inputs", "reference", "prompts")}
        named |= {f"inputs.{name}": file for name, file in model.inputs.items()}
        for field, path in named.items():
            if path and not _there(folder, path, confined):
                yield f"models[{model.id or number}].{field}", path


def _there(folder: Path, path: str, confined: bool) -> bool:
    try:
        return exists(folder / path) and (not confined or _inside(folder / path, folder))
    except (OSError, ValueError):
        return False
