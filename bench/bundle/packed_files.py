"""The files of models and inputs: which go into a bundle, and what it says of those that do not."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench.bundle.archive import Measured, chunks, measured
from bench.bundle.contents.layout import DATA, MODELS
from bench.bundle.contents.lists import PackedFile, PackedInput, PackedModel, named_inputs
from bench.bundle.names import wrong_name
from bench.bundle.packed_form import REFERENCE, input_place, model_place, names_file
from bench.errors import InputError
from bench.reading import is_file, is_folder
from bench.record.quality import DatasetFacts
from bench.record.record import Record, RecordedRun
from bench.scenarios.staged import TEXT
from bench.submission.form import Submission, SubmittedModel
from bench.submission.matching import is_of
from bench.suite.built_in_datasets import BUILT_IN
from bench.suite.text_files import files_beside
from bench.words import sentence

DATASET, PIPED = "dataset", "pipeline_inputs"
"""Fields of the form that may have many files: they are packed only where that is asked for."""

FilesOf = Callable[[SubmittedModel, Path], Sequence[Path]]
"""The files that belong to a model, which is at a path, the one to open first, as its reader knows them."""


class DataReader(Struct, frozen=True):
    """What knows datasets and pipelines. ``files``: those in a folder that samples are read from; ``judged_on``:
    whether a record's dataset is the one in a folder, ``None`` where that cannot be told. ``piped``: the files in a
    folder, or the one file, that a record's pipeline may take; ``went_through``: whether they are those that went
    through it."""

    files: Callable[[Path], Sequence[Path]]
    judged_on: Callable[[Path, DatasetFacts], bool | None]
    piped: Callable[[Path, Record], Sequence[Path]]
    went_through: Callable[[Path, Record], bool]


class PackedFiles(Struct, frozen=True, kw_only=True):
    """``files``: those that are packed, by name in the bundle."""

    models: tuple[PackedModel, ...]
    inputs: tuple[PackedInput, ...]
    files: dict[str, Measured]


def packed_files(
    submission: Submission,
    folder: Path,
    runs: Sequence[RecordedRun],
    files_of: FilesOf,
    *,
    with_models: bool,
    data: DataReader | None = None,
) -> PackedFiles:
    """What of the models and inputs of the form in ``folder`` goes into its bundle. ``data``: reads the datasets and
    the files of pipelines, which go in; ``None``: none does. Raises ``InputError`` for a file that cannot be read or
    packed, and for data that the records were not measured on."""
    files: dict[str, Measured] = {}
    try:
        models = tuple(_model(one, folder, runs, files_of, files, with_models) for one in submission.models)
        inputs = tuple(one for model in submission.models for one in _inputs(model, folder, runs, files, data))
    except OSError as error:
        told = sentence(
            "bundle.file_not_read", file=Path(error.filename or "").name, reason=error.strerror or str(error)
        )
        raise InputError(told, sentence("bundle.file_not_read.remedy")) from None
    return PackedFiles(models=models, inputs=inputs, files=files)


def _model(
    model: SubmittedModel,
    folder: Path,
    runs: Sequence[RecordedRun],
    files_of: FilesOf,
    files: dict[str, Measured],
    with_models: bool,
) -> PackedModel:
    reference, *beside = _reference(model, folder, files_of, files, with_models) or (None,)
    if not names_file(model.source, folder):
        return PackedModel(model.id, "built_in", reference=reference, reference_beside=tuple(beside))
    place = folder / model.source
    if not is_file(place) and not is_folder(place):
        return PackedModel(model.id, "missing", reference=reference, reference_beside=tuple(beside))
    found = _found(model_place(model.id, model.source), place, files_of(model, place))
    digest = sha256()
    for _, one in found if len(found) > 1 else ():
        for chunk in chunks(one.content):
            digest.update(chunk)
    base, names = model_place(model.id, model.source).rpartition("/")[0], [name for name, _ in found]
    of_texts = is_file(place) and any(is_of(run.record, model) and reads_beside(run.record) for run in runs)
    texts = {f"{base}/{file.name}": file for file in files_beside(place)} if of_texts else {}
    lying = [(name, measured(file)) for name, file in texts.items() if name not in names]
    if with_models:
        files.update({f"{DATA}{name}": one for name, one in (*found, *lying)})
    return PackedModel(
        model.id,
        "folder" if is_folder(place) else "file",
        packed=with_models,
        sha256=digest.hexdigest() if len(found) > 1 else found[0][1].sha256,
        size_bytes=sum(one.size_bytes for _, one in found),
        files=tuple(PackedFile(name, one.size_bytes, one.sha256) for name, one in found),
        beside=tuple(PackedFile(name, one.size_bytes, one.sha256) for name, one in lying),
        reference=reference,
        reference_beside=tuple(beside),
    )


def reads_beside(record: Record) -> bool:
    """Whether texts were made tokens by what lies beside the model's file. A model that was made from its file, as from
    a ``.gguf``, got its tokenizer from there, too."""
    plan, quality = record.plan, record.quality
    of_texts = plan.model.task == "text_generation" or (plan.pipeline is not None and plan.pipeline.kind == TEXT)
    judged = quality is not None and quality.dataset.tokenizer is not None
    return plan.model.source is None and (of_texts or judged)


def _found(name: str, place: Path, files: Sequence[Path]) -> list[tuple[str, Measured]]:
    """The files of a model by their names in the bundle, where it is called ``name`` itself."""
    base = name.rpartition("/")[0]
    found = [(f"{base}/{_within(file, place)}", measured(file)) for file in files]
    for inner, _ in found:
        _refuse_name(inner)
    return found


def _within(file: Path, place: Path) -> str:
    """The name of a model's file relative to the folder that the model is in."""
    for outer in (place.parent, place.parent.resolve(), place.resolve().parent):
        if file.is_relative_to(outer):
            return file.relative_to(outer).as_posix()
    return file.name


