"""One series over time, as pages and tables show it: types only."""

from msgspec import Struct

from bench.nights.decisions import Decision
from bench.nights.events import Event
from bench.nights.point import Point
from bench.nights.series import Series


class Shift(Struct, frozen=True, kw_only=True):
    """A lasting change of a metric's level. ``record_id``: the first record after it, on ``night`` (UTC date).
    ``change``: of the level since then over the one before, less 1. ``p_value``: by permutation."""

    metric: str
    record_id: str
    night: str
    change: float
    p_value: float


class Trend(Struct, frozen=True, kw_only=True):
    """``metric``: the one that is drawn; ``None`` where no point has a figure. ``points``: oldest first, those that do
    not count as well. ``base_id``: the record that the next night is compared with. ``decisions``: of this series."""

    series: Series
    metric: str | None
    points: tuple[Point, ...]
    events: tuple[Event, ...] = ()
    shifts: tuple[Shift, ...] = ()
    base_id: str | None = None
    decisions: tuple[Decision, ...] = ()

    @property
    def last(self) -> Point:
        return self.points[-1]

    @property
    def counting(self) -> tuple[Point, ...]:
        """The points whose figures may be compared."""
        return tuple(point for point in self.points if point.counts and self.metric in point.levels)
