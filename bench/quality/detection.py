"""Boxes of each image, from a published head's outputs or from declared ones, and their mean average precision.

COCO's AP over IoU 0.5 to 0.95 and AP at 0.5 are metrics of the whole dataset: their intervals and paired tests resample
images (``bench.stats.samples.average_precision``). ``image_ap`` is the mean over images of the AP of each.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import Tensors
from bench.errors import InputError
from bench.quality.boxes import box_of, shown
from bench.quality.classes import ClassesOfCategories, classes_of
from bench.quality.coco_rating import matched
from bench.quality.dataset import Entry
from bench.quality.heads.choosing import Choice, choose, without_batch
from bench.quality.heads.head import Network
from bench.quality.heads.suppression import overlap, scored, suppressed
from bench.quality.scoring import Scored, WrongOption, output_named
from bench.record.quality import BoxedPicture
from bench.suite.dataset_options import IOU_THRESHOLD, SCORE_THRESHOLD, DatasetOptions
from bench.suite.preprocessing import Placed
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Found(Struct, frozen=True):
    """Objects of one image: ``boxes`` [n, 4] as left, top, right, bottom; ``scores`` [n]; ``classes`` [n]."""

    boxes: Any
    scores: Any
    classes: Any


class Sizes(Struct, frozen=True):
    """Width and height of the upright image and of the model's input, and where the image lies in it."""

    image: tuple[int, int]
    network: tuple[int, int]
    placed: Placed

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the image for one of the input, across and down."""
        return self.image[0] / self.placed.width, self.image[1] / self.placed.height


class Samples(Struct, frozen=True):
    """What is known of the dataset: ``sizes`` of a sample, the ``categories`` of its annotations in ascending order,
    the numbers of ``anchors.json``, the ``names`` of categories. ``renamed``: the outputs under the names in the
    model's file."""

    sizes: Callable[[Entry], Sizes]
    categories: tuple[int, ...]
    anchors: Any = None
    renamed: Callable[[Tensors], Tensors] = lambda outputs: outputs
    names: dict[int, str] = {}


class Detection:
    """Boxes are compared in pixels of the image. The first sample decides which head the outputs are of."""

    def __init__(self, options: DatasetOptions, samples: Samples) -> None:
        self._options, self._samples = options, samples
        self._choice: Choice | None = None
        self._classes: ClassesOfCategories | None = None
        self._shapes: dict[str, tuple[int, ...]] | None = None
        self._images: list[dict[str, Any]] = []
        self._objects: list[dict[str, Any]] = []
        self._detections: list[dict[str, Any]] = []
        self.pictures: list[BoxedPicture] = []

    def add(self, entry: Entry, outputs: Tensors, expected: Any) -> None:
        sizes = self._samples.sizes(entry)
        found = self._found(outputs, sizes)
        assert self._classes is not None
        kinds = [self._classes.of(one.category_id) for one in expected]
        number = len(self._images) + 1
        self._images.append({"id": number, "width": sizes.image[0], "height": sizes.image[1]})
        for one, kind in zip(expected, kinds, strict=True):
            area = one.area if one.area is not None else one.bbox[2] * one.bbox[3]
            self._objects.append(
                {
                    "id": len(self._objects) + 1,
                    "image_id": number,
                    "category_id": kind,
                    "bbox": list(one.bbox),
                    "iscrowd": one.iscrowd,
                    "area": area,
                }
            )
        for box, score, kind in zip(found.boxes, found.scores, found.classes, strict=True):
            left, top, right, bottom = map(float, box)
            self._detections.append(
                {
                    "image_id": number,
                    "category_id": int(kind),
                    "bbox": [left, top, right - left, bottom - top],
                    "score": float(score),
                }
            )
        self.pictures.append(self._boxed(entry, sizes, found, expected, kinds))

    def _boxed(self, entry: Entry, sizes: Sizes, found: Found, expected: Any, kinds: Sequence[int]) -> BoxedPicture:
        """What of the image can be drawn; the hash of its file is not known here."""
        names = {kind: self._samples.names.get(one.category_id, "") for one, kind in zip(expected, kinds, strict=True)}
        assert self._classes is not None
        for category, kind in self._classes.by_id.items():
            names.setdefault(kind, self._samples.names.get(category, ""))
        objects = [
            box_of(names[kind] or str(kind), (x, y, x + width, y + height))
            for (x, y, width, height), kind in zip((one.bbox for one in expected), kinds, strict=True)
        ]
        boxes = [
            box_of(names.get(int(kind)) or str(int(kind)), box, float(score))
            for box, score, kind in zip(found.boxes, found.scores, found.classes, strict=True)
        ]
        return BoxedPicture(
            entry.file, "", len(self.pictures), *sizes.image, expected=shown(objects), found=shown(boxes)
        )

    def _found(self, outputs: Tensors, sizes: Sizes) -> Found:
        """The boxes of one image, of classes that the annotations know."""
        arrays = without_batch(outputs)
        shapes = {name: array.shape for name, array in arrays.items()}
        if self._classes is None or (self._choice is not None and shapes != self._shapes):
            network = Network(*sizes.network, self._samples.anchors)
            self._choice, self._shapes = choose(arrays, network, self._options), shapes
            count = None if self._choice is None else self._choice.fitted.classes
            head = None if self._choice is None else self._choice.head.name
            self._classes = classes_of(self._options, head, count, self._samples.categories)
        if self._choice is None:
            return decode(self._samples.renamed(outputs), self._options, sizes)
        found = decode_head(arrays, self._choice, self._options, sizes)
        counted = self._classes.counted(found.classes)
        return Found(found.boxes[counted], found.scores[counted], found.classes[counted])

    def reading(self) -> tuple[dict[str, str], Sentence | str]:
        """How the outputs of a head were read: the options in effect, and the same in a sentence."""
        if self._choice is None or self._classes is None:
            return {}, ""
        head = self._choice.head
        score, iou, nms = thresholds(self._choice, self._options)
        told = {"head": head.name, "categories": self._classes.rule, "nms": nms, "score_threshold": f"{score:g}"}
        if nms != "none":
            told["iou_threshold"] = f"{iou:g}"
        code = "named" if self._choice.named else "recognised"
        return told, sentence(
            f"quality.decoded.{code}",
            head=head.name,
            source=head.source,
            suppression=sentence(f"quality.suppression.{nms}", iou=iou),
            score=score,
            classes=sentence(f"quality.classes.{self._classes.rule}"),
        )

    def scored(self) -> Sequence[Scored]:
        from bench.stats.samples.average_precision import of_each_image

        table = matched(self._images, self._objects, self._detections, self._options.max_detections)
        return [
            Scored("map", "coco_ap", True, "share", table),
            Scored("map50", "coco_ap50", True, "share", table),
            Scored("image_ap", "mean", True, "share", of_each_image("coco_ap", table)),
        ]


