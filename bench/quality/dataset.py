"""Finds the samples of a dataset: a folder of images with labels, of pairs of ``.npz``, or of images with boxes.

    images and ``labels.json`` or ``labels.csv``            classification, or a plugin's own ``judge``
    ``NAME.npz`` and ``NAME.expected.npz``                  regression, segmentation or classification, by the type
    images and ``annotations.json`` (COCO)                  detection

Only names and labels are read here; a sample's own file is opened when it is judged. Samples that cannot be used,
including files without a label, are left out and reported; the rest is evaluated.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import TensorSpec
from bench.errors import InputError, problem_of
from bench.inputs.feeds import user_feeds
from bench.inputs.images import IMAGE_SUFFIXES
from bench.inputs.tensor_files import load_given
from bench.quality.coco import read_annotations
from bench.quality.labels import Labels, read_csv, read_json
from bench.reading import is_file, is_folder, leads_outside, with_slashes
from bench.record.quality import UNLABELLED, DatasetTask, LeftOut
from bench.suite.dataset_options import SAMPLING, DatasetAsk, DatasetOptions, read_options
from bench.suite.preprocessing import parse_preprocessing
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

EXPECTED = ".expected.npz"
ANNOTATIONS = "annotations.json"
SAMPLE_SUFFIXES = (*IMAGE_SUFFIXES, ".npy", ".npz")
FORMS = sentence("quality.form_of_dataset", annotations=ANNOTATIONS, expected=EXPECTED)


class Entry(Struct, frozen=True):
    """One sample: ``file`` in the folder, and what is ``expected`` of the outputs: class ids, boxes, any JSON value, or
    ``None`` where ``expected_file`` holds arrays."""

    file: str
    expected: Any
    field: str
    expected_file: str = ""


class Listing(Struct, frozen=True):
    """A dataset's samples by name, and what was left out of them. ``categories``: of boxes, the ids in ascending
    order; ``names``: of those that have one."""

    folder: Path
    task: DatasetTask
    options: DatasetOptions
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]
    categories: tuple[int, ...] = ()
    names: dict[int, str] = {}


def read_listing(ask: DatasetAsk, judged: bool) -> Listing:
    """The samples in the folder. ``judged``: the model's plugin judges, unless the options name a task.

    Raises ``InputError`` for a folder that is missing, holds nothing of the above, or no sample that can be used.
    """
    folder = ask.folder
    if not is_folder(folder):
        raise InputError(sentence("quality.no_such_folder", folder=folder.name), sentence("quality.check_path"))
    options = read_options(folder, ask.options)
    if options.states(SAMPLING):
        raise InputError(sentence("quality.sampling_of_tensors", options=list(SAMPLING)))
    task: DatasetTask | None = options.task or ("judged" if judged else None)
    sources = [name for name in ("labels.json", "labels.csv", ANNOTATIONS) if (folder / name).is_file()]
    if len(sources) > 1:
        raise InputError(
            sentence("quality.several_sources", folder=folder.name, sources=sources),
            sentence("quality.keep_one"),
        )
    if not sources:
        return _among(ask, _checked(_pairs(folder, options, task)))
    if sources == [ANNOTATIONS]:
        labels, task = read_annotations(folder / ANNOTATIONS), task or "detection"
    else:
        read = read_csv if sources == ["labels.csv"] else lambda path: read_json(path, task in (None, "classification"))
        labels, task = read(folder / sources[0]), task or "classification"
    return _among(ask, _checked(_labelled(folder, options, task, labels)))


def _among(ask: DatasetAsk, listing: Listing) -> Listing:
    """Only the samples that were asked for, where any were; nothing else counts as left out."""
    if not ask.only:
        return listing
    return replace(listing, entries=tuple(entry for entry in listing.entries if entry.file in ask.only), left_out=())


def _checked(listing: Listing) -> Listing:
    if listing.entries:
        return listing
    if not listing.left_out:
        raise InputError(sentence("quality.no_sample", folder=listing.folder.name), FORMS)
    first = listing.left_out[0]
    message = sentence(
        "quality.no_sample_for", folder=listing.folder.name, file=first.file, field=first.field, why=first.reason
    )
    raise InputError(message, FORMS)


def _labelled(folder: Path, options: DatasetOptions, task: DatasetTask, labels: Labels) -> Listing:
    entries, left = [], list(labels.wrong)
    for written in sorted(labels.of):
        field = f"{labels.file}: {written}"
        name = with_slashes(folder, written)
        path = folder / name
        if not name or leads_outside(name):
            left.append(LeftOut(name, field, sentence("quality.left_out.leads_outside")))
        elif not is_file(path):
            left.append(LeftOut(name, field, sentence("quality.left_out.no_such_file")))
        elif path.suffix.lower() not in SAMPLE_SUFFIXES:
            code = "quality.left_out.suffix" if path.suffix else "quality.left_out.no_suffix"
            left.append(LeftOut(name, field, sentence(code, suffix=path.suffix)))
        else:
            entries.append(Entry(name, labels.of[written], field))
    known = {with_slashes(folder, name) for name in (*labels.of, *(wrong.file for wrong in labels.wrong))}
    places = sorted({Path(), *(Path(entry.file).parent for entry in entries)})
    present = [(place / name).as_posix() for place in places for name in _files(folder / place)]
    left += [LeftOut(name, labels.file, UNLABELLED) for name in present if name not in known]
    return Listing(folder, task, options, tuple(entries), tuple(left), labels.categories, labels.names)


def _pairs(folder: Path, options: DatasetOptions, task: DatasetTask | None) -> Listing:
    names = list(_files(folder))
    inputs = [n for n in names if n.endswith(".npz")]
    expected = sorted(p.name for p in folder.iterdir() if p.name.endswith(EXPECTED))
    if not expected:
        code = "quality.holds_no_labels" if names else "quality.holds_nothing"
        raise InputError(sentence(code, folder=folder.name), FORMS)
    entries, left = [], []
    for name in inputs:
        partner = name.removesuffix(".npz") + EXPECTED
        if partner in expected:
            entries.append(Entry(name, None, partner, partner))
        else:
            left.append(LeftOut(name, partner, sentence("quality.left_out.no_such_file")))
    partners = {entry.expected_file for entry in entries}
    left += [LeftOut(n, n, sentence("quality.left_out.inputs_missing")) for n in expected if n not in partners]
    left += [LeftOut(n, n, sentence("quality.left_out.no_expected")) for n in names if n not in inputs]
    found = task or _task_of([folder / entry.expected_file for entry in entries])
    return Listing(folder, found, options, tuple(entries), tuple(left))


def _task_of(paths: Iterable[Path]) -> DatasetTask:
    """By the type of what is expected in the first that can be read: real numbers, one class id, or a map of them."""
    arrays: list[np.ndarray[Any, Any]] = []
    for path in paths:
        with suppress(InputError):  # told when its sample is judged
            arrays = list(load_given(path).values())
            break
    if not arrays or any(array.dtype.kind == "f" for array in arrays):
        return "regression"
    return "segmentation" if any(array.squeeze().ndim > 1 for array in arrays) else "classification"


def _files(folder: Path) -> Iterator[str]:
    """Files that could be samples, by name."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SAMPLE_SUFFIXES and not path.name.endswith(EXPECTED) and path.is_file():
            yield path.name


