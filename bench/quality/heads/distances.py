"""Boxes by the distances of their sides from a point, each a distribution over whole steps or one number."""

from typing import TYPE_CHECKING, Any

from bench.quality.heads.head import softmax

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def expected(distributions: "Array", sides: int = 4) -> "Array":
    """[n, 4 * steps] as [n, 4]: the mean step of each side's softmax (Li et al. 2020, generalised focal loss)."""
    import numpy as np

    steps = distributions.shape[1] // sides
    shares = softmax(distributions.reshape(len(distributions), sides, steps))
    return np.asarray(shares @ np.arange(steps, dtype=np.float64))


def around(x: "Array", y: "Array", distances: "Array") -> "Array":
    """Corners [n, 4] of boxes whose left, top, right and bottom are so far from the points."""
    import numpy as np

    left, top, right, bottom = np.asarray(distances, np.float64).T
    return np.stack([x - left, y - top, x + right, y + bottom], axis=-1)
