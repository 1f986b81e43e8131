"""Rules about the evidence: records, their figures, and the models and inputs that they are of."""

from collections.abc import Iterator
from hashlib import sha256

from bench.bundle.archive import chunks
from bench.bundle.checks.subject import NotChecked, Subject, Wrong
from bench.bundle.contents.layout import DATA, INPUTS, MODELS, RECORDS
from bench.bundle.contents.lists import PackedFile, PackedInput, PackedModel, named_inputs
from bench.bundle.packed_files import DATASET, PIPED, dataset_hashes, measured_on, pipeline_hashes, reads_beside
from bench.record.record import Record
from bench.store.records import RECORD, record_folders
from bench.submission.form import RECORDS as RECORD_FOLDER
from bench.submission.form import Submission, SubmittedModel
from bench.submission.matching import is_of
from bench.suite.text_files import TOKENIZER
from bench.words import sentence


def records(subject: Subject) -> Iterator[Wrong]:
    """Every record can be read with its samples, is as it was written, and is in the folder of its id."""
    for one in subject.assessment.refused:
        yield Wrong(f"{RECORDS}{one.name}", sentence("bundle.record_refused", reason=one.message))
    places = {place.name for place in record_folders(subject.bundle.data / RECORD_FOLDER)}
    known = {run.record.record_id for run in subject.assessment.runs}
    refused = {one.name for one in subject.assessment.refused}
    for name in sorted(places - known - refused) + sorted(known - places):
        yield Wrong(f"{RECORDS}{name}", sentence("bundle.record_in_other_folder"))
    if len(known) < len(subject.assessment.runs):
        yield Wrong(RECORDS, sentence("bundle.record_twice"))


def figures(subject: Subject) -> Iterator[Wrong]:
    """Every figure and verdict in a record is what its samples give. Those of a record by another version may follow
    other rules; they are nowhere used."""
    of_other_rules = []
    for run in subject.assessment.runs:
        for correction in run.corrections:
            if correction.edited:
                where = f"{RECORDS}{run.record.record_id}/{RECORD}: {correction.field}"
                yield Wrong(where, sentence("bundle.figure_differs", told=correction.told))
            else:
                of_other_rules.append(run.record.record_id)
    if of_other_rules:
        raise NotChecked(sentence("bundle.figures_of_other_rules", records=sorted({*of_other_rules})))


def models(subject: Subject) -> Iterator[Wrong]:
    """The models are those that the form names and the records were measured on."""
    stated = {one.id: one for one in subject.models.models}
    submission = subject.assessment.submission
    if [one.id for one in submission.models] != [one.id for one in subject.models.models]:
        yield Wrong("data/models.json", sentence("bundle.list_not_of_form"))
        return
    packed: set[str] = set()
    unread: list[str] = []
    for model in submission.models:
        one = stated[model.id]
        yield from _files(subject, one, packed)
        yield from _measured(subject, model, one)
        if one.packed and not _readable(subject, one):
            unread.append(one.id)
        elif one.packed and one.sha256 != _together(subject, one):
            yield Wrong(f"data/models.json: {one.id}", sentence("bundle.model_hash_differs"))
    for name in subject.files:
        if name.startswith(MODELS) and name not in packed:
            yield Wrong(name, sentence("bundle.file_has_no_place"))
    if unread:
        raise NotChecked(sentence("bundle.models_not_opened", models=unread))


def _files(subject: Subject, model: PackedModel, packed: set[str]) -> Iterator[Wrong]:
    """Whether the files that the list names are there, or are not."""
    reference = [] if model.reference is None else [model.reference, *model.reference_beside]
    listed = (*model.files, *model.beside, *reference)
    for file in listed:
        name = f"{DATA}{file.name}"
        if not name.startswith(f"{MODELS}{model.id}/"):
            yield Wrong(name, sentence("bundle.file_has_no_place"))
        packed.add(name)
    there = any(f"{DATA}{file.name}" in subject.files for file in listed)
    for file in listed if there or model.packed else ():
        yield from _is_there(subject, file)
    if model.packed != any(f"{DATA}{file.name}" in subject.files for file in model.files):
        yield Wrong(f"data/models.json: {model.id}", sentence("bundle.list_differs"))
    size_bytes = sum(file.size_bytes for file in model.files) if model.files else None
    if size_bytes != model.size_bytes or (model.files and model.sha256 is None) or (model.packed and not model.files):
        yield Wrong(f"data/models.json: {model.id}", sentence("bundle.model_size_differs"))


def _is_there(subject: Subject, file: PackedFile) -> Iterator[Wrong]:
    found = subject.files.get(f"{DATA}{file.name}")
    if found is None or (found.size_bytes, found.sha256) != (file.size_bytes, file.sha256):
        yield Wrong(f"{DATA}{file.name}", sentence("bundle.list_differs"))


def _measured(subject: Subject, model: SubmittedModel, one: PackedModel) -> Iterator[Wrong]:
    """Whether the records of ``model`` state its hash."""
    for run in subject.assessment.runs:
        planned = run.record.plan.model.named_sha256
        if is_of(run.record, model) and one.sha256 is not None and planned is not None and planned != one.sha256:
            where = f"{RECORDS}{run.record.record_id}/{RECORD}: plan.model.sha256"
            yield Wrong(where, sentence("bundle.measured_another_model", model=model.id))
        if is_of(run.record, model) and reads_beside(run.record):
            yield from _tokenized(run.record, one)


