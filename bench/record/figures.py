"""The figure of a metric that has no part of the summary of its own. Part of ``bench.record.record``'s layout."""

from bench.record.part import Part


class MetricFigure(Part, frozen=True):
    """A metric that has no part of the summary of its own. Null: not asked for, or not measured. ``interval95``: its
    95 % interval between processes."""

    value: int | float | None = None
    interval95: tuple[float, float] | None = None
