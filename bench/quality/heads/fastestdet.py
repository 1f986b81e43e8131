"""FastestDet: one map [5 + classes, h, w]: objectness, x, y, width, height, classes."""

from typing import TYPE_CHECKING, Any

from bench.quality.heads.grids import sizes_of
from bench.quality.heads.head import Candidates, Fitted, Head, Network, activated, corners, feature_maps, sigmoid
from bench.suite.dataset_options import DatasetOptions

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]

STRIDE = 16


def _map(outputs: "Outputs", network: Network) -> "Array | None":
    """[h, w, 5 + classes]."""
    maps = feature_maps(outputs, sizes_of(network, (STRIDE,)), lambda c: c > 5)
    return maps[0][0] if maps is not None and len(outputs) == 1 else None


def _fit(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    found = _map(outputs, network)
    if found is None:
        return None

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = _map(outputs, network)
        assert again is not None
        height, width, channels = again.shape
        raw = np.asarray(again, np.float64).reshape(-1, channels)
        rows, columns = np.mgrid[:height, :width].reshape(2, -1)
        rated = activated(np.concatenate([raw[:, :1], raw[:, 5:]], axis=1), "none", options)
        boxes = corners(
            (np.tanh(raw[:, 1]) + columns) / width * network.width,
            (np.tanh(raw[:, 2]) + rows) / height * network.height,
            sigmoid(raw[:, 3]) * network.width,
            sigmoid(raw[:, 4]) * network.height,
        )
        return Candidates(boxes, rated[:, :1] * rated[:, 1:])

    return Fitted(found.shape[2] - 5, decode)


FASTESTDET = Head(
    name="fastestdet",
    source="dog-qiuqiu/FastestDet: utils/tool.py, utils/evaluation.py",
    preprocessing="order=bgr,scale=255",
    fit=_fit,
    score_threshold=0.001,
    iou_threshold=0.45,
    nms="class",
)
