"""Faces: SCRFD, two anchors a cell with distances of the sides, and UltraFace, corners as fractions of the input."""

from typing import TYPE_CHECKING, Any

from bench.quality.heads.distances import around
from bench.quality.heads.grids import FIVE, THREE, cells_of, grid
from bench.quality.heads.head import Candidates, Fitted, Head, Network, activated, in_pixels
from bench.suite.dataset_options import DatasetOptions

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]

EXTRAS = {1: "scores", 4: "boxes", 10: "points"}
"""Columns of an output -> what it holds; the five points of a face are not used."""


def _maps(outputs: "Outputs", network: Network) -> "tuple[tuple[int, ...], int, Array, Array] | None":
    """Strides, anchors a cell, scores [cells, 1] and distances [cells, 4] in steps of the stride."""
    import numpy as np

    for strides, anchors in ((THREE, 2), (FIVE, 1)):
        counts = [cells_of(network, (stride,), anchors) for stride in strides]
        found: dict[str, dict[int, Array]] = {}
        for array in outputs.values():
            if array.ndim != 2 or array.shape[1] not in EXTRAS or len(array) not in counts:
                break
            found.setdefault(EXTRAS[array.shape[1]], {})[len(array)] = array
        else:
            parts = [found.get("scores", {}), found.get("boxes", {})]
            complete = len(outputs) in (2 * len(strides), 3 * len(strides))
            if complete and all(sorted(part) == sorted(counts) for part in parts):
                scores, boxes = (np.concatenate([part[count] for count in counts]) for part in parts)
                return strides, anchors, scores, boxes
    return None


def _scrfd(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    found = _maps(outputs, network)
    if found is None:
        return None
    columns, rows, stride = grid(network, found[0], found[1])

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = _maps(outputs, network)
        assert again is not None
        distances = np.asarray(again[3], np.float64) * stride[:, np.newaxis]
        boxes = around(columns * stride, rows * stride, distances)
        return Candidates(boxes, activated(again[2], "none", options))

    return Fitted(1, decode)


PRIORS = (3, 2, 2, 3)  # boxes a cell at the strides 8, 16, 32 and 64


def _priors(network: Network) -> int:
    return sum(cells_of(network, (stride,), each) for stride, each in zip((8, 16, 32, 64), PRIORS, strict=True))


def _pair(outputs: "Outputs") -> "tuple[Array, Array] | None":
    """Scores [n, 2], of background and face, and boxes [n, 4]."""
    by_width = {array.shape[-1]: array for array in outputs.values() if array.ndim == 2}
    if len(outputs) != 2 or set(by_width) != {2, 4}:
        return None
    return by_width[2], by_width[4]


def _ultraface(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    found = _pair(outputs)
    if found is None or {len(array) for array in found} != {_priors(network)}:
        return None

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = _pair(outputs)
        assert again is not None
        boxes = in_pixels(np.asarray(again[1], np.float64), network, relative=True)
        return Candidates(boxes, activated(again[0], "none", options, background=True))

    return Fitted(1, decode)


SCRFD = Head(
    name="scrfd",
    source="deepinsight/insightface: detection/scrfd/tools/scrfd.py, detection/scrfd/configs/scrfd/scrfd_500m.py",
    preprocessing="mean=127.5,scale=128,letterbox=0:corner:floor",
    fit=_scrfd,
    cells=lambda network: cells_of(network, THREE, 2),
    score_threshold=0.02,
    iou_threshold=0.45,
    nms="class",
)
ULTRAFACE = Head(
    name="ultraface",
    source="Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB: vision/utils/box_utils_numpy.py, "
    "vision/ssd/config/fd_config.py, run_video_face_detect_onnx.py",
    preprocessing="mean=127,scale=128",
    fit=_ultraface,
    cells=_priors,
    score_threshold=0.01,
    iou_threshold=0.5,
    nms="class",
)
