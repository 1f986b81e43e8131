"""Boxes by the distances of their sides from a point, each a distribution over whole steps or one number."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.quality.heads.grids import grid
from bench.quality.heads.head import Activation, Candidates, Fitted, Network, activated, softmax
from bench.suite.dataset_options import DatasetOptions

if TYPE_CHECKING:
    import numpy as np

    from bench.quality.heads.head import Outputs

    Array = np.ndarray[Any, Any]
    Read = Callable[[Outputs, Network], tuple[tuple[int, ...], Array, Array] | None]
    """Strides, sides [cells, 4 * steps] and classes [cells, classes] of outputs, or ``None`` where they are others."""


def by_sides(
    read: "Read", outputs: "Outputs", network: Network, options: DatasetOptions, *, place: float, activation: Activation
) -> Fitted | None:
    """Boxes around the points of a grid, by distributions of the distances of their sides. ``place``: where in its cell
    a point lies, across and down, as a fraction of the stride. ``activation``: what classes still need."""
    found = read(outputs, network)
    if found is None:
        return None
    columns, rows, stride = grid(network, found[0])

    def decode(outputs: "Outputs") -> Candidates:
        import numpy as np

        again = read(outputs, network)
        assert again is not None
        distances = expected(np.asarray(again[1], np.float64)) * stride[:, np.newaxis]
        boxes = around((columns + place) * stride, (rows + place) * stride, distances)
        return Candidates(boxes, activated(again[2], activation, options))

    return Fitted(found[2].shape[1], decode)


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
