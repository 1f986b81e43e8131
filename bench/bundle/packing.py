"""Makes a bundle of a submission's folder: the same folder gives the same bytes, wherever it is packed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from bench.bundle.archive import MOST_FILES, Measured, chunks, measured, write_archive
from bench.bundle.contents.content import given_of
from bench.bundle.contents.derived import bag, crate, descriptions, tag_manifest, top_name
from bench.bundle.contents.judging import Judged
from bench.bundle.contents.layout import (
    DATA,
    DOSSIER,
    ENVELOPE,
    FORM,
    INPUT_LIST,
    MODEL_LIST,
    MODELS,
    RECORDS,
    STATEMENT,
    TRACK,
    Facts,
    json_bytes,
)
from bench.bundle.contents.lists import InputList, ModelList, PackedInput
from bench.bundle.contents.statement import private_key, signed
from bench.bundle.contents.toml import toml_bytes
from bench.bundle.names import colliding, wrong_name
from bench.bundle.opening import MOST_BESIDE_MODELS_BYTES, PREFIX
from bench.bundle.packed_files import DataReader, FilesOf, packed_files
from bench.bundle.packed_form import PackedForm, packed_form, packed_track
from bench.bundle.pictures import of_camera
from bench.bundle.privacy import identifying, leak_in, named_in, owner_of_this_machine
from bench.errors import InputError, OdbError
from bench.reading import is_file, is_folder
from bench.scratch import scratch_folder, sweep
from bench.store.records import RECORD, SAMPLES, WRITING, record_folders
from bench.submission.assessment import Assessment, assess
from bench.submission.form import RECORDS as RECORD_FOLDER
from bench.submission.form import SubmittedModel, read_submission
from bench.submission.track import Track, read_track, track_named, track_names
from bench.words import Sentence, sentence

Renderer = Callable[[Assessment, Path], Mapping[str, bytes]]
"""Dossiers by file name, of an assessment and the folder it is of. The same content must give the same bytes."""


def no_dossier(assessment: Assessment, folder: Path) -> Mapping[str, bytes]:
    """The renderer of a bundle without a dossier."""
    return {}


def only_itself(model: SubmittedModel, place: Path) -> tuple[Path, ...]:
    """The files of a model that is a single file, or everything in a folder."""
    if place.is_dir():
        return tuple(sorted(file for file in place.rglob("*") if file.is_file()))
    return (place,)


class PackOptions(Struct, frozen=True, kw_only=True):
    """``despite_rejections``: pack what ``odb check`` rejects; ``keep_names``: pack files that name the account, the
    machine or its folders; ``key``: the PEM file to sign with; ``with_data``: pack the datasets and the files of
    pipelines."""

    with_models: bool = True
    with_data: bool = False
    blind: bool = False
    despite_rejections: bool = False
    keep_names: bool = False
    key: Path | None = None


class Packing(Struct, frozen=True, kw_only=True):
    """A bundle that is ready to be written. ``files``: by name, the top folder first."""

    name: str
    files: dict[str, Measured]
    judged: Judged
    form: PackedForm
    inputs: tuple[PackedInput, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(one.size_bytes for one in self.files.values())


class Rejected(OdbError):
    """A submission that ``odb check`` rejects is not packed."""

    exit_status = 1

    def __init__(self, judged: Judged) -> None:
        self.judged = judged
        super().__init__(sentence("bundle.rejected", rules=list(judged.failed)), sentence("bundle.rejected.remedy"))


@contextmanager
def packing(
    folder: Path,
    options: PackOptions,
    *,
    render: Renderer = no_dossier,
    files_of: FilesOf = only_itself,
    data: DataReader | None = None,
) -> Iterator[Packing]:
    """The bundle of the submission in ``folder``; some of its files exist only while it is open. ``data`` is needed to
    pack datasets and the files of pipelines.

    Raises ``InputError`` for what cannot be packed, and ``Rejected``.
    """
    submission = read_submission(folder)
    owner = owner_of_this_machine(folder)
    track = _track(folder, submission.track)
    own = track is not None and submission.track not in track_names()
    form = packed_form(submission, folder, owner, hide=options.blind, own_track=own)
    sweep(PREFIX)
    with scratch_folder(PREFIX) as scratch:
        made = _Bundle(scratch / "bundle")
        made.add({FORM: toml_bytes(form.submission)})
        if track is not None:
            made.add({TRACK: toml_bytes(packed_track(track, owner) if own else track)})
        _add_records(made, folder)
        assessment = _assessed(made.data)
        held = packed_files(
            submission,
            folder,
            assessment.runs,
            files_of,
            with_models=options.with_models,
            data=data if options.with_data else None,
        )
        _refuse_large(held.files)
        made.files.update(held.files)
        lists = {MODEL_LIST: json_bytes(ModelList(held.models)), INPUT_LIST: json_bytes(InputList(held.inputs))}
        made.add(lists)
        if not options.keep_names:
            _refuse_leaks(made.files, lambda name, one: leak_in(name, one.content, owner), *OF_MACHINE)
            _refuse_leaks(made.files, lambda name, one: of_camera(name, one.content), *OF_CAMERA)
        given = given_of(made.data, assessment, held.models, held.inputs, blind=options.blind)
        if given.judged.failed and not options.despite_rejections:
            raise Rejected(given.judged)
        made.add(descriptions(given))
        made.add({f"{DOSSIER}{name}": data for name, data in render(assessment, made.data).items()})
        made.add(crate(given, made.facts()))
        made.add(bag(given, made.facts()))
        if options.key is not None:
            statement = b"".join(chunks(made.files[STATEMENT].content))
            made.add({ENVELOPE: signed(statement, private_key(options.key))})
        made.add(tag_manifest(made.facts()))
        if options.blind:
            words = identifying(submission)
            _refuse_leaks(made.files, lambda name, one: named_in(name, one.content, words), *OF_APPLICANT)
        top = top_name(given, made.facts())
        _refuse_names(made.files)
        files = {f"{top}/{name}": one for name, one in made.files.items()}
        yield Packing(name=top, files=files, judged=given.judged, form=form, inputs=held.inputs)


def write_bundle(made: Packing, file: Path, told: Callable[[int], None] = lambda n: None) -> None:
    """Write the bundle to ``file``, which appears whole or not at all. Raises ``InputError``."""
    try:
        sweep(WRITING, file.parent)
        with scratch_folder(WRITING, file.parent) as staging:
            with (staging / "new").open("xb") as stream:
                write_archive(stream, made.files, told)
            (staging / "new").replace(file)
    except OSError as error:
        told_ = sentence("store.not_written", path=file, strerror=error.strerror)
        raise InputError(told_, sentence("store.free_space_choose_another_folder")) from None


class _Bundle:
    """The files of a bundle as they are put together; those that are made here are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, dict[str, Measured]()

    @property
    def data(self) -> Path:
        return self.folder / DATA

    def add(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            place = self.folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            self.files[name] = measured(content)

    def facts(self) -> dict[str, Facts]:
        return {name: Facts(one.size_bytes, one.sha256) for name, one in self.files.items()}


def _track(folder: Path, name: str) -> Track | None:
    """The track that the form names; ``None`` where there is none."""
    if name in track_names():
        return track_named(name)
    inside = name and Path(name).name == name and is_file(folder / name)
    return read_track(folder / name) if inside else None


def _add_records(made: _Bundle, folder: Path) -> None:
    """The records and their samples, and nothing else of their folders."""
    where = folder / RECORD_FOLDER
    for place in record_folders(where) if is_folder(where) else ():
        for name in (RECORD, SAMPLES):
            if is_file(place / name):
                made.add({f"{RECORDS}{place.name}/{name}": (place / name).read_bytes()})


def _assessed(data: Path) -> Assessment:
    found = assess(data)
    if found.refused:
        first = found.refused[0]
        told = sentence("bundle.record_unreadable", record=first.name, reason=first.message)
        raise InputError(told, sentence("bundle.record_unreadable.remedy"))
    return found


OF_MACHINE = "bundle.names_machine", sentence("bundle.names_machine.remedy")
OF_CAMERA = "bundle.names_camera", sentence("bundle.names_camera.remedy")
OF_APPLICANT = "bundle.names_applicant", sentence("bundle.names_applicant.remedy")


def _refuse_leaks(
    files: Mapping[str, Measured], leak: Callable[[str, Measured], str], code: str, remedy: Sentence
) -> None:
    """Raise ``InputError`` naming the first file in which ``leak`` finds something."""
    for name in sorted(files):
        found = leak(name, files[name])
        if found:
            told = sentence(code, file=name.removeprefix(DATA), found=found)
            raise InputError(told, remedy)


def _refuse_large(files: Mapping[str, Measured]) -> None:
    """Raise ``InputError`` where ``odb verify`` would not read a bundle with these files of models and inputs."""
    beside = sum(one.size_bytes for name, one in files.items() if not name.startswith(MODELS))
    if len(files) > MOST_FILES or beside > MOST_BESIDE_MODELS_BYTES:
        figures = {
            "count": len(files),
            "most": MOST_FILES,
            "size_bytes": beside,
            "most_bytes": MOST_BESIDE_MODELS_BYTES,
        }
        raise InputError(sentence("bundle.too_large_to_read", **figures), sentence("bundle.too_large_to_read.remedy"))


def _refuse_names(files: Mapping[str, Measured]) -> None:
    for name in files:
        wrong = wrong_name(f"top/{name}")
        if wrong is not None:
            told = sentence("bundle.model_file_refused", file=name.removeprefix(DATA), wrong=wrong)
            raise InputError(told, sentence("bundle.file_name_refused.remedy"))
    pair = colliding(files)
    if pair is not None:
        told = sentence("bundle.names_collide", first=pair[0], second=pair[1])
        raise InputError(told, sentence("bundle.file_name_refused.remedy"))
