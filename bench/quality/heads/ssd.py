"""SSD: encodings against priors, or detections that the graph has suppressed itself."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.quality.heads.head import Candidates, Fitted, Head, Network, activated, corners, in_pixels
from bench.suite.dataset_options import DatasetOptions
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]

CODER = (10.0, 10.0, 5.0, 5.0)  # scales of y, x, height and width in TensorFlow's box coder
TENSORFLOW_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "boxes": ("TFLite_Detection_PostProcess", "detection_boxes"),
        "labels": ("TFLite_Detection_PostProcess:1", "detection_classes"),
        "scores": ("TFLite_Detection_PostProcess:2", "detection_scores"),
        "count": ("TFLite_Detection_PostProcess:3", "num_detections"),
    }
)
CORNER_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "boxes": ("boxes", "bboxes", "det_boxes"),
        "labels": ("labels", "classes", "det_classes"),
        "scores": ("scores", "det_scores"),
        "count": ("num_dets", "num_detections"),
    }
)
"""What the outputs of a graph with suppression are called: TensorFlow's exports; ONNX's model zoo, torchvision and
TensorRT's EfficientNMS."""


def _pair(outputs: "Outputs") -> "tuple[Array, Array] | None":
    """Encodings [n, 4] and classes with background [n, 1 + classes]."""
    arrays = list(outputs.values())
    if len(arrays) != 2 or any(array.ndim not in (2, 3) for array in arrays):
        return None
    flat = [array.reshape(len(array), -1) for array in arrays]
    if len(flat[0]) != len(flat[1]):
        return None
    wide = [array.shape[1] == 4 for array in flat]
    if wide.count(True) != 1:
        return None
    classes = flat[wide.index(False)]
    return (flat[wide.index(True)], classes) if classes.shape[1] >= 2 else None


def _raw(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    found = _pair(outputs)
    if found is None:
        return None
    priors = _priors(options, network, len(found[0]))

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = _pair(outputs)
        assert again is not None
        y, x, height, width = np.asarray(again[0], np.float64).T / np.array(CODER)[:, np.newaxis]
        centre_y, centre_x, tall, wide = priors.T
        boxes = corners(x * wide + centre_x, y * tall + centre_y, np.exp(width) * wide, np.exp(height) * tall)
        return Candidates(
            in_pixels(boxes, network, relative=True), activated(again[1], "none", options, background=True)
        )

    return Fitted(found[1].shape[1] - 1, decode)


def _priors(options: DatasetOptions, network: Network, count: int) -> "Array":
    """[n, 4]: centre y, centre x, height and width as fractions of the input. Raises ``InputError``."""
    import numpy as np

    remedy = sentence("quality.heads.say_priors", count=count)
    if not options.anchors:
        raise InputError(sentence("quality.heads.anchors_missing", head="ssd"), remedy)
    try:
        return np.asarray(network.anchors, np.float64).reshape(count, 4)
    except (ValueError, TypeError):
        raise InputError(
            sentence("quality.heads.anchors_wrong", anchors=options.anchors, numbers=4 * count), remedy
        ) from None


def _named(outputs: "Outputs", names: Mapping[str, tuple[str, ...]]) -> "dict[str, Array] | None":
    """Boxes [n, 4], labels [n], scores [n] and, if the graph gives it, how many count, by the outputs' names."""
    known = {name.split(":0")[0] if name.endswith(":0") else name: array for name, array in outputs.items()}
    found = {}
    for part, wanted in names.items():
        name = next((name for name in wanted if name in known), None)
        if name is not None:
            found[part] = known[name]
    if not {"boxes", "labels", "scores"} <= set(found) or len(found) != len(outputs):
        return None
    boxes = found["boxes"].reshape(-1, 4) if found["boxes"].size % 4 == 0 else None
    if boxes is None or not len(boxes) == found["labels"].size == found["scores"].size:
        return None
    flat = {"boxes": boxes, "labels": found["labels"].ravel(), "scores": found["scores"].ravel()}
    if "count" in found:
        most = int(found["count"].ravel()[0]) if found["count"].size else 0
        flat = {part: array[:most] for part, array in flat.items()}
    return flat


def _tensorflow(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    if _named(outputs, TENSORFLOW_NAMES) is None:
        return None

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = _named(outputs, TENSORFLOW_NAMES)
        assert again is not None
        boxes = np.asarray(again["boxes"], np.float64)[:, [1, 0, 3, 2]]
        return Candidates(
            in_pixels(boxes, network, relative=True),
            np.asarray(again["scores"], np.float64),
            np.rint(again["labels"]).astype(np.int64),
        )

    return Fitted(None, decode)


def _detections(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    if _named(outputs, CORNER_NAMES) is None:
        return None

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = _named(outputs, CORNER_NAMES)
        assert again is not None
        return Candidates(
            in_pixels(np.asarray(again["boxes"], np.float64), network, options.relative),
            np.asarray(again["scores"], np.float64),
            np.rint(again["labels"]).astype(np.int64),
        )

    return Fitted(None, decode)


SSD = Head(
    name="ssd",
    source="tensorflow/tensorflow: tensorflow/lite/kernels/detection_postprocess.cc",
    preprocessing="mean=127.5,scale=127.5",
    fit=_raw,
    score_threshold=0.01,
    iou_threshold=0.6,
    nms="class",
    several_labels=True,
)
SSD_POSTPROCESSED = Head(
    name="ssd-postprocessed",
    source="tensorflow/tensorflow: tensorflow/lite/kernels/detection_postprocess.cc; "
    "tensorflow/models: research/object_detection/exporter_lib_v2.py",
    preprocessing="mean=127.5,scale=127.5",
    fit=_tensorflow,
    score_threshold=0.0,
    nms="none",
)
DETECTIONS = Head(
    name="detections",
    source="onnx/models: validated/vision/object_detection_segmentation/ssd/README.md; "
    "NVIDIA/TensorRT: plugin/efficientNMSPlugin/README.md",
    preprocessing="",
    fit=_detections,
    score_threshold=0.0,
    nms="none",
)