def thresholds(choice: Choice, options: DatasetOptions) -> tuple[float, float, Any]:
    """Score, overlap and the kind of suppression: the head's own unless given."""
    head = choice.head
    score = head.score_threshold if options.score_threshold is None else options.score_threshold
    iou = head.iou_threshold if options.iou_threshold is None else options.iou_threshold
    return score, iou, options.nms or head.nms


def decode_head(arrays: "dict[str, Array]", choice: Choice, options: DatasetOptions, sizes: Sizes) -> Found:
    """The objects that the outputs [without the batch] of a published head hold, in pixels of the image, best first.
    Boxes are suppressed in pixels of the input, as the published post-processing does, then cut at the image's borders.
    """
    import numpy as np

    score, iou, nms = thresholds(choice, options)
    try:
        candidates = choice.fitted.decode(arrays)
    except InputError as error:
        raise WrongOption(error.sentence, error.advice) from None  # of all samples alike
    boxes, scores, classes = scored(candidates, score, choice.head.several_labels)
    finite = np.isfinite(boxes).all(axis=1)
    boxes, scores, classes = boxes[finite], scores[finite], classes[finite]
    kept = suppressed(boxes, classes, nms, iou)[: options.max_detections]
    return Found(clipped(boxes[kept], sizes), scores[kept], classes[kept])


def clipped(boxes: "Array", sizes: Sizes) -> "Array":
    """Boxes in pixels of the model's input, as pixels of the image, cut at its borders."""
    import numpy as np

    origin = np.array([sizes.placed.left, sizes.placed.top] * 2, np.float64)
    limit = np.array(sizes.image * 2, np.float64)
    return np.asarray(np.clip((boxes - origin) * np.array(sizes.scale * 2), 0, limit))


def decode(outputs: Tensors, options: DatasetOptions, sizes: Sizes) -> Found:
    """The objects that the declared outputs hold, in pixels of the image as stored, best first."""
    import numpy as np

    boxes = np.asarray(output_named(outputs, options.boxes, "boxes"), np.float64).reshape(-1, 4)
    scores = np.asarray(output_named(outputs, options.scores, "scores"), np.float64)
    rows = scores.reshape(len(boxes), -1) if len(boxes) and scores.size % len(boxes) == 0 else None
    if rows is None:
        raise InputError(sentence("quality.scores_of_other_boxes", shape=str(list(scores.shape)), boxes=len(boxes)))
    least = SCORE_THRESHOLD if options.score_threshold is None else options.score_threshold
    if options.labels:
        classes = np.asarray(output_named(outputs, options.labels, "labels")).ravel().astype(np.int64)
        which, best = np.arange(len(boxes)), rows[:, 0]
    else:
        which, classes = np.nonzero(rows >= least)
        best = rows[which, classes]
    keep = best >= least
    if options.background is not None:
        keep &= classes != options.background
    which, classes, best = which[keep], classes[keep], best[keep]
    return _best(Found(_in_image(boxes[which], options, sizes), best, classes), options)


def _in_image(boxes: "Array", options: DatasetOptions, sizes: Sizes) -> "Array":
    """Corners in pixels of the stored image, cut at its borders."""
    import numpy as np

    a, b, c, d = boxes.T
    match options.box_format:
        case "xywh":
            corners = np.stack([a, b, a + c, b + d], axis=1)
        case "cxcywh":
            corners = np.stack([a - c / 2, b - d / 2, a + c / 2, b + d / 2], axis=1)
        case _:
            corners = boxes
    pixels = np.array(sizes.network * 2, np.float64) if options.relative else 1.0
    return clipped(corners * pixels, sizes)


def _best(found: Found, options: DatasetOptions) -> Found:
    """Greedy non-maximum suppression in each class, then the best of all."""
    import numpy as np

    threshold = IOU_THRESHOLD if options.iou_threshold is None else options.iou_threshold
    order = np.argsort(-found.scores, kind="stable")
    nms = options.nms or "class"
    kept = order[suppressed(found.boxes[order], found.classes[order], nms, threshold)][: options.max_detections]
    return Found(found.boxes[kept], found.scores[kept], found.classes[kept])


def iou(box: "Array", others: "Array") -> "Array":
    """Intersection over union of one box [4] with others [n, 4]."""
    return overlap(box, others)
