"""Boxes: decoded by hand, and a real face detector on photographs annotated by eye."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.execution.suite_run import run_suite
from bench.plugins import Catalog
from bench.quality.coco import Annotation, read_annotations
from bench.quality.coco_rating import matched
from bench.quality.detection import Found, Sizes, decode, iou
from bench.stats.samples.average_precision import of_each_image, value
from bench.suite.dataset_options import parse_options
from bench.suite.preprocessing import Placed
from bench.suite.suite import ModelAsk, Suite, TargetAsk

SIZES = Sizes((200, 100), (20, 20), Placed(0, 0, 20, 20))  # the image, and the model's input, which it fills


def decoded(boxes: Any, scores: Any, options: str = "", **more: Any) -> Found:
    outputs = {"boxes": np.asarray(boxes, float)[None], "scores": np.asarray(scores, float)[None], **more}
    return decode(outputs, parse_options(options), SIZES)


@pytest.mark.parametrize(
    ("box", "options"),
    [
        ([2, 4, 12, 14], ""),
        ([0.1, 0.2, 0.6, 0.7], "relative=true"),
        ([2, 4, 10, 10], "box_format=xywh"),
        ([7, 9, 10, 10], "box_format=cxcywh"),
    ],
)
def test_boxes_in_pixels_of_the_image(box: list[float], options: str) -> None:
    """Every declared form leads to the same corners, in pixels of the image as it is stored."""
    found = decoded([box], [[0.1, 0.9]], f"background=0,{options}".rstrip(","))
    assert [[20, 20, 120, 70]] == found.boxes.round(9).tolist()
    assert ([0.9], [1]) == (found.scores.tolist(), found.classes.tolist())


def test_boxes_are_cut_at_the_border() -> None:
    """What reaches beyond the image is not part of it."""
    assert [[0, 0, 200, 100]] == decoded([[-3, -3, 99, 99]], [[0.9]]).boxes.tolist()


def test_suppression_within_a_class() -> None:
    """Of boxes that overlap the best stays; another class, and a box elsewhere, are not touched."""
    boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10], [12, 12, 18, 18]]
    scores = [[0.6, 0], [0.9, 0], [0, 0.7], [0.5, 0]]
    found = decoded(boxes, scores)
    assert ([0.9, 0.7, 0.5], [0, 1, 0]) == (found.scores.tolist(), found.classes.tolist())
    assert 4 == len(decoded(boxes, scores, "iou_threshold=1").scores)
    assert [0.9] == decoded(boxes, scores, "max_detections=1").scores.tolist()


def test_labels_of_their_own() -> None:
    """Where a model returns a label for each box, scores have no classes."""
    found = decoded([[0, 0, 5, 5], [9, 9, 12, 12]], [0.9, 0.01], "labels=labels", labels=np.array([[7, 8]]))
    assert ([0.9], [7]) == (found.scores.tolist(), found.classes.tolist())


@pytest.mark.parametrize(
    ("options", "message"),
    [("boxes=corners", "boxes: the model has no output corners"), ("scores=boxes", r"scores of shape \[1, 3, 4\]")],
)
def test_outputs_that_are_no_boxes(options: str, message: str) -> None:
    """The option that is wrong is named."""
    outputs = {"boxes": np.zeros((1, 3, 4)), "scores": np.zeros((1, 2, 2)), "other": np.zeros((1, 2))}
    asked = parse_options("scores=scores" if "shape" in message else options)
    with pytest.raises(InputError, match=message if "shape" not in message else r"scores of shape \[1, 2, 2\]"):
        decode(outputs, asked, SIZES)


CORNERS = st.tuples(*[st.integers(0, 20)] * 4).map(
    lambda c: np.array([min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]) + 1, max(c[1], c[3]) + 1], float)
)


@given(CORNERS, CORNERS)
def test_iou_by_counting_pixels(a: np.ndarray, b: np.ndarray) -> None:
    """The overlap of two boxes of whole pixels is that of their pixels; it is symmetric."""

    def pixels(box: np.ndarray) -> set[tuple[int, int]]:
        left, top, right, bottom = map(int, box)
        return {(x, y) for x in range(left, right) for y in range(top, bottom)}

    expected = len(pixels(a) & pixels(b)) / len(pixels(a) | pixels(b))
    assert iou(a, b[None])[0] == pytest.approx(expected) == iou(b, a[None])[0]


def test_average_precision_by_hand() -> None:
    """One object found exactly, one with an overlap of 0.8 (right up to that threshold: 7 of 10), one image where
    nothing is and nothing was found, one where something was."""
    pytest.importorskip("pycocotools")
    images = [{"id": i, "width": 100, "height": 100} for i in (1, 2, 3, 4)]
    objects = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [10, 10, 50, 50], "area": 2500, "iscrowd": 0} for i in (1, 2)
    ]
    found = [
        {"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 50], "score": 0.9},
        {"image_id": 2, "category_id": 1, "bbox": [10, 10, 50, 40.1], "score": 0.8},
        {"image_id": 4, "category_id": 1, "bbox": [10, 10, 50, 50], "score": 0.1},
    ]
    table = matched(images, objects, found, 100)
    assert [1.0, 0.7, 1.0, 0.0] == pytest.approx(of_each_image("coco_ap", table))
    assert pytest.approx(1.0) == value("coco_ap50", table)
    half_found = 51 / 101  # one of two objects: precision 1 at the recalls 0 to 0.5
    assert (7 + 3 * half_found) / 10 == pytest.approx(value("coco_ap", table))
    nothing = matched(images, objects, [], 100)
    assert (0.0, 0.0) == (value("coco_ap", nothing), value("coco_ap50", nothing))
    assert [0.0, 0.0, 1.0, 1.0] == of_each_image("coco_ap", nothing).tolist()


def test_wrong_annotations_leave_their_image_out(tmp_path: Path) -> None:
    """A box without area, an image that does not exist, a field of another type: each by its place in the list."""
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}, {"id": 3, "file_name": "c.jpg"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"image_id": 2, "category_id": 1, "bbox": [1, 2, 0, 4]},
            {"image_id": 3, "category_id": "face", "bbox": [1, 2, 3, 4]},
            {"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]},
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    labels = read_annotations(tmp_path / "annotations.json")
    assert {"a.jpg": (Annotation(1, 1, (1, 2, 3, 4)),)} == labels.of
    assert [
        ("b.jpg", "annotations.json: annotations[1].bbox"),
        ("c.jpg", "annotations.json: annotations[2]"),
        ("?", "annotations.json: annotations[3].image_id"),
    ] == [(left.file, left.field) for left in labels.wrong]
    (tmp_path / "annotations.json").write_text('{"images": []}')
    with pytest.raises(InputError, match=r"annotations.json: .*annotations"):
        read_annotations(tmp_path / "annotations.json")


@pytest.mark.process
@pytest.mark.real
def test_a_face_detector_finds_the_faces(tmp_path: Path, realdata: Path, catalog: Catalog) -> None:
    """UltraFace on two photographs, with boxes drawn by eye: its head is recognised, both faces are found at IoU 0.5 on
    every runtime, and the faces that are hidden or cut off (``iscrowd``) count neither way."""
    pytest.importorskip("pycocotools")
    folder = tmp_path / "faces"
    folder.mkdir()
    for name in ("satya.jpg", "grace_hopper.jpg"):
        shutil.copy(realdata / "images" / name, folder)
    faces = [
        (1, [146, 26, 43, 60], 0),
        (1, [105, 168, 45, 50], 1),
        (1, [0, 160, 18, 60], 1),
        (2, [188, 130, 167, 205], 0),
    ]
    document = {
        "images": [{"id": 1, "file_name": "satya.jpg"}, {"id": 2, "file_name": "grace_hopper.jpg"}],
        "annotations": [{"image_id": i, "category_id": 1, "bbox": box, "iscrowd": crowd} for i, box, crowd in faces],
    }
    (folder / "annotations.json").write_text(json.dumps(document))
    (folder / "dataset.json").write_text('{"score_threshold": 0.3}')
    ask = ModelAsk(
        str(realdata / "models" / "ultraface_rfb_320.onnx"), dataset=str(folder), preprocessing="mean=127,scale=128"
    )
    suite = Suite(
        models=(ask,), targets=tuple(map(TargetAsk, ("ort:cpu", "openvino:CPU"))), repeats=1, max_seconds=0.05
    )
    (tmp_path / "out").mkdir()
    for run in run_suite(suite, catalog, tmp_path / "out", cache=tmp_path / "cache"):
        assert run.record.failure is None
        assert run.record.quality is not None
        found = {metric.name: metric.value for metric in run.record.quality.metrics}
        assert ("detection", 1.0) == (run.record.quality.dataset.task, found["map50"])
        assert 0.4 < found["map"] < 0.9
        assert 0.4 < found["image_ap"] < 0.9
        facts = run.record.quality.dataset
        assert ("ultraface", "order") == (facts.options["head"], facts.options["categories"])
        assert "recognised by their names and shapes as head ultraface" in str(facts.decoding)