def _refuse_name(name: str) -> None:
    wrong = wrong_name(f"top/data/{name}")
    if wrong is not None:
        told = sentence("bundle.model_file_refused", file=name.removeprefix(MODELS), wrong=wrong)
        raise InputError(told, sentence("bundle.file_name_refused.remedy"))


def _reference(
    model: SubmittedModel, folder: Path, files_of: FilesOf, files: dict[str, Measured], with_models: bool
) -> "tuple[PackedFile, *tuple[PackedFile, ...]] | None":
    """The files of the model that it is compared with, the one to open first; ``None`` where there is none."""
    place = folder / model.reference
    if not model.reference or not (is_file(place) or is_folder(place)):
        return None
    asked = replace(model, source=model.reference, precision=None, shapes={})
    found = _found(model_place(model.id, model.reference, REFERENCE), place, files_of(asked, place))
    if with_models:
        files.update({f"{DATA}{name}": one for name, one in found})
    first, *others = (PackedFile(name, one.size_bytes, one.sha256) for name, one in found)
    return first, *others


def _packed(name: str, place: Path, files: dict[str, Measured]) -> PackedFile:
    found = measured(place)
    files[f"{DATA}{name}"] = found
    return PackedFile(name, found.size_bytes, found.sha256)


def _inputs(
    model: SubmittedModel,
    folder: Path,
    runs: Sequence[RecordedRun],
    files: dict[str, Measured],
    data: DataReader | None,
) -> Iterator[PackedInput]:
    for field, path in named_inputs(model).items():
        name = input_place(model, path)
        there = is_file(folder / path)
        yield PackedInput(model.id, field, name, _packed(name, folder / path, files) if there else None)
    if model.dataset:
        name = input_place(model, model.dataset)
        held = () if data is None else _dataset(model, folder / model.dataset, name, runs, files, data)
        yield PackedInput(model.id, DATASET, name, dataset_sha256=dataset_hashes(model, runs), files=held)
    if model.pipeline_inputs:
        name = input_place(model, model.pipeline_inputs)
        held = () if data is None else _piped(model, folder / model.pipeline_inputs, name, runs, files, data)
        yield PackedInput(model.id, PIPED, name, pipeline_sha256=pipeline_hashes(model, runs), files=held)


def _dataset(
    model: SubmittedModel,
    place: Path,
    name: str,
    runs: Sequence[RecordedRun],
    files: dict[str, Measured],
    data: DataReader,
) -> tuple[PackedFile, ...]:
    """The files of the dataset in ``place``; none of one that comes with the program."""
    if not is_folder(place) and "/" not in model.dataset and model.dataset in BUILT_IN:
        return ()
    found = data.files(place)
    for run in runs:
        if is_of(run.record, model) and measured_on(data, DATASET, place, run.record) is False:
            _refuse_other(place, run.record)
    return tuple(_packed(f"{name}/{file.relative_to(place).as_posix()}", file, files) for file in found)


def _piped(
    model: SubmittedModel,
    place: Path,
    name: str,
    runs: Sequence[RecordedRun],
    files: dict[str, Measured],
    data: DataReader,
) -> tuple[PackedFile, ...]:
    """The files in ``place`` that the pipelines of the records of ``model`` may take; none of records without one."""
    found: dict[Path, None] = {}
    for run in runs:
        if not is_of(run.record, model) or not own_inputs(run.record):
            continue
        if not data.went_through(place, run.record):
            _refuse_other(place, run.record)
        found.update(dict.fromkeys(data.piped(place, run.record)))
    names = {file: name if file == place else f"{name}/{file.relative_to(place).as_posix()}" for file in found}
    return tuple(_packed(names[file], file, files) for file in sorted(names))


def measured_on(data: DataReader, field: str, place: Path, record: Record) -> bool | None:
    """Whether ``record`` was measured on nothing but what is in ``place``, of that which the form names in ``field``;
    ``None`` where that cannot be told."""
    if field == PIPED:
        return not own_inputs(record) or data.went_through(place, record)
    piped = record.plan.pipeline is not None and not own_inputs(record)
    if piped and not data.went_through(place, record):
        return False
    return record.quality is None or data.judged_on(place, record.quality.dataset)


def own_inputs(record: Record) -> bool:
    """Whether files that are no dataset went through a pipeline."""
    asked = record.plan.asked
    return record.plan.pipeline is not None and asked is not None and asked.pipeline_inputs is not None


def _refuse_other(place: Path, record: Record) -> None:
    told = sentence("bundle.judged_on_other_data", folder=place.name, record=record.record_id)
    raise InputError(told, sentence("bundle.judged_on_other_data.remedy"))


def pipeline_hashes(model: SubmittedModel, runs: Sequence[RecordedRun]) -> tuple[str, ...]:
    """Those of the files that went through the pipelines of the records of ``model``."""
    mine = [run.record for run in runs if is_of(run.record, model) and own_inputs(run.record)]
    return tuple(sorted({one.plan.pipeline.sha256 for one in mine if one.plan.pipeline is not None}))


def dataset_hashes(model: SubmittedModel, runs: Sequence[RecordedRun]) -> tuple[str, ...]:
    """Those of the data on which the records of ``model`` were judged."""
    judged = [run.record.quality for run in runs if is_of(run.record, model)]
    return tuple(sorted({quality.dataset.sha256 for quality in judged if quality is not None}))
