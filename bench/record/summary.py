"""The figures of a run, which follow from its samples. Part of ``bench.record.record``'s layout."""

from bench.record.energy import EnergySummary
from bench.record.evidence import Variance
from bench.record.memory import MemorySummary
from bench.record.part import Part
from bench.record.text import TextGeneration


class MetricFigure(Part, frozen=True):
    """A metric that has no part of the summary of its own. Null: not asked for, or not measured. ``interval95``: its
    95 % interval between processes."""

    value: int | float | None = None
    interval95: tuple[float, float] | None = None


class LatencyNs(Part, frozen=True):
    """Of all repeats' steady samples: ``n``, ``mean``, ``min``, ``max`` and ``early_stopping`` of them together.
    Percentiles are geometric means of the repeats' own (where one repeat has too few samples for a tail percentile, the
    pooled samples are used), null below LoadGen's minimum sample count in all; ``…_ci95``: the 95 % interval of each
    between processes, null if there are too few samples to bound it on both sides."""

    n: int
    mean: int
    min: int
    max: int
    p50: int | None = None
    p90: int | None = None
    p95: int | None = None
    p99: int | None = None
    p999: int | None = None
    p50_ci95: tuple[int, int] | None = None
    early_stopping: dict[str, int] = {}  # p50 … p99.9 -> LoadGen's estimate of it at 99 % confidence, where it has one
    repeat_p50: tuple[int, ...] = ()
    p90_ci95: tuple[int, int] | None = None
    p95_ci95: tuple[int, int] | None = None
    p99_ci95: tuple[int, int] | None = None
    p999_ci95: tuple[int, int] | None = None


class CurvePoint(Part, frozen=True):
    """``n``: queries of all processes. Null: too few of them, or not measured. ``interval95``: the 95 % interval of
    ``value``, between processes where there are several."""

    n: int
    value: int | float | None = None
    interval95: tuple[float, float] | None = None


class Curve(Part, frozen=True):
    """One figure at each value of an axis. ``axis``: its name; ``at``: its values, in ``axis_unit``; ``points``: one
    for each of them, in ``unit``."""

    axis: str
    axis_unit: str
    at: tuple[float, ...]
    unit: str
    points: tuple[CurvePoint, ...] = ()


class Summary(Part, frozen=True):
    """``throughput_per_s`` and ``cold_start_ns``: geometric means over repeats. ``figures``: metric -> figure, of each
    metric of ``bench.analysis.metrics`` that stands nowhere else. ``curves``: figures along the axis of the scenario,
    where it has one, by their names in ``bench.analysis.curves``."""

    latency_ns: LatencyNs | None = None
    throughput_per_s: float | None = None
    cold_start_ns: int | None = None
    memory_bytes: MemorySummary | None = None
    energy: EnergySummary | None = None
    text_generation: TextGeneration | None = None
    variance: Variance | None = None
    figures: dict[str, MetricFigure] = {}
    curves: dict[str, Curve] = {}