def expected_of(listing: Listing, entry: Entry) -> Any:
    """What is expected of a sample: arrays by output for a pair, else its label. Raises ``InputError``."""
    return load_given(listing.folder / entry.expected_file) if entry.expected_file else entry.expected


def entry_digest(listing: Listing, entry: Entry) -> bytes:
    """SHA-256 of a sample's name, contents and label."""
    digest = sha256(f"{entry.file}\0".encode())
    for name in filter(None, (entry.file, entry.expected_file)):
        digest.update(sha256((listing.folder / name).read_bytes()).digest())
    digest.update(msgspec.json.encode(entry.expected, order="deterministic"))
    return digest.digest()


def dataset_sha256(digests: Iterable[bytes]) -> str:
    """Of all samples that were judged, in the order of their names."""
    return sha256(b"".join(digests)).hexdigest()


def input_of_files(options: DatasetOptions, specs: Sequence[TensorSpec]) -> str:
    """The input that a file of one tensor or one image becomes: the one that the options name, or the first. Raises
    ``InputError`` for a model without inputs."""
    if not options.input and not specs:
        raise InputError(sentence("quality.model_without_inputs"), sentence("quality.model_without_inputs.remedy"))
    return options.input or specs[0].name


def sample_feeds(
    listing: Listing, entry: Entry, specs: Any, shapes: Any, preprocessing: str
) -> "dict[str, np.ndarray[Any, Any]]":
    """The model's inputs for one sample. Raises ``InputError``; its message begins with the input or the file."""
    path = listing.folder / entry.file
    if path.suffix.lower() == ".npz":
        return user_feeds([str(path)], specs, shapes)
    name = input_of_files(listing.options, specs)
    return user_feeds([f"{name}={path}"], specs, shapes, parse_preprocessing(preprocessing) if preprocessing else None)


def left_out(entry: Entry, error: InputError, field: str = "") -> LeftOut:
    """The sample that raised ``error``, with what is wrong in its ``field`` (its own file where none is given)."""
    return LeftOut(entry.file, field or entry.file, problem_of(error))
