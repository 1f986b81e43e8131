"""In which range a graph takes a picture, as its first operators show: 0 to 1, or 0 to 255."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from bench.models.role_graph import Node, RoleGraph

    Array = np.ndarray[Any, Any]

BYTE, UNIT = 255.0, 1.0
MOVED = frozenset(
    "Cast Concat Convert DequantizeLinear Gather Identity Pad Reshape Resize Reverse Slice SpaceToDepth Split "
    "Squeeze StridedSlice Transpose Unsqueeze VariadicSplit".split()
)
"""Operators that leave the values of a picture as they are."""
CONVOLUTIONS = frozenset({"Conv", "Convolution", "FusedConv", "GroupConvolution"})
FLAT, EDGE = 0.45, 0.1
"""Of a picture of 0 to 1: its mean, and how much neighbouring pixels differ."""
SMALL_MEAN = 2.0  # larger ones are in steps of a byte
STEPS = 3


def picture_top(graph: "RoleGraph", value: str) -> float | None:
    """The brightest value of the picture that the input ``value`` takes: 1 or 255; ``None`` where nothing shows it.

    A division by 255 or the like, a mean that is subtracted, the range of a quantisation, the statistics of a batch
    normalisation or the size of the first convolution's weights decide, whichever comes first: networks are trained to
    have sums of about 1 behind the first layer.
    """
    reached = {value}
    for index, node in enumerate(graph.nodes):
        if not reached.intersection(node.inputs):
            continue
        if node.op in MOVED:
            reached.update(node.outputs)
            continue
        return _shown_by(graph, node, index)
    return None


def _shown_by(graph: "RoleGraph", node: "Node", index: int) -> float | None:
    held = [graph.values(name) for name in node.inputs if name in graph.constants]
    known = [values for values in held if values is not None]
    if not known:
        return None
    size = float(abs(known[0].astype("float64")).max(initial=0.0))
    match node.op:
        case "Div" | "Divide":
            return BYTE if size > SMALL_MEAN else UNIT
        case "Mul" | "Multiply":
            return BYTE if 0 < size < 1 / SMALL_MEAN / STEPS else UNIT
        case "Sub" | "Subtract" | "Add":
            return BYTE if size > SMALL_MEAN else UNIT
        case "QuantizeLinear":
            return BYTE if BYTE * size > SMALL_MEAN * STEPS else UNIT
        case "BatchNormalization" if len(known) > STEPS:
            return BYTE if float(abs(known[2]).max(initial=0.0)) > SMALL_MEAN else UNIT
    if node.op in CONVOLUTIONS:
        return _of_weights(known[0].astype("float64"), _variance_behind(graph, node, index))
    return None


def _of_weights(weights: "Array", typical: "Array | None") -> float | None:
    """The range in which sums come nearest to ``typical`` sizes (1 where not known), in the middle of the channels."""
    import numpy as np

    filters = weights.reshape(-1, *weights.shape[-3:]) if weights.ndim >= 3 else weights
    axes = tuple(range(1, filters.ndim))
    sums = np.hypot(FLAT * np.abs(filters.sum(axis=axes)), EDGE * np.sqrt(np.square(filters).sum(axis=axes)))
    if typical is not None and typical.shape == sums.shape:
        sums = sums / np.maximum(typical, 1e-6)
    middle = float(np.median(sums))
    if not math.isfinite(middle) or middle <= 0:
        return None
    return min((UNIT, BYTE), key=lambda top: abs(math.log(middle * top)))


def _variance_behind(graph: "RoleGraph", conv: "Node", index: int) -> "Array | None":
    """Standard deviations that the batch normalisation behind a convolution was trained to see."""
    for node in graph.nodes[index + 1 :]:
        if node.op == "BatchNormalization" and node.inputs[0] in conv.outputs and len(node.inputs) > 4:
            variance = graph.values(node.inputs[4])
            return None if variance is None else abs(variance.astype("float64")) ** 0.5
    return None
