"""The user's samples: found, read as the model's inputs, and divided into those for calibration, for choosing and for
judging."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Artifact
from bench.errors import InputError, OdbError
from bench.inputs.feeds import fitting, user_feeds
from bench.inputs.images import IMAGE_SUFFIXES
from bench.inputs.tensor_files import feeds_sha256, load_given, save_feeds
from bench.jobs import Job, Worker
from bench.progress import done
from bench.quality.dataset import (
    EXPECTED,
    SAMPLE_SUFFIXES,
    Entry,
    Listing,
    input_of_files,
    left_out,
    read_listing,
    sample_feeds,
)
from bench.quality.judging import judge_of
from bench.quality.unfit import OtherLabels, refuse_unfit
from bench.reading import exists, is_file, is_folder
from bench.record.quality import LeftOut
from bench.suite.dataset_options import DatasetAsk, DatasetOptions, read_options
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Feeds = dict[str, np.ndarray[Any, Any]]

MOST_SAMPLES = 400
"""That are read unless asked otherwise: ranges change little beyond a few hundred."""
LEAST_DIVIDED, LEAST_APART = 4, 6
JUDGING = 10
"""With fewer, a loss has no interval."""


class DataAsk(Struct, frozen=True, kw_only=True):
    """The samples as the user named them: a folder or a ``.npz``. ``most``: how many are read."""

    path: Path
    preprocessing: str = ""
    options: str = ""
    most: int = MOST_SAMPLES


class Sample(Struct, frozen=True):
    """One sample: its file or row, its tensors on disk, their hash, and whether it has a label."""

    name: str
    path: Path
    sha256: str
    labelled: bool


class Read(Struct, frozen=True, kw_only=True):
    """All samples that can be used, in an order that their names and the user do not decide. ``unlabelled``: why labels
    that are there do not count."""

    samples: tuple[Sample, ...]
    found: int
    duplicates: int
    left_out: tuple[LeftOut, ...]
    unlabelled: Sentence | str = ""


class _Found(NamedTuple):
    """Files or rows: how many, and of each its name, whether it has a label, and its tensors. ``unlabelled``: as in
    ``Read``."""

    total: int
    each: "Iterator[tuple[str, bool, Feeds | LeftOut]]"
    unlabelled: Sentence | str = ""


class Divided(Struct, frozen=True):
    """``held_back``: whether the last took no part in the first two."""

    calibrating: tuple[Sample, ...]
    choosing: tuple[Sample, ...]
    judging: tuple[Sample, ...]
    held_back: bool


class SamplesJob(Job[Read], frozen=True, kw_only=True):
    """Read the samples as inputs of ``artifact``, which the plugin read; each becomes a ``.npz`` in the job's
    folder."""

    artifact: Artifact
    data: DataAsk

    def play(self, worker: Worker) -> Read:
        worker.announce("prepare")
        return read_samples(self.data, self.artifact, worker.folder, judged=judge_of(self.plugin) is not None)


def read_samples(data: DataAsk, artifact: Artifact, folder: Path, judged: bool = False) -> Read:
    """``judged``: the model's plugin judges, by labels of its own kind. Raises ``InputError`` where there is nothing to
    read, for a model without inputs, and where no sample fits them."""
    input_of_files(DatasetOptions(), artifact.facts.inputs)
    found = _rows(data, artifact) if is_file(data.path) else _files(data, artifact, judged)
    samples: dict[str, Sample] = {}
    left: list[LeftOut] = []
    count = duplicates = 0
    for name, labelled, given in found.each:
        unused, count = count - len(samples), count + 1
        done(count, min(found.total, data.most + unused))
        feeds = given if isinstance(given, LeftOut) else _finite(name, given)
        if isinstance(feeds, LeftOut):
            left.append(feeds)
            continue
        digest = feeds_sha256(feeds)
        if digest in samples:
            duplicates += 1
            if labelled and not samples[digest].labelled:
                samples[digest] = replace(samples[digest], name=name, labelled=True)
            continue
        path = folder / f"sample-{len(samples)}.npz"
        save_feeds(path, feeds)
        samples[digest] = Sample(name, path, digest, labelled)
        if len(samples) == data.most:
            break
    if not samples:
        raise _nothing(data.path, left)
    ordered = tuple(sorted(samples.values(), key=lambda sample: sample.sha256))
    return Read(
        samples=ordered,
        found=found.total,
        duplicates=duplicates,
        left_out=tuple(left),
        unlabelled=found.unlabelled,
    )


def _finite(name: str, feeds: "Feeds") -> "Feeds | LeftOut":
    """The sample, unless it holds a value that no range could contain."""
    import numpy as np

    for key, array in feeds.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return LeftOut(name, key, sentence("quantise.not_finite"))
    return feeds


def _nothing(path: Path, left: "list[LeftOut]") -> InputError:
    remedy = sentence("quantise.give_samples")
    if not left:
        return InputError(sentence("quantise.no_samples", data=path.name), remedy)
    return InputError(sentence("quantise.no_sample_fits", data=path.name, left_out=left[0].told), remedy)


def _rows(data: DataAsk, artifact: Artifact) -> _Found:
    """Rows of one ``.npz``: each array has one dimension more than its input, or is a batch of an input of 1."""
    if data.path.suffix.lower() != ".npz":
        raise InputError(sentence("quantise.not_npz", data=data.path.name), sentence("quantise.give_samples"))
    arrays = load_given(data.path)
    specs, shapes = artifact.facts.inputs, artifact.shapes
    missing = sorted({spec.name for spec in specs} - arrays.keys())
    if missing:
        raise InputError(
            sentence("quantise.arrays_missing", data=data.path.name, missing=missing, found=sorted(arrays)),
            sentence("quantise.give_samples"),
        )
    stacked = {spec.name: _stacked(data.path.name, spec.name, arrays[spec.name], shapes[spec.name]) for spec in specs}
    counts = {name: len(rows) for name, rows in stacked.items()}
    if len(set(counts.values())) != 1:
        told = [f"{name}: {count}" for name, count in sorted(counts.items())]
        raise InputError(sentence("quantise.rows_differ", data=data.path.name, counts=told))
    count = next(iter(counts.values()))

    def each() -> "Iterator[tuple[str, bool, Feeds | LeftOut]]":
        for index in _order([str(index) for index in range(count)]):
            name = f"{data.path.name}[{index}]"
            given = {key: rows[int(index)] for key, rows in stacked.items()}
            try:
                yield name, False, fitted(given, artifact)
            except InputError as error:
                yield name, False, left_out(Entry(name, None, name), error)

    return _Found(count, each())


def fitted(given: "Feeds", artifact: Artifact) -> "Feeds":
    """Arrays as the model takes them. Raises ``InputError``."""
    return {s.name: fitting(given[s.name], s, artifact.shapes[s.name]) for s in artifact.facts.inputs}


def _stacked(file: str, name: str, array: "np.ndarray[Any, Any]", shape: tuple[int, ...]) -> "np.ndarray[Any, Any]":
    """[samples, *shape]. Raises ``InputError``."""
    if array.shape[1:] == tuple(shape):
        return array
    if array.shape == tuple(shape) and not (shape and shape[0] == 1):
        return array[None]
    if shape and shape[0] == 1 and array.shape[1:] == tuple(shape[1:]):
        return array[:, None]
    raise InputError(
        sentence(
            "quantise.wrong_shape", data=file, input=name, shape=str(list(array.shape)), expected=str(list(shape))
        ),
        sentence("quantise.wrong_shape.remedy", expected=str(list(shape))),
    )


def _files(data: DataAsk, artifact: Artifact, judged: bool) -> _Found:
    if not is_folder(data.path):
        code = "quantise.not_a_folder" if exists(data.path) else "quantise.no_such_data"
        raise InputError(sentence(code, data=data.path), sentence("quantise.give_samples"))
    labelled = listing_of(data, judged)
    unlabelled = "" if labelled is None else _other_labels(labelled, artifact, data.preprocessing)
    known = {entry.file: entry for entry in labelled.entries} if labelled is not None else {}
    names = sorted({*known, *_sample_names(data.path)})
    listing = labelled or Listing(data.path, "classification", read_options(data.path, data.options), (), ())

    def each() -> "Iterator[tuple[str, bool, Feeds | LeftOut]]":
        for name in _order(names):
            entry = known.get(name, Entry(name, None, name))
            counts = name in known and not unlabelled
            try:
                yield name, counts, feeds_of(listing, entry, artifact, data.preprocessing)
            except InputError as error:
                yield name, counts, left_out(entry, error)

    return _Found(len(names), each(), unlabelled)


def _other_labels(listing: Listing, artifact: Artifact, preprocessing: str) -> Sentence | str:
    """Why labels of another task do not count: samples without labels calibrate as well. Raises ``InputError`` for what
    cannot be right, and for such labels where options say how to read them."""
    try:
        refuse_unfit(listing, artifact, preprocessing)
    except OtherLabels as error:
        if listing.options.task or listing.options.output:
            raise
        return why_not_judged(error)
    return ""


def why_not_judged(error: OdbError) -> Sentence | str:
    """What is wrong, and what to do about it, as one reason."""
    return sentence("quantise.not_judged", why=error.sentence, remedy=error.advice) if error.advice else error.sentence


def feeds_of(listing: Listing, entry: Entry, artifact: Artifact, preprocessing: str) -> "Feeds":
    """The model's inputs for one file. Raises ``InputError``."""
    path, specs = listing.folder / entry.file, artifact.facts.inputs
    if path.suffix.lower() in IMAGE_SUFFIXES or path.suffix.lower() == ".npz":
        return sample_feeds(listing, entry, specs, artifact.shapes, preprocessing)
    name = input_of_files(listing.options, specs)
    return user_feeds([f"{name}={path}"], specs, artifact.shapes)


