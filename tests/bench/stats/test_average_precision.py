"""COCO's average precision from tables of matches: by hand, against pycocotools, and resampled."""

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest

from bench.quality.coco_rating import matched
from bench.stats.samples import average_precision
from bench.stats.samples.average_precision import (
    difference_intervals,
    interval,
    is_table,
    of_each_image,
    p_different,
    samples_in,
    value,
)

Coco = list[dict[str, Any]]
EVERY = (1 << 10) - 1  # right at all thresholds


def scene(images: int, seed: int = 0, classes: int = 3, noise: float = 4.0) -> tuple[Coco, Coco, Coco]:
    """Images with objects, crowds among them, and detections: displaced, missing, of the wrong class, made up. Scores
    have two digits, so that many tie."""
    random = np.random.default_rng(seed)
    shown: Coco = [{"id": i + 1, "width": 200, "height": 200} for i in range(images)]
    objects: Coco = []
    found: Coco = []
    for i in range(images):
        for _ in range(random.integers(0, 5)):
            x, y, w, h = *random.uniform(0, 140, 2), *random.uniform(15, 60, 2)
            kind = int(random.integers(0, classes))
            crowd = int(random.random() < 0.1)
            one = {"image_id": i + 1, "category_id": kind, "bbox": [x, y, w, h], "area": w * h, "iscrowd": crowd}
            objects.append({"id": len(objects) + 1, **one})
            if random.random() < 0.8:
                d = random.normal(0, noise, 4)
                box = [x + d[0], y + d[1], max(w + d[2], 3), max(h + d[3], 3)]
                said = kind if random.random() < 0.9 else int(random.integers(0, classes))
                found.append(
                    {"image_id": i + 1, "category_id": said, "bbox": box, "score": round(float(random.beta(4, 2)), 2)}
                )
        for _ in range(random.integers(0, 6)):
            box = [*random.uniform(0, 140, 2), *random.uniform(15, 60, 2)]
            kind = int(random.integers(0, classes))
            found.append(
                {"image_id": i + 1, "category_id": kind, "bbox": box, "score": round(float(random.beta(2, 4)), 2)}
            )
    return shown, objects, found


