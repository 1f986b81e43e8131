"""What every format for machines takes from a run: its name, and its figures with their intervals."""

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from bench.analysis.metrics import METRICS, Metric
from bench.analysis.verdict.emulated import is_emulated
from bench.nights.series import Series, series_of
from bench.record.record import Record, RecordedRun


class Usable(Struct, frozen=True):
    """A run whose figures may be used. ``name``: the same every night, and no other run's."""

    name: str
    series: Series
    run: RecordedRun

    @property
    def record(self) -> Record:
        return self.run.record


class Figure(Struct, frozen=True):
    """``interval``: 95 %, where the record has one."""

    metric: Metric
    value: float
    interval: tuple[float, float] | None


def usable(runs: Sequence[RecordedRun]) -> tuple[Usable, ...]:
    """The newest run of each series that was measured on a device and is valid, in the order of ``runs``."""
    newest: dict[Series, RecordedRun] = {}
    for run in sorted(runs, key=lambda run: run.record.created_utc):
        if may_be_used(run.record):
            newest[series_of(run.record)] = run
    kept = {id(run): series for series, run in newest.items()}
    names = _names(tuple(newest))
    return tuple(Usable(names[kept[id(run)]], kept[id(run)], run) for run in runs if id(run) in kept)


def may_be_used(record: Record) -> bool:
    """Whether its figures are a device's, and valid."""
    valid = record.verdict is not None and record.verdict.valid
    return record.status == "ok" and valid and not is_emulated(record)


def _names(series: Sequence[Series]) -> dict[Series, str]:
    """The short name where it is one series' alone; with the rest of what distinguishes it, where it is not."""
    short = Counter(_short(one) for one in series)
    return {one: _short(one) if short[_short(one)] == 1 else f"{_short(one)} ({one.id})" for one in series}


def _short(series: Series) -> str:
    device = (series.device,) if series.device else ()
    return "/".join((series.model, series.target, series.scenario, *series.options, *series.settings, *device))


def figures(record: Record) -> Iterator[Figure]:
    """Every metric that the run has, in the order of reports."""
    for metric in METRICS:
        value = metric.figure(record.summary)
        if value is None:
            continue
        found = metric.interval(record.summary)
        yield Figure(metric, float(value), None if found is None else (float(found[0]), float(found[1])))
