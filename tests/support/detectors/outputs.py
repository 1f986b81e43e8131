"""Known boxes, encoded as the network of each published detector would put them out."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench.quality.heads.grids import FOUR, THREE, grid
from bench.quality.heads.head import Network
from bench.quality.heads.table import HEADS
from bench.quality.heads.yolov5 import PUBLISHED

Array = np.ndarray[Any, Any]
Outputs = dict[str, Array]
NETWORKS = [Network(320, 320), Network(416, 256), Network(160, 352)]
CLASSES = 7
TRUTH = [(30.0, 40.0, 75.0, 90.0, 2, 0.9), (80.0, 100.0, 150.0, 230.0, 6, 0.8), (33.0, 44.0, 77.0, 95.0, 0, 0.7)]
"""Left, top, right, bottom, class, score; the third overlaps the first, of another class."""


def logit(p: Any) -> Array:
    """The inverse of the sigmoid; of 0 and 1 very small and very large."""
    clipped = np.clip(np.asarray(p, float), 1e-9, 1 - 1e-9)
    return np.asarray(np.log(clipped / (1 - clipped)))


def cells(network: Network, strides: tuple[int, ...], each: int = 1) -> Iterator[tuple[int, Any]]:
    """For each box of ``TRUTH`` a cell of its own that contains its centre, or lies next to it: place, column, row and
    stride; and the box."""
    columns, rows, stride = grid(network, strides, each)
    taken: set[int] = set()
    for box in TRUTH:
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        far = np.abs((columns + 0.5) * stride - x) + np.abs((rows + 0.5) * stride - y)
        place = next(int(i) for i in np.argsort(far, kind="stable") if int(i) not in taken)
        taken.add(place)
        yield place, (columns[place], rows[place], stride[place], box)


def centred(box: Any) -> tuple[float, float, float, float]:
    left, top, right, bottom = box[:4]
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def steps(distance: float, count: int) -> Array:
    """Logits of a distribution over whole steps with that mean, on the two nearest."""
    low = min(int(distance), count - 2)
    share = np.full(count, 1e-13)
    share[low], share[low + 1] = 1 - (distance - low) + 1e-13, distance - low + 1e-13
    return np.log(share)


def yolox(network: Network) -> Outputs:
    count = len(grid(network, THREE)[0])
    out = np.zeros((count, 5 + CLASSES))
    for place, (column, row, stride, box) in cells(network, THREE):
        x, y, width, height = centred(box)
        out[place, :4] = x / stride - column, y / stride - row, np.log(width / stride), np.log(height / stride)
        out[place, 4], out[place, 5 + box[4]] = 0.95, box[5] / 0.95
    return {"output": out[np.newaxis]}


def decoded_rows(network: Network, objectness: bool, each: int, strides: tuple[int, ...] = THREE) -> Array:
    count = len(grid(network, strides, each)[0])
    out = np.zeros((count, 4 + objectness + CLASSES))
    for place, (*_, box) in cells(network, strides, each):
        out[place, :4] = centred(box)
        out[place, 4] = 1.0
        out[place, 4 + objectness + box[4]] = box[5]
        if not objectness:
            out[place, 4] = box[5] if box[4] == 0 else 0.0
    return out


def yolox_decoded(network: Network) -> Outputs:
    return {"output": decoded_rows(network, True, 1)[np.newaxis]}


def yolov5(network: Network) -> Outputs:
    return {"output0": decoded_rows(network, True, 3)[np.newaxis]}


def yolov5_raw(network: Network) -> Outputs:
    """One map of [255-like channels, h, w] a stride. The centre is at most a cell and a half from its cell's."""
    anchors = np.array(PUBLISHED["yolov5"], float).reshape(3, 3, 2)
    maps = {s: np.full((3, 5 + CLASSES, network.height // s, network.width // s), -30.0) for s in THREE}
    for number, box in enumerate(TRUTH):
        stride, anchor = (16, number % 3)
        x, y, width, height = centred(box)
        column, row = int(x / stride), int(y / stride)
        sides = anchors[1, anchor]
        place = logit([(x / stride - column + 0.5) / 2, (y / stride - row + 0.5) / 2])
        size = logit(np.sqrt([width / sides[0], height / sides[1]]) / 2)
        cell = maps[stride][anchor, :, row, column]
        cell[:4] = *place, *size
        cell[4], cell[5 + box[4]] = 30.0, logit(box[5])
    return {f"p{s}": m.reshape(1, -1, *m.shape[2:]) for s, m in maps.items()}


def yolov8(network: Network) -> Outputs:
    return {"output0": decoded_rows(network, False, 1).T[np.newaxis]}


def sides_of(box: Any, x: float, y: float, stride: float) -> list[float]:
    return [(x - box[0]) / stride, (y - box[1]) / stride, (box[2] - x) / stride, (box[3] - y) / stride]


def yolov8_raw(network: Network) -> Outputs:
    """Of the stride 16 alone, so that every side is within 15 steps."""
    columns, rows, stride = grid(network, THREE)
    out = np.full((len(columns), 64 + CLASSES), -30.0)
    out[:, :64] = 0.0
    of_16 = np.flatnonzero(stride == 16)
    for number, box in enumerate(TRUTH):
        x, y, *_ = centred(box)
        far = np.abs((columns[of_16] + 0.5) * 16 - x) + np.abs((rows[of_16] + 0.5) * 16 - y)
        place = of_16[np.argsort(far, kind="stable")[0 if number < 2 else 1]]
        middle = (columns[place] + 0.5) * 16, (rows[place] + 0.5) * 16
        out[place, :64] = np.concatenate([steps(d, 16) for d in sides_of(box, *middle, 16)])
        out[place, 64 + box[4]] = logit(box[5])
    maps, begin = {}, 0
    for s in THREE:
        height, width = network.height // s, network.width // s
        part = out[begin : begin + height * width].reshape(height, width, -1)
        maps[f"p{s}"] = part.transpose(2, 0, 1)[np.newaxis]
        begin += height * width
    return maps


def yolov10(network: Network) -> Outputs:
    out = np.zeros((1, 300, 6))
    for at, box in enumerate(TRUTH):
        out[0, at] = *box[:4], box[5], box[4]
    return {"output0": out}


def priors(network: Network) -> Array:
    """A made-up set of 50: centre y, centre x, height and width as fractions."""
    random = np.random.default_rng(1)
    return np.concatenate([random.uniform(0, 1, (50, 2)), random.uniform(0.1, 0.5, (50, 2))], axis=1)


def ssd(network: Network) -> Outputs:
    encodings, classes = np.zeros((50, 4)), np.zeros((50, 1 + CLASSES))
    classes[:, 0] = 1.0
    for at, box in enumerate(TRUTH):
        x, y, width, height = centred(box)
        prior = priors(network)[at]
        encodings[at] = (
            10 * (y / network.height - prior[0]) / prior[2],
            10 * (x / network.width - prior[1]) / prior[3],
            5 * np.log(height / network.height / prior[2]),
            5 * np.log(width / network.width / prior[3]),
        )
        classes[at, 1 + box[4]] = box[5]
    return {"encodings": encodings[np.newaxis], "classes": classes[np.newaxis]}


def fractions(network: Network) -> Array:
    size = np.array([network.width, network.height] * 2)
    return np.array([box[:4] for box in TRUTH]) / size


def ssd_postprocessed(network: Network) -> Outputs:
    """Ten places, of which three count."""
    boxes = np.zeros((1, 10, 4))
    boxes[0, :3] = fractions(network)[:, [1, 0, 3, 2]]
    labels, scores = np.zeros((1, 10)), np.full((1, 10), 0.99)
    labels[0, :3], scores[0, :3] = [box[4] for box in TRUTH], [box[5] for box in TRUTH]
    parts = (boxes, labels, scores, np.array([3.0]))
    return {f"TFLite_Detection_PostProcess{end}": part for end, part in zip(("", ":1", ":2", ":3"), parts, strict=True)}


def detections(network: Network) -> Outputs:
    return {
        "boxes": np.array([box[:4] for box in TRUTH]),
        "labels": np.array([box[4] for box in TRUTH], np.int64),
        "scores": np.array([box[5] for box in TRUTH]),
    }


def fastestdet(network: Network) -> Outputs:
    height, width = network.height // 16, network.width // 16
    out = np.zeros((5 + CLASSES, height, width))
    for number, box in enumerate(TRUTH):
        x, y, wide, tall = centred(box)
        column, row = int(x / 16), int(y / 16) + (number == 2)  # the third has the cell of the first
        place = np.arctanh([x / 16 - column, y / 16 - row])
        out[1:5, row, column] = *place, *logit([wide / network.width, tall / network.height])
        out[0, row, column], out[5 + box[4], row, column] = 0.95, box[5] / 0.95
    return {"output": out[np.newaxis]}


def nanodet_rows(network: Network, strides: tuple[int, ...], offset: float, of: int) -> tuple[Array, Array]:
    columns, rows, stride = grid(network, strides)
    classes, sides = np.zeros((len(columns), CLASSES)), np.zeros((len(columns), 32))
    mine = np.flatnonzero(stride == of)
    for number, box in enumerate(TRUTH):
        x, y, *_ = centred(box)
        far = np.abs((columns[mine] + offset) * of - x) + np.abs((rows[mine] + offset) * of - y)
        place = mine[np.argsort(far, kind="stable")[0 if number < 2 else 1]]
        middle = (columns[place] + offset) * of, (rows[place] + offset) * of
        sides[place] = np.concatenate([steps(d, 8) for d in sides_of(box, *middle, of)])
        classes[place, box[4]] = box[5]
    return classes, sides


def nanodet_plus(network: Network) -> Outputs:
    classes, sides = nanodet_rows(network, FOUR, 0.0, 16)
    return {"output": np.concatenate([classes, sides], axis=1)[np.newaxis]}


def nanodet(network: Network) -> Outputs:
    classes, sides = nanodet_rows(network, THREE, 0.5, 16)
    found, begin = {}, 0
    for s in THREE:
        count = (network.height // s) * (network.width // s)
        found[f"cls_{s}"] = classes[np.newaxis, begin : begin + count]
        found[f"dis_{s}"] = sides[np.newaxis, begin : begin + count]
        begin += count
    return found


def scrfd(network: Network) -> Outputs:
    columns, _, stride = grid(network, THREE, 2)
    scores, sides = np.zeros((len(columns), 1)), np.zeros((len(columns), 4))
    for place, (column, row, step, box) in cells(network, THREE, 2):
        sides[place] = sides_of(box, column * step, row * step, step)
        scores[place] = box[5]
    found: Outputs = {}
    for s in THREE:
        found[f"score_{s}"] = scores[stride == s]
        found[f"bbox_{s}"] = sides[stride == s]
        found[f"kps_{s}"] = np.zeros((int((stride == s).sum()), 10))
    return found


def ultraface(network: Network) -> Outputs:
    count = HEADS["ultraface"].cells(network)
    boxes, scores = np.zeros((1, count, 4)), np.zeros((1, count, 2))
    scores[..., 0] = 1.0
    boxes[0, 5:8] = fractions(network)
    scores[0, 5:8] = [[1 - box[5], box[5]] for box in TRUTH]
    return {"scores": scores, "boxes": boxes}


ENCODERS: dict[str, Callable[[Network], Outputs]] = {
    "yolox": yolox,
    "yolox-decoded": yolox_decoded,
    "yolov5": yolov5,
    "yolov5-raw": yolov5_raw,
    "yolov8": yolov8,
    "yolov8-raw": yolov8_raw,
    "yolov10": yolov10,
    "ssd": ssd,
    "ssd-postprocessed": ssd_postprocessed,
    "detections": detections,
    "fastestdet": fastestdet,
    "nanodet": nanodet,
    "nanodet-plus": nanodet_plus,
    "scrfd": scrfd,
    "ultraface": ultraface,
}
