"""What a head is: which outputs it has, and how they become boxes in pixels of the model's input."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from bench.errors import InputError
from bench.suite.dataset_options import DatasetOptions
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
    Outputs = Mapping[str, Array]

Nms = Literal["class", "agnostic", "none"]
Activation = Literal["none", "sigmoid", "softmax"]


class Network(Struct, frozen=True):
    """The model's input in pixels, and the numbers of ``anchors.json`` beside the dataset, if there is one."""

    width: int
    height: int
    anchors: Any = None


class Candidates(Struct, frozen=True):
    """Boxes before suppression: ``boxes`` [n, 4] as left, top, right, bottom in pixels of the model's input; ``scores``
    [n, classes], or [n] with ``labels`` [n] where the model has chosen the class."""

    boxes: Any
    scores: Any
    labels: Any = None


class Fitted(Struct, frozen=True):
    """A head that fits a model's outputs. ``classes``: how many, where the outputs tell it. ``decode``: of the outputs
    without the dimension of the batch."""

    classes: int | None
    decode: "Callable[[Outputs], Candidates]"


class Head(Struct, frozen=True, kw_only=True):
    """One published head.

    ``source``: the repository and files of its post-processing. ``preprocessing``: what it usually wants, as
    ``--preprocessing`` reads it. ``fit`` gets the outputs without the dimension of the batch and returns ``None`` where
    the head does not fit them; it raises ``InputError`` where only an option is missing. ``cells``: how many boxes it
    predicts, where the size of the input says it. The thresholds are those of the published evaluation; ``nms``: boxes
    suppress those of their own class, or of any (``agnostic``), or the graph has done it (``none``).
    ``several_labels``: each class above the threshold is a box of its own; otherwise the best class alone.
    """

    name: str
    source: str
    preprocessing: str
    fit: "Callable[[Outputs, Network, DatasetOptions], Fitted | None]"
    cells: Callable[[Network], int | None] = lambda network: None
    score_threshold: float
    iou_threshold: float = 1.0
    nms: Nms
    several_labels: bool = False


def activated(scores: "Array", usual: Activation, options: DatasetOptions, background: bool = False) -> "Array":
    """``scores`` as probabilities. ``usual``: what is left to apply in the published export. ``background``: of a
    softmax, the first class is none and is dropped afterwards.

    Raises ``InputError`` where the values contradict it: logits that were taken for probabilities, or the reverse.
    """
    import numpy as np

    apply = options.activation or usual
    values = np.asarray(scores, np.float64)
    lowest, highest = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    inside = lowest >= 0 and highest <= 1
    if apply == "none" and (lowest < LOWEST_ROUNDED or highest > HIGHEST_ROUNDED):
        raise InputError(
            sentence("quality.heads.not_probabilities", lowest=lowest, highest=highest),
            sentence("quality.heads.say_activation"),
        )
    if apply != "none" and inside and options.activation is None and values.size > 1 and values.any():
        raise InputError(
            sentence("quality.heads.probabilities_already", activation=apply), sentence("quality.heads.say_none")
        )
    if apply == "sigmoid":
        values = sigmoid(values)
    elif apply == "softmax":
        values = softmax(values)
    return values[..., 1:] if background else values


LOWEST_ROUNDED, HIGHEST_ROUNDED = -1.0, 2.0
"""A quantised output in which boxes and scores share a scale rounds probabilities as coarsely as boxes; logits of what
is no object are lower by far."""


def sigmoid(values: "Array") -> "Array":
    import numpy as np

    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-np.asarray(values, np.float64))))


def softmax(values: "Array") -> "Array":
    """Over the last axis."""
    import numpy as np

    exact = np.asarray(values, np.float64)
    raised = np.exp(exact - exact.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def corners(centre_x: "Array", centre_y: "Array", width: "Array", height: "Array") -> "Array":
    """[n, 4] as left, top, right, bottom."""
    import numpy as np

    return np.stack([centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2], axis=-1)


def in_pixels(boxes: "Array", network: Network, relative: bool) -> "Array":
    """``boxes`` [n, 4], of which ``relative`` ones are fractions of the input. Raises ``InputError`` where boxes that
    should be pixels are all of fractions of one pixel, as those of a TFLite export are."""
    import numpy as np

    scale = np.array([network.width, network.height] * 2, np.float64)
    if relative:
        return np.asarray(boxes * scale)
    if len(boxes) >= MANY and np.abs(boxes).max() <= MOST_OF_FRACTIONS:
        raise InputError(
            sentence("quality.heads.boxes_are_fractions", largest=np.abs(boxes).max()),
            sentence("quality.heads.say_relative"),
        )
    return boxes


MANY = 100  # boxes, of which some must be larger than two pixels
MOST_OF_FRACTIONS = 2.0


def feature_maps(
    outputs: "Outputs", sizes: "list[tuple[int, int]]", channels: Callable[[int], bool]
) -> "list[list[Array]] | None":
    """The outputs [channels, h, w] or [h, w, channels] as [h, w, channels], for each of the ``sizes`` (h, w) in their
    order; ``None`` where one is of none of the sizes, of both layouts, or has other channels."""
    found: list[list[Array]] = [[] for _ in sizes]
    for array in outputs.values():
        if array.ndim != 3:
            return None
        fits = []
        if array.shape[1:] in sizes and channels(array.shape[0]):
            fits.append((sizes.index(array.shape[1:]), array.transpose(1, 2, 0)))
        if array.shape[:2] in sizes and channels(array.shape[2]):
            fits.append((sizes.index(array.shape[:2]), array))
        if len(fits) != 1:
            return None
        found[fits[0][0]].append(fits[0][1])
    return found if all(found) else None
