"""NanoDet: classes and distributions of sides; NanoDet-Plus in one output, NanoDet in two for each stride."""

from typing import TYPE_CHECKING, Any

from bench.quality.heads.distances import around, expected
from bench.quality.heads.grids import FOUR, THREE, cells_of, grid
from bench.quality.heads.head import Candidates, Fitted, Head, Network, activated
from bench.suite.dataset_options import DatasetOptions

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]

SIDES = 32  # four sides, each a distribution over 8 steps


def _plus(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    arrays = list(outputs.values())
    if len(arrays) != 1 or arrays[0].ndim != 2 or arrays[0].shape[1] <= SIDES:
        return None
    if len(arrays[0]) != cells_of(network, FOUR):
        return None
    columns, rows, stride = grid(network, FOUR)
    classes = arrays[0].shape[1] - SIDES

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        raw = np.asarray(next(iter(outputs.values())), np.float64)
        distances = expected(raw[:, classes:]) * stride[:, np.newaxis]
        boxes = around(columns * stride, rows * stride, distances)
        return Candidates(boxes, activated(raw[:, :classes], "none", options))

    return Fitted(classes, decode)


def _pairs(outputs: "Outputs", network: Network) -> "tuple[Array, Array] | None":
    """Classes [cells, classes] and sides [cells, 32], stride after stride."""
    import numpy as np

    counts = [cells_of(network, (stride,)) for stride in THREE]
    if len(outputs) != 2 * len(counts) or any(array.ndim != 2 for array in outputs.values()):
        return None
    sides = {len(array): array for array in outputs.values() if array.shape[1] == SIDES}
    classes = {len(array): array for array in outputs.values() if array.shape[1] != SIDES}
    if sorted(sides) != sorted(counts) or sorted(classes) != sorted(counts):
        return None
    if len({array.shape[1] for array in classes.values()}) != 1:
        return None
    return np.concatenate([classes[count] for count in counts]), np.concatenate([sides[count] for count in counts])


def _single(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    found = _pairs(outputs, network)
    if found is None:
        return None
    columns, rows, stride = grid(network, THREE)

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = _pairs(outputs, network)
        assert again is not None
        distances = expected(np.asarray(again[1], np.float64)) * stride[:, np.newaxis]
        boxes = around((columns + 0.5) * stride, (rows + 0.5) * stride, distances)
        return Candidates(boxes, activated(again[0], "none", options))

    return Fitted(found[0].shape[1], decode)


PREPROCESSING = "order=bgr,mean=103.53:116.28:123.675,scale=57.375:57.12:58.395"

NANODET_PLUS = Head(
    name="nanodet-plus",
    source="RangiLyu/nanodet: nanodet/model/head/nanodet_plus_head.py",
    preprocessing=PREPROCESSING,
    fit=_plus,
    cells=lambda network: cells_of(network, FOUR),
    score_threshold=0.05,
    iou_threshold=0.6,
    nms="class",
    several_labels=True,
)
NANODET = Head(
    name="nanodet",
    source="RangiLyu/nanodet: nanodet/model/head/gfl_head.py",
    preprocessing=PREPROCESSING,
    fit=_single,
    cells=lambda network: cells_of(network, THREE),
    score_threshold=0.05,
    iou_threshold=0.6,
    nms="class",
    several_labels=True,
)
