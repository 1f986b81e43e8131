"""Matches detections with objects by pycocotools, and keeps what its average precision follows from.

``bench.stats.samples.average_precision`` computes the metric from the table that is made here, also of resampled
images.
"""

import io
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from bench.errors import RunFailure
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Coco = list[dict[str, Any]]


def matched(images: Coco, objects: Coco, detections: Coco, most: int) -> "Array":
    """The table of ``bench.stats.samples.average_precision``: images counted from 0 in their order, and at most
    ``most`` detections of each class in an image. Raises ``RunFailure`` without pycocotools."""
    import numpy as np

    with redirect_stdout(io.StringIO()):  # it reports its progress there
        rating = _rating(images, objects, detections, most)
    everything, kinds = list(rating.params.imgIds), list(rating.params.catIds)
    rows: list[tuple[float, float, float, float]] = [(at, -1, -1, 0) for at in range(len(everything))]
    for at in range(len(everything)):
        for place, kind in enumerate(kinds):
            found = rating.evalImgs[place * len(everything) + at]
            if found is None:
                continue
            count = int((~np.asarray(found["gtIgnore"], bool)).sum())
            if count:
                rows.append((at, kind, -1, count))
            bits = 1 << np.arange(len(found["dtMatches"]), dtype=np.int64)[:, np.newaxis]
            ignored = np.asarray(found["dtIgnore"], bool)
            right = (np.asarray(found["dtMatches"]) > 0) & ~ignored
            hits = (right * bits).sum(axis=0) + (ignored * bits << len(bits)).sum(axis=0)
            rows += [(at, kind, score, hit) for score, hit in zip(found["dtScores"], hits.tolist(), strict=True)]
    return np.array(rows, np.float64)


def _rating(images: Coco, objects: Coco, detections: Coco, most: int) -> Any:
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
