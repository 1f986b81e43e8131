"""YOLOv8, YOLOv9, YOLO11 and YOLO12: no objectness; decoded in the graph, or raw maps with distributions of sides."""

from typing import TYPE_CHECKING, Any

from bench.quality.heads.distances import by_sides
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
)
from bench.suite.dataset_options import DatasetOptions

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]

SIDES = 64  # four sides, each a distribution over 16 steps


def _rows(outputs: "Outputs", network: Network) -> "Array | None":
    """The only output as [cells, 4 + classes]; ``None`` where it is not one, or could be either way round."""
    arrays = list(outputs.values())
    if len(arrays) != 1 or arrays[0].ndim != 2:
        return None
    first, second = (strides_for(count, network) is not None for count in arrays[0].shape)
    if first == second:
        return None
    rows = arrays[0] if first else arrays[0].T
    return rows if rows.shape[1] >= 5 else None


def _fused(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    found = _rows(outputs, network)
    if found is None:
        return None

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = _rows(outputs, network)
        assert again is not None
        rows = np.asarray(again, np.float64)
        boxes = in_pixels(corners(*rows[:, :4].T), network, options.relative)
        return Candidates(boxes, activated(rows[:, 4:], "none", options))

    return Fitted(found.shape[1] - 4, decode)


def _maps(outputs: "Outputs", network: Network) -> "tuple[tuple[int, ...], Array, Array] | None":
    """Strides, sides [cells, 64] and classes [cells, classes]; of each stride one map of both, or two maps."""
    import numpy as np

    for strides in (THREE, FOUR):
        sizes = sizes_of(network, strides)
        maps = feature_maps(outputs, sizes, lambda c: c >= 1)
        if maps is None or {len(each) for each in maps} not in ({1}, {2}):
            continue
        sides, classes = [], []
        for each in maps:
            flat = [array.reshape(-1, array.shape[2]) for array in each]
            if len(flat) == 1:
                sides.append(flat[0][:, :SIDES])
                classes.append(flat[0][:, SIDES:])
                continue
            wide = [array.shape[1] == SIDES for array in flat]
            if wide.count(True) != 1:
                return None
            sides.append(flat[wide.index(True)])
            classes.append(flat[wide.index(False)])
        if {a.shape[1] for a in sides} != {SIDES} or len({a.shape[1] for a in classes}) > 1 or not classes[0].shape[1]:
            return None
        return strides, np.concatenate(sides), np.concatenate(classes)
    return None


def _raw(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    return by_sides(_maps, outputs, network, options, place=0.5, activation="sigmoid")


SOURCE = (
    "ultralytics/ultralytics: ultralytics/nn/modules/head.py, ultralytics/utils/nms.py, "
    "ultralytics/models/yolo/detect/val.py"
)
PREPROCESSING = "scale=255,letterbox=114"

YOLOV8 = Head(
    name="yolov8",
    source=SOURCE,
    preprocessing=PREPROCESSING,
    fit=_fused,
    cells=lambda network: cells_of(network, THREE),
    score_threshold=0.001,
    iou_threshold=0.7,
    nms="class",
    several_labels=True,
)
YOLOV8_RAW = Head(
    name="yolov8-raw",
    source=SOURCE,
    preprocessing=PREPROCESSING,
    fit=_raw,
    cells=lambda network: cells_of(network, THREE),
    score_threshold=0.001,
    iou_threshold=0.7,
    nms="class",
    several_labels=True,
)
