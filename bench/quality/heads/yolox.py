"""YOLOX: one output of [cells, 5 + classes], x, y, width and height by cell, objectness, classes."""

from typing import TYPE_CHECKING, Any

from bench.quality.heads.grids import THREE, cells_of, grid, strides_for
from bench.quality.heads.head import Candidates, Fitted, Head, Network, activated, corners, in_pixels
from bench.suite.dataset_options import DatasetOptions

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]


def _rows(outputs: "Outputs", network: Network) -> tuple[int, tuple[int, ...]] | None:
    """Classes and strides."""
    arrays = list(outputs.values())
    if len(arrays) != 1 or arrays[0].ndim != 2 or arrays[0].shape[1] < 6:
        return None
    strides = strides_for(len(arrays[0]), network)
    return None if strides is None else (arrays[0].shape[1] - 5, strides)


def _scored(rows: "Array", options: DatasetOptions) -> "Array":
    found = activated(rows[:, 4:], "none", options)
    return found[:, :1] * found[:, 1:]


def _raw(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    found = _rows(outputs, network)
    if found is None:
        return None
    classes, strides = found
    columns, rows, stride = grid(network, strides)

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        raw = np.asarray(next(iter(outputs.values())), np.float64)
        with np.errstate(over="ignore"):
            boxes = corners(
                (raw[:, 0] + columns) * stride,
                (raw[:, 1] + rows) * stride,
                np.exp(raw[:, 2]) * stride,
                np.exp(raw[:, 3]) * stride,
            )
        return Candidates(boxes, _scored(raw, options))

    return Fitted(classes, decode)


def _decoded(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    found = _rows(outputs, network)
    if found is None:
        return None

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        rows = np.asarray(next(iter(outputs.values())), np.float64)
        boxes = in_pixels(corners(*rows[:, :4].T), network, options.relative)
        return Candidates(boxes, _scored(rows, options))

    return Fitted(found[0], decode)


SOURCE = "Megvii-BaseDetection/YOLOX: yolox/utils/boxes.py, yolox/utils/demo_utils.py, yolox/exp/yolox_base.py"
PREPROCESSING = "order=bgr,letterbox=114:corner:floor"

YOLOX = Head(
    name="yolox",
    source=SOURCE,
    preprocessing=PREPROCESSING,
    fit=_raw,
    cells=lambda network: cells_of(network, THREE),
    score_threshold=0.01,
    iou_threshold=0.65,
    nms="class",
)
YOLOX_DECODED = Head(
    name="yolox-decoded",
    source=SOURCE,
    preprocessing=PREPROCESSING,
    fit=_decoded,
    cells=lambda network: cells_of(network, THREE),
    score_threshold=0.01,
    iou_threshold=0.65,
    nms="class",
)
