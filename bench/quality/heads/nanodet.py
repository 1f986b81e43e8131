"""NanoDet: classes and distributions of sides; NanoDet-Plus in one output, NanoDet in two for each stride."""

from typing import TYPE_CHECKING, Any

from bench.quality.heads.distances import by_sides
from bench.quality.heads.grids import FOUR, THREE, cells_of
from bench.quality.heads.head import Fitted, Head, Network
from bench.suite.dataset_options import DatasetOptions

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]

SIDES = 32  # four sides, each a distribution over 8 steps


def _joined(outputs: "Outputs", network: Network) -> "tuple[tuple[int, ...], Array, Array] | None":
    """Strides, and sides [cells, 32] and classes [cells, classes] of the only output, which holds classes first."""
    import numpy as np

    arrays = list(outputs.values())
    if len(arrays) != 1 or arrays[0].ndim != 2 or arrays[0].shape[1] <= SIDES:
        return None
    if len(arrays[0]) != cells_of(network, FOUR):
        return None
    raw, classes = np.asarray(arrays[0], np.float64), arrays[0].shape[1] - SIDES
    return FOUR, raw[:, classes:], raw[:, :classes]


def _plus(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    return by_sides(_joined, outputs, network, options, place=0.0, activation="none")


def _pairs(outputs: "Outputs", network: Network) -> "tuple[tuple[int, ...], Array, Array] | None":
    """Strides, and sides [cells, 32] and classes [cells, classes], stride after stride."""
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
    return (
        THREE,
        np.concatenate([sides[count] for count in counts]),
        np.concatenate([classes[count] for count in counts]),
    )


def _single(outputs: "Outputs", network: Network, options: DatasetOptions) -> Fitted | None:
    return by_sides(_pairs, outputs, network, options, place=0.5, activation="none")


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