def listing_of(data: DataAsk, judged: bool) -> Listing | None:
    """The labelled samples of the folder; ``None`` of one without labels. ``judged``: as in ``read_samples``."""
    sources = ("labels.json", "labels.csv", "annotations.json")
    pairs = any(path.name.endswith(EXPECTED) for path in data.path.iterdir())
    if not pairs and not any(is_file(data.path / name) for name in sources):
        return None
    return read_listing(DatasetAsk(data.path, data.options, data.preprocessing), judged)


def _sample_names(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        if path.suffix.lower() in SAMPLE_SUFFIXES and not path.name.endswith(EXPECTED) and is_file(path):
            yield path.name


def _order(names: "list[str]") -> "list[str]":
    """In an order that depends on nothing but the names, and is not theirs."""
    return sorted(names, key=lambda name: (sha256(name.encode()).digest(), name))


def divided(samples: tuple[Sample, ...]) -> Divided:
    """Half for judging, and at least ten where four more are left. Of the rest a third chooses the method, if there are
    six or more: on samples that ranges were taken from nothing is ever out of range, so the choice would be too narrow
    there. Below four nothing is held back."""
    count = len(samples)
    if count < LEAST_DIVIDED:
        return Divided(samples, samples, samples, held_back=False)
    judging = max(count // 2, min(JUDGING, count - LEAST_DIVIDED))
    rest = samples[judging:]
    apart = len(rest) // 3 if len(rest) >= LEAST_APART else 0
    return Divided(rest[apart:], rest[:apart] or rest, samples[:judging], held_back=True)


def calibration_sha256(samples: tuple[Sample, ...]) -> str:
    """Of the samples' hashes, in order."""
    return sha256("".join(sample.sha256 for sample in samples).encode()).hexdigest()
