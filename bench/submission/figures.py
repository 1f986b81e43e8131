"""The figures of a record that a criterion may name, by their paths, and how sure each is.

Those of ``bench.analysis.metrics`` under their place in the record (``summary.latency_ns.p99``), and the table below.
``quality.metrics.NAME``, ``quality.paired.NAME.difference`` and ``quality.paired.NAME.ratio`` (to the float model's
figure) stand for every metric of a dataset, and ``summary.curves.NAME.at.VALUE`` for every point of a curve: VALUE is
in the unit of the scenario's axis, as the record has it.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bench.analysis.curves.table import CURVES
from bench.analysis.metrics import METRICS, Metric
from bench.analysis.power.uncertainty import uncertainties
from bench.comparison.along import name_at
from bench.comparison.observe import observe
from bench.contracts.model import Task
from bench.errors import UnknownName
from bench.record.quality import Paired
from bench.record.record import Record, RecordedRun
from bench.stats.processes import between_values
from bench.submission.criterion import Evidence
from bench.submission.seen import Seen as Seen
from bench.submission.seen import as_metered, idle_watts, standby_watts
from bench.words import Sentence, sentence

About = Literal["speed", "memory", "energy", "placement", "outputs", "quality", "size"]
OF_DEVICE: tuple[About, ...] = ("speed", "memory", "energy")
"""What only the device itself can show: an emulator's figures of these are no evidence."""

QUALITY = "quality.metrics."
PAIRED, DIFFERENCE, RATIO = "quality.paired.", ".difference", ".ratio"
CURVE = re.compile(r"summary\.curves\.(?P<name>[a-z0-9_]+)\.at\.(?P<at>\d+(\.\d+)?)")
ERRORS = ("perplexity", "mae", "rmse", "mse")
"""Metrics of a dataset that are no fractions; less is better."""
SCORES = ("top1", "top5", "cosine", "mean_iou", "pixel_accuracy", "map", "map50", "image_ap")
LESS_IS_BETTER: Mapping[str, bool] = MappingProxyType(dict.fromkeys(SCORES, False) | dict.fromkeys(ERRORS, True))
"""Of the metrics that this project computes; those of a model's own judge are not in it."""

LATER_NAMES = ("standby", "temperature")
LATER: Mapping[str, Sentence] = MappingProxyType({name: sentence(f"submission.later.{name}") for name in LATER_NAMES})
"""What tracks ask for that this version cannot measure: scenarios by their names, and ``later.NAME`` for figures."""


class FigureKind(Struct, frozen=True, kw_only=True):
    """``unit``: that of the record (``bench.submission.units``). ``needs``: evidence without which it is not known.
    ``lower_is_better``: null where only the dataset knows. ``applies``: to models of one kind alone. ``metric``: what
    it is a figure of, and ``observed``, by which name ``bench.comparison.observe`` has the figure of each process.
    ``idle``: it is read in idle times and not of processes; as the figure itself, or as an upper ``bound`` of it."""

    path: str
    unit: str
    about: About
    see: Callable[[RecordedRun], Seen]
    needs: tuple[Evidence, ...] = ()
    lower_is_better: bool | None = None
    applies: Task | None = None
    metric: Metric | None = None
    observed: str = ""
    idle: Literal["idle", "bound", ""] = ""

    @property
    def of_device(self) -> bool:
        return self.about in OF_DEVICE


def figure_kind(path: str) -> FigureKind:
    """The figure at ``path``. Raises ``UnknownName`` with the nearest."""
    if path in figure_kinds():
        return figure_kinds()[path]
    if path.startswith(QUALITY) and path != QUALITY:
        return _quality(path.removeprefix(QUALITY))
    for end, paired in ((DIFFERENCE, _paired), (RATIO, _ratio)):
        if path.startswith(PAIRED) and path.endswith(end) and len(path) > len(PAIRED) + len(end):
            return paired(path.removeprefix(PAIRED).removesuffix(end))
    along = CURVE.fullmatch(path)
    if along is not None and along["name"] in CURVES:
        return _at_point(path, CURVES[along["name"]].metric, float(along["at"]))
    raise UnknownName(sentence("submission.metric"), path, figure_kinds())


def later(name: str) -> Sentence | None:
    """Why a scenario or a figure of that name cannot be measured with this version; ``None`` if it is none of those."""
    return LATER.get(name.removeprefix("later.").partition(":")[0].partition(".")[0])


@cache
def figure_kinds() -> Mapping[str, FigureKind]:
    """Every figure that has a fixed path."""
    found = [_metric(metric) for metric in METRICS] + [*PLAIN]
    return {kind.path: kind for kind in found}


