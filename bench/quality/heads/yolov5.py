"""YOLOv5 and YOLOv7: three anchors a cell; decoded in the graph, or one raw map per stride."""

from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.quality.heads.grids import FOUR, THREE, cells_of, sizes_of, strides_for
from bench.quality.heads.head import (
    Candidates,
    Fitted,
    Head,
    Network,
    activated,
    corners,
    feature_maps,
    in_pixels,
    sigmoid,
)
from bench.suite.dataset_options import DatasetOptions
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]

ANCHORS = 3
PUBLISHED = {
    "yolov5": ((10, 13, 16, 30, 33, 23), (30, 61, 62, 45, 59, 119), (116, 90, 156, 198, 373, 326)),
    "yolov5-p6": (
        (19, 27, 44, 40, 38, 94),
        (96, 68, 86, 152, 180, 137),
        (140, 301, 303, 264, 238, 542),
        (436, 615, 739, 380, 925, 792),
    ),
    "yolov7": ((12, 16, 19, 36, 40, 28), (36, 75, 76, 55, 72, 146), (142, 110, 192, 243, 459, 401)),
}
"""Anchors in pixels, width and height, by stride: ultralytics/yolov5 models/yolov5n.yaml and models/hub/yolov5n6.yaml,
WongKinYiu/yolov7 cfg/deploy/yolov7.yaml."""


def _fused(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    arrays = list(outputs.values())
    if len(arrays) != 1 or arrays[0].ndim != 2 or arrays[0].shape[1] < 6:
        return None
    if strides_for(len(arrays[0]), network, ANCHORS) is None:
        return None

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        rows = np.asarray(next(iter(outputs.values())), np.float64)
        found = activated(rows[:, 4:], "none", options)
        boxes = in_pixels(corners(*rows[:, :4].T), network, options.relative)
        return Candidates(boxes, found[:, :1] * found[:, 1:])

    return Fitted(arrays[0].shape[1] - 5, decode)


def _maps(outputs: "Outputs", network: Network) -> "tuple[tuple[int, ...], list[Array]] | None":
    """Strides, and of each the map [h, w, anchors, 5 + classes], from [anchors * (5 + classes), h, w] in either layout
    or from [anchors, h, w, 5 + classes]."""
    for strides in (THREE, FOUR):
        sizes = sizes_of(network, strides)
        if len(outputs) != len(sizes):
            continue
        if all(array.ndim == 4 and len(array) == ANCHORS for array in outputs.values()):
            by_size = {array.shape[1:3]: array.transpose(1, 2, 0, 3) for array in outputs.values()}
            if all(size in by_size for size in sizes):
                return strides, [by_size[size] for size in sizes]
        maps = feature_maps(outputs, sizes, lambda c: c % ANCHORS == 0 and c // ANCHORS > 5)
        if maps is not None and len({each[0].shape[2] for each in maps}) == 1:
            return strides, [each[0].reshape(*each[0].shape[:2], ANCHORS, -1) for each in maps]
    return None


def _raw(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    found = _maps(outputs, network)
    if found is None:
        return None
    strides, maps = found
    anchors = _anchors(options, network, len(strides))

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = _maps(outputs, network)
        assert again is not None
        boxes, scores = [], []
        for stride, sides, raw in zip(strides, anchors, again[1], strict=True):
            height, width, each, _ = raw.shape
            values = np.asarray(raw, np.float64)
            rated = activated(values[..., 4:], "sigmoid", options)
            place = values[..., :4] if options.activation == "none" else sigmoid(values[..., :4])
            rows, columns = np.mgrid[:height, :width].astype(np.float64)[:, :, :, np.newaxis]
            boxes.append(
                corners(
                    (place[..., 0] * 2 - 0.5 + columns) * stride,
                    (place[..., 1] * 2 - 0.5 + rows) * stride,
                    (place[..., 2] * 2) ** 2 * sides[:, 0],
                    (place[..., 3] * 2) ** 2 * sides[:, 1],
                ).reshape(-1, 4)
            )
            scores.append((rated[..., :1] * rated[..., 1:]).reshape(height * width * each, -1))
        return Candidates(np.concatenate(boxes), np.concatenate(scores))

    return Fitted(maps[0].shape[3] - 5, decode)


def _anchors(options: DatasetOptions, network: Network, maps: int) -> "Array":
    """[maps, anchors, 2] in pixels. Raises ``InputError`` where they are not given, or are of another number."""
    import numpy as np

    text = options.anchors
    if not text:
        raise InputError(
            sentence("quality.heads.anchors_missing", head="yolov5-raw"),
            sentence("quality.heads.say_anchors", names=list(PUBLISHED), numbers=maps * ANCHORS * 2),
        )
    try:
        given: Any = PUBLISHED.get(text) or (
            network.anchors if network.anchors is not None else [float(part) for part in text.split(":")]
        )
        return np.asarray(given, np.float64).reshape(maps, ANCHORS, 2)
    except ValueError:
        raise InputError(
            sentence("quality.heads.anchors_wrong", anchors=text, numbers=maps * ANCHORS * 2),
            sentence("quality.heads.say_anchors", names=list(PUBLISHED), numbers=maps * ANCHORS * 2),
        ) from None


SOURCE = "ultralytics/yolov5: models/yolo.py, utils/general.py, val.py"
PREPROCESSING = "scale=255,letterbox=114"

YOLOV5 = Head(
    name="yolov5",
    source=SOURCE,
    preprocessing=PREPROCESSING,
    fit=_fused,
    cells=lambda network: cells_of(network, THREE, ANCHORS),
    score_threshold=0.001,
    iou_threshold=0.6,
    nms="class",
    several_labels=True,
)
YOLOV5_RAW = Head(
    name="yolov5-raw",
    source=SOURCE,
    preprocessing=PREPROCESSING,
    fit=_raw,
    cells=lambda network: cells_of(network, THREE, ANCHORS),
    score_threshold=0.001,
    iou_threshold=0.6,
    nms="class",
    several_labels=True,
)
