"""Every head: known boxes, encoded as its network would put them out, come back."""

import numpy as np
import pytest

from bench.errors import InputError
from bench.quality.detection import Found, Sizes, decode_head
from bench.quality.heads.choosing import choose, without_batch
from bench.quality.heads.head import Network
from bench.quality.heads.table import HEADS
from bench.quality.heads.yolov5 import PUBLISHED
from bench.quality.scoring import WrongOption
from bench.suite.dataset_options import parse_options
from bench.suite.preprocessing import Placed
from tests.support.detectors.outputs import (
    ENCODERS,
    NETWORKS,
    TRUTH,
    Outputs,
    logit,
    priors,
    ssd,
    yolov5,
    yolov5_raw,
    yolov8,
    yolov8_raw,
)

OPTIONS = {"yolov5-raw": "anchors=yolov5", "ssd": "anchors=anchors.json"}
FACES = ("scrfd", "ultraface")


def found_by(name: str, outputs: Outputs, network: Network, options: str = "", named: bool = True) -> Found:
    """The boxes that a head finds, in pixels of an input that the picture fills."""
    text = ",".join(filter(None, (f"head={name}" if named else "", OPTIONS.get(name, ""), options)))
    asked = Network(network.width, network.height, priors(network).tolist()) if name == "ssd" else network
    arrays = without_batch(outputs)
    choice = choose(arrays, asked, parse_options(text))
    assert choice is not None
    assert (name, named) == (choice.head.name, choice.named)
    size = (network.width, network.height)
    return decode_head(arrays, choice, parse_options(text), Sizes(size, size, Placed(0, 0, *size)))


def test_every_head_is_tested() -> None:
    """The table of heads and of encoders name the same, and each says where it comes from."""
    assert set(HEADS) == set(ENCODERS)
    for head in HEADS.values():
        assert ": " in head.source
        assert "/" in head.source


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: f"{n.width}x{n.height}")
@pytest.mark.parametrize("name", ENCODERS)
def test_known_boxes_come_back(name: str, network: Network) -> None:
    """Boxes, classes and scores, in square inputs and others; nothing else is found."""
    found = found_by(name, ENCODERS[name](network), network, "iou_threshold=0.99,score_threshold=0.3")
    expected = np.array([np.clip(box[:4], 0, [network.width, network.height] * 2) for box in TRUTH])
    assert pytest.approx(expected, abs=1e-6) == found.boxes
    assert [box[5] for box in TRUTH] == pytest.approx(found.scores.tolist(), abs=1e-6)
    assert [0 if name in FACES else box[4] for box in TRUTH] == found.classes.tolist()


UNAMBIGUOUS = ("yolov5", "yolov8", "yolov8-raw", "yolov10", "ssd-postprocessed", "detections", "fastestdet", "nanodet")


@pytest.mark.parametrize("name", [*UNAMBIGUOUS, "scrfd", "ultraface"])
def test_outputs_of_one_head_alone_are_recognised(name: str) -> None:
    """By names and shapes, without being named."""
    found = found_by(
        name, ENCODERS[name](NETWORKS[0]), NETWORKS[0], "score_threshold=0.6,iou_threshold=0.9", named=False
    )
    assert 3 == len(found.scores)


@pytest.mark.parametrize(
    ("name", "fitting"),
    [("yolox", "yolox, yolox-decoded and yolov8"), ("nanodet-plus", "yolox, yolox-decoded, yolov8 and nanodet-plus")],
)
def test_outputs_of_several_heads_are_not_guessed(name: str, fitting: str) -> None:
    """The error lists the heads that would fit."""
    with pytest.raises(WrongOption, match=f"fit several detection heads: {fitting}") as caught:
        found_by(name, ENCODERS[name](NETWORKS[0]), NETWORKS[0], named=False)
    assert "head=yolox" in caught.value.remedy


def test_a_head_that_does_not_fit_is_told_with_those_that_would() -> None:
    """What it expects, what the model has, and the way on."""
    with pytest.raises(WrongOption) as caught:
        found_by("yolox", yolov8(NETWORKS[0]), NETWORKS[0])
    expected = "head=yolox expects one output [1, 2100, 5 + classes] for an input of 320 × 320"
    assert f"{expected}; the model has output0 [11, 2100]" == caught.value.message
    assert "Give head=yolov8 in --dataset-options." == caught.value.remedy
    with pytest.raises(InputError, match="unknown detection head in --dataset-options: yolo8") as unknown:
        found_by("yolo8", yolov8(NETWORKS[0]), NETWORKS[0])
    assert "yolov8" in unknown.value.remedy