# ------------------------------------------------------------------------------------------------------ of metrics

ENERGY_UNITS = ("joules", "joule_seconds", "watts", "hours", "cpu_seconds")
UNMETERED = "cpu_seconds"
"""A proxy of energy that no sensor is needed for."""


def _metric(metric: Metric) -> FigureKind:
    def see(run: RecordedRun) -> Seen:
        value = metric.figure(run.record.summary)
        if value is None:
            return Seen(reason=metric.needs)
        values = [one for one in observe(run).values.get(metric.name, ()) if one is not None]
        known, count = metric.interval(run.record.summary), len(values) or len(run.record.repeats)
        if known is None:
            between, count = between_values(values), len(values)
            known = None if between is None else (min(between[0], value), max(between[1], value))
        # of the pooled samples, where a process has too few for a figure of its own
        found = Seen(value=value, n=count)
        if known is not None:
            found = replace(found, low=known[0], high=known[1], interval="ci95")
        return as_metered(found, uncertainties(run.record).get(metric.name))

    return _of_metric(metric.place, metric, metric.name, see)


def _at_point(path: str, metric: Metric, at: float) -> FigureKind:
    """The figure of ``metric`` at the point ``at`` of the axis of the scenario."""

    def see(run: RecordedRun) -> Seen:
        curve = run.record.summary.curves.get(metric.name)
        point = None if curve is None else dict(zip(curve.at, curve.points, strict=False)).get(at)
        if point is None or point.value is None:
            return Seen(reason=sentence("submission.no_point", curve=metric.name, at=f"{at:g}"))
        if point.interval95 is None:
            return Seen(value=point.value, n=len(run.record.repeats))
        low, high = point.interval95
        return Seen(value=point.value, low=low, high=high, interval="ci95", n=len(run.record.repeats))

    return _of_metric(path, metric, name_at(metric.name, at), see)


def _of_metric(path: str, metric: Metric, observed: str, see: Callable[[RecordedRun], Seen]) -> FigureKind:
    about: About = "energy" if metric.unit in ENERGY_UNITS else "memory" if metric.unit == "bytes" else "speed"
    needs: tuple[Evidence, ...] = ("energy_meter",) if about == "energy" and metric.unit != UNMETERED else ()
    return FigureKind(
        path=path,
        unit=metric.unit,
        about=about,
        see=see,
        needs=needs,
        lower_is_better=metric.lower_is_better,
        applies=metric.applies,
        metric=metric,
        observed=observed,
    )


# ------------------------------------------------------------------------------------------------------ of the record


def _exact(of: Callable[[Record], float | None], missing: str) -> Callable[[RecordedRun], Seen]:
    def see(run: RecordedRun) -> Seen:
        value = of(run.record)
        if value is None:
            return Seen(reason=sentence(missing))
        return Seen(value=value, low=value, high=value, interval="exact", n=1)

    return see


def _on_device(record: Record, of: Callable[..., dict[str, int] | None]) -> float | None:
    placed = record.placement
    shares = None if placed is None else of(placed)
    if placed is None or not shares or not sum(shares.values()):
        return None
    return shares.get(placed.requested, 0) / sum(shares.values())


def _agreement(record: Record) -> float | None:
    text = record.summary.text_generation
    found = [] if text is None else [one.tokens_equal_share for one in text.agreement if one.of == "engine"]
    return found[0] if found else None


