"""What a graph uses its inputs for, and what its outputs come from, beyond what is computed."""

from msgspec import Struct


class InputRole(Struct, frozen=True):
    """``decides_work``: its values determine how much work the graph does: a length, a number of steps, a branch.
    ``rows``: the number of rows of the table that it indexes. ``picture_top``: the maximum value of its pictures, 1 or
    255. ``None``: not applicable, or unknown from the graph."""

    decides_work: bool = False
    rows: int | None = None
    picture_top: float | None = None


class GraphRoles(Struct, frozen=True):
    """``inputs``: by name; those that are merely computed with are left out. ``bounded``: outputs of a sigmoid or
    another function whose values are at most 1. ``labels``: outputs that hold labels, indices or flags, of whatever
    type they are stored in."""

    inputs: dict[str, InputRole] = {}
    bounded: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
