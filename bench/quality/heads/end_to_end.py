"""YOLOv10, YOLO26 and exports with suppression in the graph: [n, 6], corners, score and class."""

from typing import TYPE_CHECKING, Any

from bench.quality.heads.grids import strides_for
from bench.quality.heads.head import Candidates, Fitted, Head, Network, in_pixels
from bench.suite.dataset_options import DatasetOptions

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]


def _fit(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    arrays = list(outputs.values())
    if len(arrays) != 1 or arrays[0].ndim != 2 or arrays[0].shape[1] != 6:
        return None
    if strides_for(len(arrays[0]), network) is not None:
        return None

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        rows = np.asarray(next(iter(outputs.values())), np.float64)
        boxes = in_pixels(rows[:, :4], network, options.relative)
        return Candidates(boxes, rows[:, 4], np.rint(rows[:, 5]).astype(np.int64))

    return Fitted(None, decode)


YOLOV10 = Head(
    name="yolov10",
    source="THU-MIG/yolov10: ultralytics/nn/modules/head.py; ultralytics/ultralytics: ultralytics/nn/modules/head.py",
    preprocessing="scale=255,letterbox=114",
    fit=_fit,
    score_threshold=0.001,
    nms="none",
)