PLAIN: tuple[FigureKind, ...] = (
    FigureKind(
        path="meter.idle_watts",
        lower_is_better=True,
        unit="watts",
        about="energy",
        needs=("energy_meter",),
        see=idle_watts,
        idle="idle",
    ),
    FigureKind(
        path="meter.standby_watts",
        lower_is_better=True,
        unit="watts",
        about="energy",
        needs=("energy_meter",),
        see=standby_watts,
        idle="bound",
    ),
    FigureKind(
        path="placement.macs.share",
        lower_is_better=False,
        unit="fraction",
        about="placement",
        needs=("placement",),
        see=_exact(lambda r: _on_device(r, lambda p: p.macs), "submission.no_macs"),
    ),
    FigureKind(
        path="placement.nodes.share",
        lower_is_better=False,
        unit="fraction",
        about="placement",
        needs=("placement",),
        see=_exact(lambda r: _on_device(r, lambda p: p.nodes), "submission.no_placement"),
    ),
    FigureKind(
        path="fidelity.cosine_min",
        lower_is_better=False,
        applies="tensor",
        unit="number",
        about="outputs",
        needs=("outputs",),
        see=_exact(lambda r: None if r.fidelity is None else r.fidelity.cosine_min, "submission.no_outputs"),
    ),
    FigureKind(
        path="fidelity.sqnr_db_min",
        lower_is_better=False,
        applies="tensor",
        unit="decibels",
        about="outputs",
        needs=("outputs",),
        see=_exact(lambda r: None if r.fidelity is None else r.fidelity.sqnr_db_min, "submission.no_outputs"),
    ),
    FigureKind(
        path="fidelity.top1_agreement",
        lower_is_better=False,
        applies="tensor",
        unit="fraction",
        about="outputs",
        needs=("outputs",),
        see=_exact(lambda r: None if r.fidelity is None else r.fidelity.top1_agreement, "submission.no_outputs"),
    ),
    FigureKind(
        path="summary.text_generation.agreement.tokens_equal_share",
        lower_is_better=False,
        applies="text_generation",
        unit="fraction",
        about="outputs",
        needs=("outputs",),
        see=_exact(_agreement, "submission.no_outputs"),
    ),
    FigureKind(
        path="plan.model.size_bytes",
        lower_is_better=True,
        unit="bytes",
        about="size",
        see=_exact(lambda r: r.plan.model.size_bytes, "submission.no_size"),
    ),
    FigureKind(
        path="plan.model.parameters",
        lower_is_better=True,
        unit="number",
        about="size",
        see=_exact(lambda r: r.plan.model.parameters, "submission.no_size"),
    ),
    FigureKind(
        path="plan.model.macs",
        lower_is_better=True,
        unit="number",
        about="size",
        see=_exact(lambda r: r.plan.model.macs, "submission.no_size"),
    ),
)


# ------------------------------------------------------------------------------------------------------ of a dataset


def _quality(name: str) -> FigureKind:
    def see(run: RecordedRun) -> Seen:
        quality = run.record.quality
        found = [] if quality is None else [metric for metric in quality.metrics if metric.name == name]
        if not found:
            return Seen(reason=sentence("submission.no_quality", metric=name))
        (metric, *_) = found
        if metric.interval95 is None:
            return Seen(value=metric.value, n=metric.n)
        low, high = metric.interval95
        return Seen(value=metric.value, low=low, high=high, interval="ci95", n=metric.n)

    return _of_dataset(f"{QUALITY}{name}", name, see, _unit(name), ("quality",))


def _paired(name: str) -> FigureKind:
    """This less the float model, on the same samples."""

    def see(run: RecordedRun) -> Seen:
        pair = _pair(run, name)
        if pair is None:
            return Seen(reason=sentence("submission.no_reference_quality", metric=name))
        one, _ = pair
        if one.interval95 is None:
            return Seen(value=one.difference, n=one.n)
        low, high = one.interval95
        return Seen(value=one.difference, low=low, high=high, interval="ci95", n=one.n)

    return _of_dataset(f"{PAIRED}{name}{DIFFERENCE}", name, see, _unit(name), ("quality", "reference"))


def _ratio(name: str) -> FigureKind:
    """This divided by the float model, on the same samples. The interval is that of the difference, divided by the
    float model's figure on these samples."""

    def see(run: RecordedRun) -> Seen:
        pair = _pair(run, name)
        if pair is None or pair[1] <= 0:
            return Seen(reason=sentence("submission.no_reference_quality", metric=name))
        one, base = pair
        if one.interval95 is None:
            return Seen(value=1 + one.difference / base, n=one.n)
        low, high = one.interval95
        return Seen(value=1 + one.difference / base, low=1 + low / base, high=1 + high / base, interval="ci95", n=one.n)

    return _of_dataset(f"{PAIRED}{name}{RATIO}", name, see, "fraction", ("quality", "reference"))


def _pair(run: RecordedRun, name: str) -> tuple[Paired, float] | None:
    """The comparison with the float model by one metric, and the float model's own figure."""
    quality = run.record.quality
    if quality is None or quality.reference is None:
        return None
    pairs = [one for one in quality.paired if one.metric == name]
    bases = [metric.value for metric in quality.reference.metrics if metric.name == name]
    return (pairs[0], bases[0]) if pairs and bases else None


def _of_dataset(
    path: str, name: str, see: Callable[[RecordedRun], Seen], unit: str, needs: tuple[Evidence, ...]
) -> FigureKind:
    return FigureKind(
        path=path,
        unit=unit,
        about="quality",
        see=see,
        needs=needs,
        lower_is_better=LESS_IS_BETTER.get(name),
        applies="text_generation" if name == "perplexity" else None,
    )


def _unit(name: str) -> str:
    return "number" if name in ERRORS else "fraction"