def by_pycocotools(images: Coco, objects: Coco, found: Coco) -> tuple[float, float]:
    """AP and AP at 0.5 by COCOeval's own ``accumulate``."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, answer = COCO(), COCO()
    kinds = [{"id": i} for i in sorted({d["category_id"] for d in (*objects, *found)})]
    truth.dataset = {"images": images, "annotations": objects, "categories": kinds}
    rows = [{**d, "id": i, "area": d["bbox"][2] * d["bbox"][3], "iscrowd": 0} for i, d in enumerate(found, 1)]
    answer.dataset = {"images": images, "annotations": rows, "categories": kinds}
    with redirect_stdout(io.StringIO()):
        truth.createIndex()
        answer.createIndex()
        rating = COCOeval(truth, answer, "bbox")
        rating.evaluate()
        rating.accumulate()
        rating.summarize()
    return float(rating.stats[0]), float(rating.stats[1])


def copies(scene: tuple[Coco, Coco, Coco], counts: list[int]) -> tuple[Coco, Coco, Coco]:
    """Each image so many times, with its objects and detections, as images of their own."""
    images: Coco = []
    objects: Coco = []
    found: Coco = []
    for image, count in zip(scene[0], counts, strict=True):
        for _ in range(count):
            number = len(images) + 1
            images.append({**image, "id": number})
            for one in (o for o in scene[1] if o["image_id"] == image["id"]):
                objects.append({**one, "id": len(objects) + 1, "image_id": number})
            found += [{**one, "image_id": number} for one in scene[2] if one["image_id"] == image["id"]]
    return images, objects, found


@pytest.mark.parametrize("seed", range(4))
def test_values_are_those_of_pycocotools(seed: int) -> None:
    """AP and AP at 0.5 of scenes with crowds, ties and missing classes."""
    pytest.importorskip("pycocotools")
    parts = scene(25, seed)
    table = matched(*parts, 100)
    assert is_table(table, 25)
    assert by_pycocotools(*parts) == pytest.approx((value("coco_ap", table), value("coco_ap50", table)), abs=1e-12)


def test_a_resample_is_the_dataset_with_copies_of_its_images() -> None:
    """Weights give what pycocotools gives for images that occur as often."""
    pytest.importorskip("pycocotools")
    parts = scene(12, 5)
    table = matched(*parts, 100)
    for seed in range(5):
        counts = np.bincount(np.random.default_rng(seed).integers(0, 12, 12), minlength=12)
        weights = counts[:, np.newaxis].astype(float)
        dataset = average_precision._Dataset([table], average_precision.STATISTICS["coco_ap"])
        expected = by_pycocotools(*copies(parts, counts.tolist()))[0]
        assert expected == pytest.approx(float(dataset.rated(weights, weights)[0]), abs=1e-12)


def test_each_image_is_a_dataset_of_its_own() -> None:
    """AP of one image is what pycocotools gives for it alone."""
    pytest.importorskip("pycocotools")
    images, objects, found = scene(8, 2)
    each = of_each_image("coco_ap", matched(images, objects, found, 100))
    for image, actual in zip(images, each, strict=True):
        mine, seen = ([one for one in part if one["image_id"] == image["id"]] for part in (objects, found))
        if any(not one["iscrowd"] for one in mine):
            assert by_pycocotools([image], mine, seen)[0] == pytest.approx(float(actual), abs=1e-12)
        elif not mine:
            assert float(not seen) == actual


def table_of(*images: list[tuple[float, int]], objects: int = 1) -> np.ndarray:
    """One class with so many objects in each image; detections as (score, bits)."""
    rows: list[tuple[float, ...]] = []
    for at, found in enumerate(images):
        rows += [(at, -1, -1, 0), (at, 0, -1, objects), *((at, 0, score, hits) for score, hits in found)]
    return np.array(rows, np.float64)


def test_precision_by_hand() -> None:
    """Two objects: the first is found, then something else, then the second. Precision is 1 up to a recall of 0.5,
    2/3 above: 51 and 50 of 101 recalls."""
    table = table_of([(0.9, EVERY), (0.8, 0)], [(0.7, EVERY)])
    assert (51 + 50 * 2 / 3) / 101 == pytest.approx(value("coco_ap", table))
    ignored = table_of([(0.9, EVERY), (0.8, EVERY << 10)], [(0.7, EVERY)])
    assert pytest.approx(1.0) == value("coco_ap", ignored)
    half = table_of([(0.9, 0b11111)], [(0.7, 0b11111)])  # right at 0.50 to 0.70 alone
    assert (0.5, 1.0) == pytest.approx((value("coco_ap", half), value("coco_ap50", half)))


def test_no_interval_below_ten_images() -> None:
    """As for all bootstraps here; the test is exact up to twelve."""
    good, bad = [(0.9, EVERY)], [(0.9, 0b1)]
    base, new = table_of(*[good] * 9), table_of(*[bad] * 9)
    assert interval("coco_ap", base) is None
    assert difference_intervals("coco_ap", base, new) is None
    assert 2 / 2**9 == p_different("coco_ap", base, new)


def test_runs_that_answer_alike_do_not_differ() -> None:
    """The difference is 0 with an interval of no width, and p is 1."""
    pytest.importorskip("pycocotools")
    table = matched(*scene(20, 3), 100)
    assert ((0.0, 0.0),) == difference_intervals("coco_ap", table, table)
    assert 1.0 == p_different("coco_ap", table, table)


def test_a_loss_in_every_image_is_significant() -> None:
    """Thirty images in which one run is right at all thresholds and the other at five of ten."""
    good, bad = [(0.9, EVERY)], [(0.9, 0b11111)]
    base, new = table_of(*[good] * 30), table_of(*[bad] * 30)
    ((low, high),) = difference_intervals("coco_ap", base, new) or ((0, 0),)
    assert (-0.5, -0.5) == pytest.approx((low, high))
    assert p_different("coco_ap", base, new) < 0.001


def test_the_same_objects_are_wanted() -> None:
    """Tables of other images, or of other objects in them, are not compared."""
    one = table_of(*[[(0.9, EVERY)]] * 3)
    for other in (table_of(*[[(0.9, EVERY)]] * 4), table_of(*[[(0.9, EVERY)]] * 3, objects=2)):
        with pytest.raises(ValueError, match="not the same images and objects"):
            p_different("coco_ap", one, other)
    assert 3 == samples_in(one)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((3, 3)),
        np.zeros(4),
        np.array([[0, -1, -1, 0], [1, 0, 0.5, 1]], float),  # of an image that is not named
        np.array([[0, -1, -1, 0], [0, 0, -1, 0.5]], float),  # half an object
        np.array([[0, -1, -1, 0], [0, 0, 0.5, 1 << 20]], float),  # a threshold that does not exist
        np.array([[0, -1, -1, 0], [0, 0, -1, 1], [0, 0, -1, 1]], float),  # objects counted twice
        np.array([[0, -1, -1, 0], [0, 0, np.nan, 1]], float),
        np.array([[0, -1, -1, 0], [0, -1, -1, 0]], float),
    ],
)
def test_what_is_no_table(wrong: np.ndarray) -> None:
    """An edited record is refused before anything is computed from it."""
    assert not is_table(wrong, 1)