def _tokenized(record: Record, model: PackedModel) -> Iterator[Wrong]:
    """Whether the tokenizer beside the model is the one that ``record`` states."""
    text, quality = record.summary.text_generation, record.quality
    stated = {
        "summary.text_generation.tokenizer": None if text is None else text.tokenizer,
        "quality.dataset.tokenizer": None if quality is None else quality.dataset.tokenizer,
    }
    for field, used in stated.items():
        if used is None or used.sha256 is None:
            continue
        for file in model.beside:
            if file.name.endswith(f"/{TOKENIZER}") and file.sha256 != used.sha256:
                where = f"{RECORDS}{record.record_id}/{RECORD}: {field}.sha256"
                yield Wrong(where, sentence("bundle.measured_another_tokenizer", model=model.id))


def _readable(subject: Subject, model: PackedModel) -> bool:
    return len(model.files) == 1 or all((subject.bundle.data / file.name).is_file() for file in model.files)


def _together(subject: Subject, model: PackedModel) -> str:
    """The hash of the model's files one after another."""
    if len(model.files) == 1:
        return model.files[0].sha256
    digest = sha256()
    for file in model.files:
        for chunk in chunks(subject.bundle.data / file.name):
            digest.update(chunk)
    return digest.hexdigest()


def inputs(subject: Subject) -> Iterator[Wrong]:
    """What was fed is what the form names and the records state."""
    submission, runs = subject.assessment.submission, subject.assessment.runs
    expected = [*_expected(submission)]
    stated = subject.inputs.inputs
    if expected != [(one.model, one.field, one.name) for one in stated]:
        yield Wrong("data/inputs.json", sentence("bundle.list_not_of_form"))
        return
    by_id = {model.id: model for model in submission.models}
    packed = set()
    untold: list[str] = []
    for one in stated:
        for file in one.files:
            packed.add(f"{DATA}{file.name}")
            yield from _is_there(subject, file)
            inside = file.name.startswith(f"{one.name}/") or (one.field == PIPED and file.name == one.name)
            if not inside or one.field not in (DATASET, PIPED):
                yield Wrong(f"{DATA}{file.name}", sentence("bundle.file_has_no_place"))
        if one.files:
            yield from _measured_on(subject, by_id[one.model], one, untold)
        if one.file is not None:
            packed.add(f"{DATA}{one.file.name}")
            yield from _is_there(subject, one.file)
            if one.file.name != one.name:
                yield Wrong(f"{DATA}{one.file.name}", sentence("bundle.file_has_no_place"))
        stated_of = {DATASET: one.dataset_sha256, PIPED: one.pipeline_sha256}
        for field, hashes in ((DATASET, dataset_hashes), (PIPED, pipeline_hashes)):
            if stated_of[field] != (hashes(by_id[one.model], runs) if one.field == field else ()):
                yield Wrong(f"data/inputs.json: {one.model}.{one.field}", sentence("bundle.not_what_follows"))
        for run in runs:
            if is_of(run.record, by_id[one.model]) and not _was_fed(run.record, one):
                where = f"{RECORDS}{run.record.record_id}/{RECORD}: plan.asked.{one.field}"
                yield Wrong(where, sentence("bundle.fed_another", file=one.name))
    for name in subject.files:
        if name.startswith(INPUTS) and name not in packed:
            yield Wrong(name, sentence("bundle.file_has_no_place"))
    if untold:
        raise NotChecked(sentence("bundle.data_not_compared", records=untold))


def _measured_on(subject: Subject, model: SubmittedModel, one: PackedInput, untold: list[str]) -> Iterator[Wrong]:
    """Whether the records of ``model`` are of the dataset, or the files of a pipeline, in the bundle; ``untold`` gets
    those of which that cannot be told."""
    for run in subject.assessment.runs:
        if not is_of(run.record, model):
            continue
        place = subject.bundle.data / one.name
        is_it = None if subject.data is None else measured_on(subject.data, one.field, place, run.record)
        if is_it is None:
            untold.append(run.record.record_id)
        elif not is_it:
            field = "quality.dataset.sha256" if one.field == DATASET else "plan.pipeline.sha256"
            where = f"{RECORDS}{run.record.record_id}/{RECORD}: {field}"
            yield Wrong(where, sentence("bundle.record_judged_on_other_data", folder=one.name))


def _expected(submission: Submission) -> Iterator[tuple[str, str, str]]:
    for model in submission.models:
        for field, path in named_inputs(model).items():
            yield model.id, field, path
        for field, path in ((DATASET, model.dataset), (PIPED, model.pipeline_inputs)):
            if path:
                yield model.id, field, path


def _was_fed(record: Record, one: PackedInput) -> bool:
    """Whether the record states the hash of that input, or none."""
    asked = record.plan.asked
    if asked is None or one.file is None:
        return True
    named = asked.prompts if one.field == "prompts" else asked.inputs.get(one.field.removeprefix("inputs."))
    return named is None or named.sha256 in (None, one.file.sha256)
