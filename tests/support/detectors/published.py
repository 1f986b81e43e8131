"""The published post-processing of each detector, written out cell by cell as its repository has it, to check decoders
against. Rows are left, top, right, bottom in pixels of the model's input, score and class, best first.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Row = tuple[float, float, float, float, float, int]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def of_centre(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def iou(a: Row, b: Row, pixel: float) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0]) + pixel
    height = min(a[3], b[3]) - max(a[1], b[1]) + pixel
    if width <= 0 or height <= 0:  # of nearly all pairs
        return 0.0
    areas = [(r[2] - r[0] + pixel) * (r[3] - r[1] + pixel) for r in (a, b)]
    return width * height / (sum(areas) - width * height)


def nms(rows: Iterable[Row], threshold: float, by_class: bool = True, pixel: float = 0.0) -> list[Row]:
    kept: dict[int, list[Row]] = {}
    best = []
    for row in sorted(rows, key=lambda r: -r[4]):
        rivals = kept.setdefault(row[5] if by_class else 0, [])
        if all(iou(k, row, pixel) <= threshold for k in rivals):
            rivals.append(row)
            best.append(row)
    return best


def yolox(outputs: Mapping[str, Array], width: int, height: int, score: float, threshold: float) -> list[Row]:
    """Megvii-BaseDetection/YOLOX, yolox/utils/demo_utils.py ``demo_postprocess``, yolox/utils/boxes.py
    ``postprocess``."""
    raw = next(iter(outputs.values()))[0].astype(float)
    rows, at = [], 0
    for stride in (8, 16, 32):
        for row in range(height // stride):
            for column in range(width // stride):
                cell = raw[at]
                at += 1
                kind = int(cell[5:].argmax())
                found = cell[4] * cell[5 + kind]
                if found >= score:
                    sides = math.exp(cell[2]) * stride, math.exp(cell[3]) * stride
                    box = of_centre((cell[0] + column) * stride, (cell[1] + row) * stride, *sides)
                    rows.append((*box, float(found), kind))
    return nms(rows, threshold)


def yolov5(outputs: Mapping[str, Array], width: int, height: int, score: float, threshold: float) -> list[Row]:
    """ultralytics/yolov5, utils/general.py ``non_max_suppression`` with ``multi_label``; the boxes of a TFLite export
    are multiplied by the size of the input, as models/common.py does."""
    rows = []
    for cell in next(iter(outputs.values()))[0].astype(float):
        if cell[4] > score:
            box = of_centre(cell[0] * width, cell[1] * height, cell[2] * width, cell[3] * height)
            rated = cell[5:] * cell[4]
            rows += [(*box, float(rated[kind]), int(kind)) for kind in np.flatnonzero(rated > score)]
    return nms(rows, threshold)


def yolov8(outputs: Mapping[str, Array], width: int, height: int, score: float, threshold: float) -> list[Row]:
    """ultralytics/ultralytics, ultralytics/utils/nms.py ``non_max_suppression`` with ``multi_label``; boxes of a TFLite
    export as above."""
    rows = []
    found = next(iter(outputs.values()))[0].astype(float)
    scale = (width, height) if found[:4].max() <= 2 else (1, 1)
    for cell in found.T[found[4:].max(axis=0) > score]:
        box = of_centre(cell[0] * scale[0], cell[1] * scale[1], cell[2] * scale[0], cell[3] * scale[1])
        rows += [(*box, float(cell[4 + kind]), int(kind)) for kind in np.flatnonzero(cell[4:] > score)]
    return nms(rows, threshold)


def yolov10(outputs: Mapping[str, Array], width: int, height: int, score: float, threshold: float) -> list[Row]:
    """ultralytics/ultralytics, the end-to-end branch of ``non_max_suppression``: a threshold alone."""
    found = next(iter(outputs.values()))[0].astype(float)
    scale = np.array([width, height] * 2) if found[:, :4].max() <= 2 else 1
    rows = [(*(row[:4] * scale).tolist(), float(row[4]), round(row[5])) for row in found if row[4] > score]
    return sorted(rows, key=lambda r: -r[4])


def fastestdet(outputs: Mapping[str, Array], width: int, height: int, score: float, threshold: float) -> list[Row]:
    """dog-qiuqiu/FastestDet, utils/tool.py ``handle_preds``."""
    (found,) = (array[0].astype(float) for array in outputs.values())
    rows = []
    for row in range(found.shape[1]):
        for column in range(found.shape[2]):
            cell = found[:, row, column]
            kind = int(cell[5:].argmax())
            rated = cell[0] * cell[5 + kind]
            if rated > score:
                x = (math.tanh(cell[1]) + column) / found.shape[2] * width
                y = (math.tanh(cell[2]) + row) / found.shape[1] * height
                box = of_centre(x, y, sigmoid(cell[3]) * width, sigmoid(cell[4]) * height)
                rows.append((*box, float(rated), kind))
    return nms(rows, threshold)


def nanodet(outputs: Mapping[str, Array], width: int, height: int, score: float, threshold: float) -> list[Row]:
    """RangiLyu/nanodet, nanodet/model/head/gfl_head.py ``get_bboxes_single``, without its limit of 1,000 cells."""
    arrays = [array[0].astype(float) for array in outputs.values()]
    rows = []
    for stride in (8, 16, 32):
        cells = (height // stride) * (width // stride)
        classes, sides = (next(a for a in arrays if a.shape == (cells, n)) for n in (80, 32))
        for at in np.flatnonzero(classes.max(axis=1) > score):
            y, x = (int(at) // (width // stride) + 0.5) * stride, (int(at) % (width // stride) + 0.5) * stride
            shares = np.exp(sides[at].reshape(4, 8))
            left, top, right, bottom = (shares / shares.sum(axis=1, keepdims=True) @ np.arange(8)) * stride
            box = x - left, y - top, x + right, y + bottom
            rows += [(*box, float(classes[at, k]), int(k)) for k in np.flatnonzero(classes[at] > score)]
    return nms(rows, threshold)


def scrfd(outputs: Mapping[str, Array], width: int, height: int, score: float, threshold: float) -> list[Row]:
    """deepinsight/insightface, detection/scrfd/tools/scrfd.py ``forward`` and ``detect``; sides are not counted as
    pixels in overlaps, as in its evaluation by torchvision."""
    arrays = [array[0].astype(float) for array in outputs.values()]
    rows: list[Row] = []
    for stride in (8, 16, 32):
        cells = 2 * (height // stride) * (width // stride)
        scores, sides = (next(a for a in arrays if a.shape == (cells, n)) for n in (1, 4))
        for at in np.flatnonzero(scores[:, 0] >= score):
            row, column = divmod(int(at) // 2, width // stride)
            left, top, right, bottom = (float(d) * stride for d in sides[at])
            x, y = column * stride, row * stride
            rows.append((x - left, y - top, x + right, y + bottom, float(scores[at, 0]), 0))
    return nms(rows, threshold)


def ultraface(outputs: Mapping[str, Array], width: int, height: int, score: float, threshold: float) -> list[Row]:
    """Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB, run_video_face_detect_onnx.py ``predict``, without its limit
    of 200 candidates."""
    scores, boxes = (next(a[0].astype(float) for a in outputs.values() if a.shape[-1] == n) for n in (2, 4))
    rows = []
    for rated, box in zip(scores[:, 1], boxes, strict=True):
        if rated > score:
            left, top, right, bottom = map(float, box)
            rows.append((left * width, top * height, right * width, bottom * height, float(rated), 0))
    return nms(rows, threshold)