def test_outputs_of_no_head() -> None:
    """A classifier, for example."""
    with pytest.raises(WrongOption, match=r"no known detection head has the outputs logits \[1, 1000\]") as caught:
        choose({"logits": np.zeros((1, 1000))}, NETWORKS[0], parse_options(""))
    assert "yolox" in caught.value.remedy
    declared = {"boxes": np.zeros((9, 4)), "scores": np.zeros((9, 3))}
    assert choose(declared, NETWORKS[0], parse_options("box_format=xywh")) is None


@pytest.mark.parametrize(("name", "needed"), [("yolov5-raw", "18 numbers"), ("ssd", "50 priors")])
def test_missing_anchors_are_named(name: str, needed: str) -> None:
    """With how many are needed, whether or not the head was named."""
    arrays = without_batch(ENCODERS[name](NETWORKS[0]))
    for options in (f"head={name}", ""):
        with pytest.raises(WrongOption, match=f"head={name} needs anchors") as caught:
            choose(arrays, NETWORKS[0], parse_options(options))
        assert needed in caught.value.remedy
    with pytest.raises(WrongOption, match="anchors=10:13: "):
        choose(arrays, NETWORKS[0], parse_options(f"head={name},anchors=10:13"))


def test_anchors_as_numbers_and_from_the_file() -> None:
    """The published set by its name, written out, and in anchors.json decode alike."""
    arrays = without_batch(yolov5_raw(NETWORKS[0]))
    numbers = ":".join(str(n) for row in PUBLISHED["yolov5"] for n in row)
    network = Network(320, 320, [list(row) for row in PUBLISHED["yolov5"]])
    boxes = []
    for text in ("yolov5", numbers, "anchors.json"):
        choice = choose(arrays, network, parse_options(f"head=yolov5-raw,anchors={text}"))
        assert choice is not None
        boxes.append(choice.fitted.decode(arrays).boxes)
    assert np.array_equal(boxes[0], boxes[1])
    assert np.array_equal(boxes[0], boxes[2])
    other = choose(arrays, network, parse_options("head=yolov5-raw,anchors=yolov7"))
    assert other is not None
    assert not np.array_equal(boxes[0], other.fitted.decode(arrays).boxes)


@pytest.mark.parametrize("name", ["yolov5-raw", "yolov8-raw", "fastestdet"])
def test_maps_with_channels_last(name: str) -> None:
    """TFLite's layout, and anchors in a dimension of their own."""
    outputs = ENCODERS[name](NETWORKS[1])
    expected = found_by(name, outputs, NETWORKS[1], "score_threshold=0.3,iou_threshold=1")
    last = {key: array.transpose(0, 2, 3, 1) for key, array in outputs.items()}
    assert np.array_equal(
        expected.boxes, found_by(name, last, NETWORKS[1], "score_threshold=0.3,iou_threshold=1").boxes
    )
    if name == "yolov5-raw":
        split = {
            key: array.reshape(1, 3, -1, *array.shape[2:]).transpose(0, 1, 3, 4, 2) for key, array in outputs.items()
        }
        found = found_by(name, split, NETWORKS[1], "score_threshold=0.3,iou_threshold=1")
        assert np.array_equal(expected.boxes, found.boxes)


def test_sides_and_classes_in_outputs_of_their_own() -> None:
    """Two maps a stride, in any order."""
    outputs = yolov8_raw(NETWORKS[1])
    apart = {f"cls_{key}": array[:, 64:] for key, array in outputs.items()}
    apart |= {f"box_{key}": array[:, :64] for key, array in reversed(outputs.items())}
    text = "score_threshold=0.3"
    expected = found_by("yolov8-raw", outputs, NETWORKS[1], text)
    assert np.array_equal(expected.boxes, found_by("yolov8-raw", apart, NETWORKS[1], text).boxes)


