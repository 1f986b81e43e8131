"""A detector judged on images: its head, the classes of categories, and what is told of both."""

from typing import Any

import numpy as np
import pytest

from bench.analysis.quality import compare, summarise
from bench.quality.classes import COCO_IDS, classes_of
from bench.quality.coco import Annotation
from bench.quality.dataset import Entry
from bench.quality.detection import Detection, Samples, Sizes
from bench.quality.scoring import WrongOption
from bench.record.quality import JudgedMetric
from bench.suite.dataset_options import parse_options
from bench.suite.preprocessing import Placed, parse_preprocessing
from tests.support.detectors.outputs import CLASSES, NETWORKS, TRUTH, yolov8, yolox

IMAGE, NETWORK = (640, 480), (320, 320)
PLACED = parse_preprocessing("letterbox=114").placed(IMAGE, NETWORK)
ENTRY = Entry("a.jpg", None, "annotations.json: a.jpg")


def letterboxed(entry: Entry) -> Sizes:
    return Sizes(IMAGE, NETWORK, PLACED)


def judged(options: str, categories: tuple[int, ...], outputs: Any = None) -> Detection:
    """One image of 640 × 480, letterboxed into 320 × 320, with no objects of its own yet."""
    scorer = Detection(parse_options(options), Samples(letterboxed, categories))
    scorer.add(ENTRY, yolov8(NETWORKS[0]) if outputs is None else outputs, objects(categories))
    return scorer


def objects(categories: tuple[int, ...]) -> tuple[Annotation, ...]:
    """``TRUTH``, where the image lies: twice as large as in the input, which has 40 rows above it."""
    found = []
    for left, top, right, bottom, kind, _ in TRUTH:
        corners = 2 * left, 2 * (top - PLACED.top), 2 * right, 2 * (bottom - PLACED.top)
        box = (corners[0], corners[1], corners[2] - corners[0], corners[3] - corners[1])
        found.append(Annotation(1, categories[kind], box))
    return tuple(found)


def test_all_objects_are_found_in_a_letterboxed_image() -> None:
    """mAP is 1: boxes come back to pixels of the image, classes to categories in the order of their ids."""
    pytest.importorskip("pycocotools")
    scorer = judged("", (3, 5, 8, 13, 21, 34, 55))
    values = {one.name: one for one in scorer.scored()}
    metrics = [JudgedMetric(one.name, one.statistic, True, one.unit) for one in values.values()]
    found = summarise(metrics, {name: one.results for name, one in values.items()}, 1)
    assert {"map": 1.0, "map50": 1.0, "image_ap": 1.0} == {one.name: pytest.approx(one.value) for one in found}
    assert [1, 1, 1] == [one.n for one in found]


def test_how_outputs_were_read_is_told() -> None:
    """Recognised or named, with the thresholds in effect and the source."""
    options, told = judged("", tuple(range(CLASSES))).reading()
    effective = {"head": "yolov8", "categories": "order", "nms": "class", "score_threshold": "0.001"}
    assert {**effective, "iou_threshold": "0.7"} == options
    assert str(told).startswith("Outputs recognised by their names and shapes as head yolov8 (ultralytics/ultralytics:")
    assert "suppressed within a class above an IoU of 0.7; classes in the order of the category ids." in str(told)
    options, told = judged("head=yolov8,nms=none,score_threshold=0.3", tuple(range(CLASSES))).reading()
    assert ("none", "0.3") == (options["nms"], options["score_threshold"])
    assert "iou_threshold" not in options
    assert str(told).startswith("Outputs decoded as head yolov8")


def test_declared_boxes_say_nothing_more() -> None:
    """Their options are those that were given."""
    outputs = {"boxes": np.zeros((1, 4)), "scores": np.zeros((1, CLASSES))}
    assert ({}, "") == judged("box_format=xyxy", tuple(range(CLASSES)), outputs).reading()


def test_a_detector_of_other_classes() -> None:
    """The numbers differ: an error that says both, and the ways on."""
    with pytest.raises(
        WrongOption, match=r"head=yolov8 has 7 classes, but annotations\.json has 9 categories"
    ) as caught:
        judged("", tuple(range(9)))
    assert "categories=coco" in caught.value.remedy
    with pytest.raises(WrongOption, match="categories=coco is for 80 classes, but head=yolov8 has 7"):
        judged("categories=coco", tuple(range(7)))
    with pytest.raises(WrongOption, match="category 7 is none of the 7 classes of head=yolov8 by categories=id"):
        judged("categories=id", tuple(range(1, 8)))


