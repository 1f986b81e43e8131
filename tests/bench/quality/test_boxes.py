"""Boxes that a record keeps of the few images in which a detector lost most, and the images at report time."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.quality_contradictions import quality_contradictions
from bench.quality.boxes import MOST_BOXES, MOST_PICTURES, box_of, load_boxes, photographs, save_boxes, shown, worst
from bench.quality.coco import Annotation
from bench.quality.dataset import Entry
from bench.quality.detection import Detection, Samples, Sizes
from bench.record.quality import Box, BoxedPicture, DatasetFacts, Quality
from bench.suite.dataset_options import parse_options
from bench.suite.preprocessing import Placed
from tests.support.detectors.outputs import NETWORKS, TRUTH, yolov8

OBJECT = box_of("dog", (1, 2, 30, 40))


def picture(index: int, *scores: float) -> BoxedPicture:
    found = tuple(box_of("dog", (1, 2, 30, 40), score) for score in scores)
    return BoxedPicture(f"{index}.jpg", "", index, 64, 48, expected=(OBJECT,), found=found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(8):
        (tmp_path / f"{index}.jpg").write_bytes(f"picture {index}".encode())
    return tmp_path


def test_boxes_of_a_detector_are_those_of_the_image_with_names_of_categories() -> None:
    """In pixels of the image; a class without a name is its number."""
    network = NETWORKS[0]
    size = network.width, network.height
    samples = Samples(lambda entry: Sizes(size, size, Placed(0, 0, *size)), tuple(range(7)), names={0: "cat"})
    scorer = Detection(parse_options("head=yolov8"), samples)
    left, top, right, bottom, kind, _ = TRUTH[0]
    scorer.add(
        Entry("a.jpg", None, ""), yolov8(network), (Annotation(1, kind, (left, top, right - left, bottom - top)),)
    )
    (found,) = scorer.pictures
    labels = {kind: "cat" if kind == 0 else str(kind) for *_, kind, _ in TRUTH}
    assert (Box(labels[kind], left, top, right, bottom),) == found.expected
    assert ("a.jpg", 0, *size) == (found.file, found.index, found.width, found.height)
    assert {*labels.values()} == {box.label for box in found.found}
    assert all(box.score is not None and box.score >= 0.3 for box in found.found)


def test_boxes_of_a_low_score_are_not_drawn_and_of_many_the_best() -> None:
    boxes = [box_of("a", (0, 0, 1, 1), score) for score in np.linspace(0.2, 1.0, 60)]
    drawn = shown(boxes)
    assert MOST_BOXES == len(drawn)
    assert [box.score for box in drawn] == sorted((box.score or 0 for box in boxes), reverse=True)[:MOST_BOXES]
    assert (OBJECT,) == shown([OBJECT, box_of("a", (0, 0, 1, 1), 0.29)])


def test_the_images_that_lost_most_come_first(folder: Path, tmp_path: Path) -> None:
    """Those with the least precision among equals; with the boxes of both, and the hash of the file as it is."""
    mine = load_boxes(save_boxes(tmp_path / "boxes.json", [picture(index, 0.5) for index in range(8)]))
    theirs = [picture(index, 0.9) for index in range(8)]
    ours = np.array([0.5, 0.2, 0.9, 0.9, 0.9, 0.9, 0.1, 0.4])
    reference = np.array([0.5, 1.0, 0.9, 0.9, 1.0, 0.9, 0.1, 0.9])
    found = worst(mine, ours, folder, (theirs, reference))
    assert [1, 7, 4, 6] == [one.index for one in found]
    assert MOST_PICTURES == len(found)
    assert theirs[1].found == found[0].reference
    assert mine[1].found == found[0].found
    drawn, missing = photographs(found, [folder])
    assert ({b"picture 1", b"picture 7", b"picture 4", b"picture 6"}, []) == ({*drawn.values()}, missing)


def test_without_a_reference_the_images_with_the_least_precision(folder: Path) -> None:
    """An image in which there is nothing to draw, and one that is gone, are left out."""
    empty = replace(picture(2), expected=())
    mine = [picture(0, 0.5), picture(1, 0.5), empty, picture(3), picture(9)]
    found = worst([replace(one, index=at) for at, one in enumerate(mine)], np.array([0.9, 0.1, 0.0, 0.5, 0.0]), folder)
    assert ["1.jpg", "3.jpg", "0.jpg"] == [one.file for one in found]
    assert {()} == {one.reference for one in found}


def test_another_file_of_the_same_name_is_not_drawn(folder: Path) -> None:
    """Nor one outside of the folders, whatever a record says; both are named."""
    found = list(worst([picture(0, 0.5), picture(1, 0.5)], np.array([0.0, 0.1]), folder))
    (folder / "0.jpg").write_bytes(b"another picture")
    inside = folder / "inside"
    inside.mkdir()
    outside = replace(found[1], file="../1.jpg")
    assert ({}, ["0.jpg", "../1.jpg"]) == photographs([found[0], outside], [inside, folder])
    assert [b"picture 1"] == [*photographs(found, [inside, folder])[0].values()]


def test_boxes_of_no_sample_contradict_the_record() -> None:
    """An index beyond the samples, and boxes of what is no detector."""
    facts = DatasetFacts("photos", "detection", "a" * 64, 2)
    quality = Quality(facts, "b" * 64, "t:cpu", pictures=(picture(1), picture(2)))
    assert ["2.jpg"] == [one.figures["file"] for one in quality_contradictions(quality)]
    other = replace(quality, dataset=replace(facts, task="classification"))
    assert 2 == len(list(quality_contradictions(other)))