def test_yolov8_with_cells_first() -> None:
    """Either way round, told by the number of cells."""
    turned = {"output0": yolov8(NETWORKS[0])["output0"].transpose(0, 2, 1)}
    assert 3 == len(found_by("yolov8", turned, NETWORKS[0], "score_threshold=0.3").scores)


def test_fractions_where_pixels_are_expected() -> None:
    """A TFLite export of YOLOv5 divides boxes by the input's size: an error until ``relative`` is given."""
    outputs = yolov5(NETWORKS[1])
    outputs["output0"][..., :4] /= [416, 256, 416, 256]
    with pytest.raises(InputError, match="fractions of the input, not pixels") as caught:
        found_by("yolov5", outputs, NETWORKS[1])
    assert "Give relative=true." == caught.value.remedy
    found = found_by("yolov5", outputs, NETWORKS[1], "relative=true,score_threshold=0.3")
    assert pytest.approx([30, 40, 75, 90]) == found.boxes[0].tolist()


def test_logits_are_not_taken_for_probabilities() -> None:
    """Nor the reverse: both are named, and the option settles it."""
    outputs = yolov8(NETWORKS[0])
    outputs["output0"][:, 4:] = logit(outputs["output0"][:, 4:])
    with pytest.raises(InputError, match="are not probabilities") as caught:
        found_by("yolov8", outputs, NETWORKS[0])
    assert "activation=sigmoid" in caught.value.remedy
    assert 3 == len(found_by("yolov8", outputs, NETWORKS[0], "activation=sigmoid,score_threshold=0.3").scores)
    raw = yolov8_raw(NETWORKS[0])
    for array in raw.values():
        array[:, 64:] = 1 / (1 + np.exp(-array[:, 64:]))
    with pytest.raises(InputError, match="sigmoid seems to be applied already"):
        found_by("yolov8-raw", raw, NETWORKS[0])
    assert 3 == len(found_by("yolov8-raw", raw, NETWORKS[0], "activation=none,score_threshold=0.3").scores)


def test_probabilities_may_be_rounded() -> None:
    """Boxes and scores that share the scale of a quantised output: 0.9 becomes 0.88, 0 becomes -0.05."""
    outputs = yolov8(NETWORKS[0])
    outputs["output0"] = np.rint((outputs["output0"] + 0.05) / 0.155) * 0.155 - 0.05
    found = found_by("yolov8", outputs, NETWORKS[0], "score_threshold=0.3")
    assert [0.88, 0.725, 0.725] == pytest.approx(found.scores.tolist())


def test_a_softmax_that_is_left_out() -> None:
    """Logits of SSD's classes with the background."""
    outputs = ssd(NETWORKS[0])
    with np.errstate(divide="ignore"):
        outputs["classes"] = np.maximum(np.log(outputs["classes"]), -40) + 3
    arrays, options = without_batch(outputs), parse_options("head=ssd,anchors=anchors.json,activation=softmax")
    choice = choose(arrays, Network(320, 320, priors(NETWORKS[0]).tolist()), options)
    assert choice is not None
    scores = choice.fitted.decode(arrays).scores
    assert pytest.approx([0.9 / 1.9, 0.8 / 1.8, 0.7 / 1.7]) == [scores[i, box[4]] for i, box in enumerate(TRUTH)]


def test_suppression_within_a_class_and_across() -> None:
    """The first and the third of the boxes overlap by 0.66 and are of two classes."""
    outputs, text = yolov8(NETWORKS[0]), "score_threshold=0.3,iou_threshold=0.5"
    assert [0.9, 0.8, 0.7] == pytest.approx(found_by("yolov8", outputs, NETWORKS[0], text).scores.tolist())
    across = found_by("yolov8", outputs, NETWORKS[0], f"{text},nms=agnostic")
    assert [0.9, 0.8] == pytest.approx(across.scores.tolist())


def test_boxes_that_are_not_finite_are_dropped() -> None:
    """A network that overflows in half precision."""
    outputs = yolov8(NETWORKS[0])
    outputs["output0"][0, 2, np.argmax(outputs["output0"][0, 4:].max(axis=0))] = np.inf
    assert 2 == len(found_by("yolov8", outputs, NETWORKS[0], "score_threshold=0.3").scores)
