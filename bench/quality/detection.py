"""Boxes from declared outputs, and their mean average precision by pycocotools, the metric's own implementation.

COCO's AP over IoU 0.5 to 0.95 and AP at 0.5 are metrics of the whole dataset: they are not defined for one image, so
neither an interval nor a paired test is given. ``image_ap``, the AP of each image over its objects, has both.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import Tensors
from bench.errors import InputError, RunFailure
from bench.quality.dataset import Entry
from bench.quality.scoring import Scored, output_named
from bench.suite.dataset_options import DatasetOptions
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class Found(Struct, frozen=True):
    """Objects of one image: ``boxes`` [n, 4] as left, top, right, bottom; ``scores`` [n]; ``classes`` [n]."""

    boxes: Any
    scores: Any
    classes: Any


class Sizes(Struct, frozen=True):
    """Width and height of the upright image, and of the model's input."""

    image: tuple[int, int]
    network: tuple[int, int]


class Detection:
    """``sizes`` gives the size of a sample: boxes are compared in pixels of the image."""

    def __init__(self, options: DatasetOptions, sizes: Callable[[Entry], Sizes]) -> None:
        self._options, self._sizes = options, sizes
        self._images: list[dict[str, Any]] = []
        self._objects: list[dict[str, Any]] = []
        self._detections: list[dict[str, Any]] = []

    def add(self, entry: Entry, outputs: Tensors, expected: Any) -> None:
        sizes = self._sizes(entry)
        found = decode(outputs, self._options, sizes)
        number = len(self._images) + 1
        self._images.append({"id": number, "width": sizes.image[0], "height": sizes.image[1]})
        for one in expected:
            area = one.area if one.area is not None else one.bbox[2] * one.bbox[3]
            self._objects.append(
                {
                    "id": len(self._objects) + 1,
                    "image_id": number,
                    "category_id": one.category_id + self._options.label_offset,
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

    def scored(self) -> Sequence[Scored]:
        import numpy as np

        overall, at_half, each = average_precision(
            self._images, self._objects, self._detections, self._options.max_detections
        )
        return [
            Scored("map", "whole", True, "share", whole=overall),
            Scored("map50", "whole", True, "share", whole=at_half),
            Scored("image_ap", "mean", True, "share", np.array(each, np.float64)),
        ]


def decode(outputs: Tensors, options: DatasetOptions, sizes: Sizes) -> Found:
    """The objects that the declared outputs hold, in pixels of the image as stored, best first."""
    import numpy as np

    boxes = np.asarray(output_named(outputs, options.boxes, "boxes"), np.float64).reshape(-1, 4)
    scores = np.asarray(output_named(outputs, options.scores, "scores"), np.float64)
    rows = scores.reshape(len(boxes), -1) if len(boxes) and scores.size % len(boxes) == 0 else None
    if rows is None:
        raise InputError(sentence("quality.scores_of_other_boxes", shape=str(list(scores.shape)), boxes=len(boxes)))
    if options.labels:
        classes = np.asarray(output_named(outputs, options.labels, "labels")).ravel().astype(np.int64)
        which, best = np.arange(len(boxes)), rows[:, 0]
    else:
        which, classes = np.nonzero(rows >= options.score_threshold)
        best = rows[which, classes]
    keep = best >= options.score_threshold
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
    scale = np.array(sizes.image, np.float64) / (1 if options.relative else np.array(sizes.network))
    limit = np.tile(np.array(sizes.image, np.float64), 2)
    return np.asarray(np.clip(corners * np.tile(scale, 2), 0, limit))


def _best(found: Found, options: DatasetOptions) -> Found:
    """Greedy non-maximum suppression in each class, then the best of all."""
    import numpy as np

    kept: list[int] = []
    for kind in np.unique(found.classes):
        order = np.flatnonzero(found.classes == kind)
        order = order[np.argsort(-found.scores[order], kind="stable")]
        while len(order):
            kept.append(int(order[0]))
            overlap = iou(found.boxes[order[0]], found.boxes[order[1:]])
            order = order[1:][overlap <= options.iou_threshold]
    chosen = sorted(kept, key=lambda i: (-found.scores[i], i))[: options.max_detections]
    return Found(found.boxes[chosen], found.scores[chosen], found.classes[chosen])


def iou(box: "Array", others: "Array") -> "Array":
    """Intersection over union of one box [4] with others [n, 4]."""
    import numpy as np

    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - inside
    return np.asarray(np.divide(inside, union, out=np.zeros_like(inside), where=union > 0))


def average_precision(
    images: list[dict[str, Any]], objects: list[dict[str, Any]], detections: list[dict[str, Any]], most: int
) -> tuple[float, float, list[float]]:
    """AP over IoU 0.5 to 0.95, AP at 0.5, and each image's own AP over the same thresholds.

    An image without objects counts 1 where nothing was found in it, else 0; COCO's own mean passes over it.
    """
    import io
    from contextlib import redirect_stdout

    with redirect_stdout(io.StringIO()):  # it reports its progress there
        rating = _rating(images, objects, detections, most)
        everything = list(rating.params.imgIds)
        overall, at_half = _precision(rating, everything)
        each = [_of_image(rating, image["id"], objects, detections) for image in images]
    return overall or 0.0, at_half or 0.0, each


def _rating(
    images: list[dict[str, Any]], objects: list[dict[str, Any]], detections: list[dict[str, Any]], most: int
) -> Any:
    """A COCOeval that has matched every detection."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        remedy = sentence("quality.install_detection")
        raise RunFailure("unavailable", sentence("quality.no_pycocotools"), remedy) from None
    truth, answer = COCO(), COCO()
    categories = [{"id": i} for i in sorted({d["category_id"] for d in (*objects, *detections)})]
    truth.dataset = {"images": images, "annotations": objects, "categories": categories}
    shown = [{**d, "id": i, "area": d["bbox"][2] * d["bbox"][3], "iscrowd": 0} for i, d in enumerate(detections, 1)]
    answer.dataset = {"images": images, "annotations": shown, "categories": categories}
    truth.createIndex()
    answer.createIndex()
    rating = COCOeval(truth, answer, "bbox")
    rating.params.areaRng, rating.params.areaRngLbl = [[0, 1e10]], ["all"]
    rating.params.maxDets = [most]
    rating.evaluate()
    return rating


def _of_image(rating: Any, image: int, objects: list[dict[str, Any]], detections: list[dict[str, Any]]) -> float:
    if any(one["image_id"] == image for one in objects):
        return _precision(rating, [image])[0] or 0.0
    return float(not any(one["image_id"] == image for one in detections))


def _precision(rating: Any, images: list[int]) -> tuple[float | None, float | None]:
    """AP over all thresholds and at 0.5, of some of the images; ``None`` where they hold no object."""
    from copy import copy

    everything = list(rating._paramsEval.imgIds)
    index = [everything.index(i) for i in images]
    kinds = len(rating._paramsEval.catIds)
    part = copy(rating)
    part.params, part._paramsEval = copy(rating.params), copy(rating._paramsEval)
    part.params.imgIds = part._paramsEval.imgIds = images
    part.evalImgs = [rating.evalImgs[kind * len(everything) + i] for kind in range(kinds) for i in index]
    if not any(part.evalImgs):
        return None, None
    part.accumulate()
    precision = part.eval["precision"]  # [IoU, recall, class, area, most]
    known, half = precision[precision > -1], precision[0][precision[0] > -1]
    return (_mean(known) if len(known) else None), (_mean(half) if len(half) else None)


def _mean(precision: Any) -> float:
    """Without the rounding of COCO's precisions, which fall short of 1 by one part in 10**16."""
    return round(float(precision.mean()), 12)
