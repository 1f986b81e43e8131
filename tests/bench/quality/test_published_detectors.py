"""Real detectors on photographs: the same boxes as by their published post-processing.

``ODB_DETECTORS`` names a folder with the models, which are not part of the repository; docs/experiments.md says where
they come from. UltraFace is with the other real models.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import Struct

from bench.contracts import ModelRequest, TensorSpec
from bench.inputs.images import image_tensor
from bench.models.files.tflite_file import TfliteFile
from bench.quality.detection import Sizes, decode_head
from bench.quality.heads.choosing import choose, without_batch
from bench.quality.heads.head import Network
from bench.quality.real_values import dequantised
from bench.suite.dataset_options import parse_options
from bench.suite.preprocessing import Placed, parse_preprocessing
from tests.support.detectors import published

pytestmark = pytest.mark.real
Array = np.ndarray[Any, Any]


class Case(Struct, frozen=True):
    """``kind``: the class of the best box, COCO's car or elephant, or the face."""

    model: str
    head: str
    preprocessing: str
    photo: str
    kind: int
    options: str = ""


CAR, TRUCK, ELEPHANT, FACE = 2, 7, 20, 0
CASES = [
    Case("yolox_nano.onnx", "yolox", "order=bgr,letterbox=114:corner:floor", "elephants.jpg", ELEPHANT),
    Case("yolox_nano.onnx", "yolox", "order=bgr,letterbox=114:corner:floor", "car.jpg", CAR),
    Case("yolov5n_fp16.tflite", "yolov5", "scale=255,letterbox=114", "car.jpg", TRUCK, "relative=true"),
    Case("yolov5n_int8.tflite", "yolov5", "letterbox=114", "elephants.jpg", ELEPHANT, "relative=true"),
    Case("yolov8n_int8.tflite", "yolov8", "scale=255,letterbox=114", "elephants.jpg", ELEPHANT, "relative=true"),
    Case("yolov8n_full_integer.tflite", "yolov8", "mean=128,letterbox=114", "car.jpg", CAR, "relative=true"),
    Case("yolo26n_int8.tflite", "yolov10", "scale=255,letterbox=114", "car.jpg", CAR, "relative=true"),
    Case("fastestdet.onnx", "fastestdet", "order=bgr,scale=255", "car.jpg", CAR),
    Case(
        "nanodet_m.onnx",
        "nanodet",
        "order=bgr,mean=103.53:116.28:123.675,scale=57.375:57.12:58.395",
        "elephants.jpg",
        ELEPHANT,
    ),
    Case("scrfd_500m_kps.onnx", "scrfd", "mean=127.5,scale=128,letterbox=0:corner:floor", "satya.jpg", FACE),
    Case("ultraface_rfb_320.onnx", "ultraface", "mean=127,scale=128", "grace_hopper.jpg", FACE),
]


def by_onnxruntime(path: Path, photo: Path, preprocessing: str) -> tuple[dict[str, Array], tuple[int, int]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    asked, (given, *_) = parse_preprocessing(preprocessing), session.get_inputs()
    spec = TensorSpec(given.name, "float32", tuple(given.shape))
    tensor = image_tensor(photo, spec, tuple(given.shape), asked)
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, {given.name: tensor}), strict=True))
    return outputs, (given.shape[3], given.shape[2])


def by_openvino(path: Path, photo: Path, preprocessing: str) -> tuple[dict[str, Array], tuple[int, int]]:
    """Integer outputs are dequantised by the scale in the file."""
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    (given,) = compiled.inputs
    shape = tuple(given.shape)
    spec = TensorSpec(given.any_name, given.element_type.to_dtype().name, shape)
    tensor = image_tensor(photo, spec, shape, parse_preprocessing(preprocessing))
    found = compiled(tensor)
    specs = read_specs(path)
    outputs = {spec.name: np.array(found[i]) for i, spec in enumerate(specs)}
    return dequantised(outputs, specs), (shape[2], shape[1])


def read_specs(path: Path) -> tuple[TensorSpec, ...]:
    """The outputs as the file states them."""
    return TfliteFile().prepare(ModelRequest(str(path)), path.parent).facts.outputs


@pytest.fixture(params=CASES, ids=lambda case: f"{case.model}-{case.photo}")
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_boxes_of_the_published_post_processing(case: Case, realdata: Path) -> None:
    """The same outputs through both: as many boxes, of the same classes, to 0.001 pixel of the input."""
    folder = os.environ.get("ODB_DETECTORS")
    path = realdata / "models" / case.model
    if not path.exists():
        if not folder:
            pytest.skip("ODB_DETECTORS is not set: no folder of detectors")
        path = Path(folder) / case.model
    if not path.exists():
        pytest.skip(f"{case.model} is not in ODB_DETECTORS")
    run = by_onnxruntime if path.suffix == ".onnx" else by_openvino
    outputs, size = run(path, realdata / "images" / case.photo, case.preprocessing)
    options = parse_options(",".join(filter(None, (f"head={case.head}", case.options, "score_threshold=0.02"))))
    arrays = without_batch(outputs)
    choice = choose(arrays, Network(*size), options)
    assert choice is not None
    found = decode_head(arrays, choice, options, Sizes(size, size, Placed(0, 0, *size)))
    expected = getattr(published, choice.head.name)(outputs, *size, 0.02, choice.head.iou_threshold)[
        : options.max_detections
    ]
    assert case.kind == expected[0][5]
    assert [row[5] for row in expected] == found.classes.tolist()
    assert pytest.approx([row[4] for row in expected], abs=1e-6) == found.scores.tolist()
    corners = np.clip(np.array([row[:4] for row in expected]), 0, [*size, *size])
    assert pytest.approx(corners, abs=1e-3) == found.boxes
