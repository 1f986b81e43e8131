"""Greedy non-maximum suppression, as the published post-processing of each head has it."""

from typing import TYPE_CHECKING, Any

from bench.quality.heads.head import Candidates, Nms

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MOST_CANDIDATES = 30_000  # the best of so many classes and boxes are looked at, as ultralytics' own does


def scored(candidates: Candidates, threshold: float, several_labels: bool) -> "tuple[Array, Array, Array]":
    """Boxes [n, 4], scores [n] and classes [n] that reach the threshold, best first."""
    import numpy as np

    boxes, scores = candidates.boxes, candidates.scores
    if candidates.labels is not None:
        which = np.flatnonzero(scores >= threshold)
        classes, best = candidates.labels[which], scores[which]
    elif several_labels:
        which, classes = np.nonzero(scores >= threshold)
        best = scores[which, classes]
    else:
        classes = scores.argmax(axis=1)
        best = scores[np.arange(len(scores)), classes]
        which = np.flatnonzero(best >= threshold)
        classes, best = classes[which], best[which]
    order = np.argsort(-best, kind="stable")[:MOST_CANDIDATES]
    return boxes[which[order]], best[order], classes[order]


def suppressed(boxes: "Array", classes: "Array", nms: Nms, threshold: float) -> "Array":
    """The places of the boxes that stay, best first. ``boxes`` come best first; one that overlaps a better one (of its
    class, or of any) by more than ``threshold`` goes."""
    import numpy as np

    if nms == "none" or threshold >= 1 or not len(boxes):
        return np.arange(len(boxes))
    groups = np.zeros(len(boxes), np.int64) if nms == "agnostic" else classes
    kept: list[int] = []
    for group in np.unique(groups):
        left = np.flatnonzero(groups == group)
        sides = np.ascontiguousarray(boxes[left].T)
        areas = (sides[2] - sides[0]) * (sides[3] - sides[1])
        while len(left):
            kept.append(int(left[0]))
            wide, high = (
                np.minimum(sides[i + 2, 0], sides[i + 2, 1:]) - np.maximum(sides[i, 0], sides[i, 1:]) for i in (0, 1)
            )
            inside = np.maximum(wide, 0) * np.maximum(high, 0)
            union = areas[0] + areas[1:] - inside
            overlaps = np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)
            stay = np.flatnonzero(overlaps <= threshold) + 1
            left, sides, areas = left[stay], sides[:, stay], areas[stay]
    return np.array(sorted(kept), np.int64)


def overlap(box: "Array", others: "Array") -> "Array":
    """Intersection over union of one box [4] with others [n, 4]."""
    import numpy as np

    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - inside
    return np.asarray(np.divide(inside, union, out=np.zeros_like(inside), where=union > 0))
