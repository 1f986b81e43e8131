"""What a graph uses its inputs for, and what its outputs come from, beyond what is computed."""

from msgspec import Struct


class InputRole(Struct, frozen=True):
    """``decides_work``: its values decide how much the graph does: a length, a number of steps, a branch. ``rows``: of
    the table that it picks rows from. ``picture_top``: the brightest value of the picture that it takes, 1 or 255.
    ``None``: it does not, or the graph does not tell."""

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
