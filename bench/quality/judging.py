"""What the worker does to judge a model on a dataset: open it, run each sample once, keep how good the answer was."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contracts import Artifact, Judge, Tensors, TensorSession
from bench.digest import sha256_of
from bench.errors import InputError
from bench.inputs.images import image_layout
from bench.inputs.tensor_files import save_feeds
from bench.plugins import PluginRef, load
from bench.progress import done
from bench.quality.boxes import save_boxes
from bench.quality.coco import ANCHORS, read_anchors
from bench.quality.dataset import (
    Entry,
    Listing,
    dataset_sha256,
    entry_digest,
    expected_of,
    input_of_files,
    left_out,
    read_listing,
    sample_feeds,
)
from bench.quality.detection import Detection, Samples, Sizes
from bench.quality.judged import Judged, ToJudge
from bench.quality.real_values import by_file_name, dequantised, feeds_for
from bench.quality.scorers import scorer_for
from bench.quality.scoring import WrongOption
from bench.quality.unfit import refuse_unfit
from bench.record.quality import DatasetFacts, JudgedMetric, LeftOut
from bench.suite.dataset_options import DatasetAsk
from bench.suite.preprocessing import parse_preprocessing
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from bench.quality.scoring import Scored, Scorer


def first_samples(
    dataset: DatasetAsk, model: PluginRef, artifact: Artifact, sets: int, folder: Path
) -> tuple[tuple[Path, ...], int]:
    """The first ``sets`` samples that can be read, as files in ``folder`` to check outputs on, and how many are listed.

    Raises ``InputError`` where none can, and for labels or options of the dataset that do not fit the model's file.
    """
    listing = read_listing(dataset, judge_of(model) is not None)
    refuse_unfit(listing, artifact, dataset.preprocessing)
    paths: list[Path] = []
    first: tuple[LeftOut, InputError] | None = None
    for entry in listing.entries:
        try:
            feeds = sample_feeds(listing, entry, artifact.facts.inputs, artifact.shapes, dataset.preprocessing)
        except InputError as error:
            first = first or (left_out(entry, error), error)
            continue
        paths.append(folder / f"sample-{len(paths)}.npz")
        save_feeds(paths[-1], feeds)
        if len(paths) == sets:
            break
    if not paths:
        assert first is not None
        raise _nothing_left(listing, first[0], first[1].advice)
    return tuple(paths), len(listing.entries)


def judge(asked: ToJudge, opened: Callable[[], TensorSession]) -> Judged:
    """Run every sample of the dataset. A sample that cannot be read or judged is left out, and told. ``opened`` opens
    the model, once the dataset has been read."""
    plugin = judge_of(asked.model)
    listing = read_listing(asked.dataset, plugin is not None)
    session = opened()
    scorer = scorer_for(listing.task, listing.options, plugin, _samples(listing, asked))
    digests, left = _run(asked, listing, session, scorer)
    if not digests:
        raise _nothing_left(listing, left[0])
    effective, decoding = scorer.reading() if isinstance(scorer, Detection) else ({}, "")
    facts = DatasetFacts(
        listing.folder.resolve().name,
        listing.task,
        dataset_sha256(digests),
        len(digests),
        tuple(sorted(left, key=lambda one: (one.file, one.field))),
        {**listing.options.stated(), **effective},
        _stated(asked.dataset.preprocessing),
        decoding=decoding,
    )
    metrics, results = _kept(scorer.scored(), asked.folder / "results.npz")
    boxes = save_boxes(asked.folder / "boxes.json", scorer.pictures) if isinstance(scorer, Detection) else None
    return Judged(
        facts=session.facts(),
        dataset=facts,
        artifact_sha256=sha256_of(asked.request.artifact.files),
        metrics=metrics,
        results=results,
        boxes=boxes,
    )


def _run(
    asked: ToJudge, listing: Listing, session: TensorSession, scorer: "Scorer"
) -> tuple[list[bytes], list[LeftOut]]:
    """Judge each sample; the digests of those that count, and what was left out."""
    made_for, opened = asked.made_for, asked.request.artifact
    digests: list[bytes] = []
    left = list(listing.left_out)
    for number, entry in enumerate(listing.entries):
        done(number, len(listing.entries))
        try:
            feeds = sample_feeds(listing, entry, made_for.facts.inputs, made_for.shapes, asked.dataset.preprocessing)
        except InputError as error:
            left.append(left_out(entry, error))
            continue
        if opened.sha256 != made_for.sha256:
            feeds = feeds_for(feeds, made_for, opened)
        session.bind(feeds)()
        outputs = dequantised(by_file_name(session.results(), opened.facts.outputs), opened.facts.outputs)
        try:
            if not isinstance(scorer, Detection):  # heads know outputs by the names in their own file
                outputs = by_file_name(outputs, made_for.facts.outputs)
            scorer.add(entry, outputs, expected_of(listing, entry))
            digests.append(entry_digest(listing, entry))
        except WrongOption:
            raise  # of all samples alike
        except InputError as error:
            left.append(left_out(entry, error, entry.field))
    return digests, left


def judge_of(model: PluginRef) -> Judge | None:
    """The model's plugin, if it judges its outputs itself."""
    plugin = load(model)
    return plugin if isinstance(plugin, Judge) else None


def _nothing_left(listing: Listing, first: LeftOut, advice: Sentence | str = "") -> InputError:
    """``advice``: what to do about the first one, where that is known."""
    told = sentence("quality.no_sample_left", folder=listing.folder.name, left_out=first.told)
    return InputError(told, advice or sentence("quality.see_dataset"))


def _stated(preprocessing: str) -> str:
    return str(parse_preprocessing(preprocessing)) if preprocessing else ""


def _samples(listing: Listing, asked: ToJudge) -> Samples:
    preprocessing = parse_preprocessing(asked.dataset.preprocessing)

    def sizes(entry: Entry) -> Sizes:
        from PIL import Image, ImageOps

        if preprocessing.crop is not None:
            raise WrongOption(sentence("quality.whole_images"), sentence("quality.say_resize_plain"))
        name = input_of_files(listing.options, asked.made_for.facts.inputs)
        _, _, height, width = image_layout(name, asked.made_for.shapes[name], preprocessing)
        with Image.open(listing.folder / entry.file) as image:
            size = ImageOps.exif_transpose(image).size
        return Sizes(size, (width, height), preprocessing.placed(size, (width, height)))

    def renamed(outputs: Tensors) -> Tensors:
        return by_file_name(outputs, asked.made_for.facts.outputs)

    anchors = read_anchors(listing.folder) if listing.options.anchors == ANCHORS else None
    return Samples(sizes, listing.categories, anchors, renamed, listing.names)


def _kept(scored: "Any", path: Path) -> tuple[tuple[JudgedMetric, ...], Path]:
    found: list[Scored] = list(scored)
    save_feeds(path, {one.name: one.results for one in found})
    metrics = [JudgedMetric(s.name, s.statistic, s.higher_is_better, s.unit) for s in found]
    return tuple(metrics), path