def test_boxes_of_other_classes_do_not_count() -> None:
    """Annotations of one category of three that the detector finds: the two other boxes are no mistakes."""
    pytest.importorskip("pycocotools")
    scorer = Detection(
        parse_options("categories=id"), Samples(lambda entry: Sizes(NETWORK, NETWORK, Placed(0, 0, *NETWORK)), (2,))
    )
    left, top, right, bottom, *_ = TRUTH[0]
    scorer.add(ENTRY, yolov8(NETWORKS[0]), (Annotation(1, 2, (left, top, right - left, bottom - top)),))
    scorer.add(ENTRY, yolov8(NETWORKS[0]), ())
    each = {one.name: one.results for one in scorer.scored()}
    assert [1.0, 0.0] == pytest.approx(each["image_ap"].tolist())
    table = each["map"]
    assert {2.0} == set(table[table[:, 2] >= 0][:, 1])


def test_rules_for_classes() -> None:
    """In the order of ids, by COCO's table, and by ids with an offset."""
    assert (0, 1) == tuple(classes_of(parse_options(""), "yolox", 2, (4, 9)).of(i) for i in (4, 9))
    coco = classes_of(parse_options("categories=coco"), "yolox", 80, (1, 13, 90))
    assert [0, 11, 79] == [coco.of(i) for i in (1, 13, 90)]
    assert (80, 1, 90) == (len(COCO_IDS), COCO_IDS[0], COCO_IDS[-1])
    offset = classes_of(parse_options("label_offset=-1"), "ssd-postprocessed", None, (1, 18))
    assert ("id", 17) == (offset.rule, offset.of(18))
    with pytest.raises(WrongOption, match="do not tell how many classes") as caught:
        classes_of(parse_options(""), "yolov10", None, (1, 2))
    assert "categories=order" in caught.value.remedy
    with pytest.raises(WrongOption, match="category 12 is none of the 80 classes of head=yolox by categories=coco"):
        classes_of(parse_options("categories=coco"), "yolox", 80, (1, 12))


def test_a_head_that_does_not_fit_fails_the_run_at_its_first_sample() -> None:
    """Not one sample after another."""
    with pytest.raises(WrongOption, match="head=yolov5 expects one output"):
        judged("head=yolov5", tuple(range(CLASSES)), yolox(NETWORKS[0]))
    with pytest.raises(WrongOption, match="several detection heads"):
        judged("", tuple(range(CLASSES)), yolox(NETWORKS[0]))


def test_a_loss_of_map_is_tested() -> None:
    """Twelve images, in which one run finds all objects and the other none of one class: a loss of a third with an
    interval, and p of 2 of 4,096 swaps."""
    pytest.importorskip("pycocotools")
    runs = []
    for lost in (False, True):
        scorer = Detection(parse_options("head=yolov8"), Samples(letterboxed, tuple(range(CLASSES))))
        for _ in range(12):
            outputs = yolov8(NETWORKS[0])
            if lost:
                outputs["output0"][:, 4 + TRUTH[1][4]] = 0.0
            scorer.add(ENTRY, outputs, objects(tuple(range(CLASSES))))
        runs.append({one.name: one for one in scorer.scored()})
    metrics = [JudgedMetric(one.name, one.statistic, True, one.unit) for one in runs[0].values()]
    base, new = ({name: one.results for name, one in run.items()} for run in runs)
    found = summarise(metrics, new, 12)
    assert pytest.approx(2 / 3) == found[0].value
    assert ("map", 12, "bootstrap over images, bias-corrected, 1,000 resamples") == (
        found[0].name,
        found[0].n,
        found[0].interval_method,
    )
    pairs = {pair.metric: pair for pair in compare(found, base, new)}
    assert ("worse", 12, "paired randomisation") == (pairs["map"].word, pairs["map"].n, pairs["map"].test)
    assert pytest.approx(-1 / 3) == pairs["map"].difference
    assert pairs["map"].p_value == 2 / 4096
    assert pairs["map"].difference == pairs["map50"].difference
