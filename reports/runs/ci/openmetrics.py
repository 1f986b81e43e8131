"""OpenMetrics text, for node_exporter's textfile collector and for everything that scrapes Prometheus' formats."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from msgspec import Struct

from bench.analysis.metrics import METRICS, Metric
from bench.nights.series import series_of
from bench.record.record import Record, RecordedRun
from bench.reports.runs.ci.figures import may_be_used
from bench.words import sentence

BASE_UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "ns": ("seconds", 1e-9),
        "cpu_seconds": ("seconds", 1.0),
        "bytes": ("bytes", 1.0),
        "joules": ("joules", 1.0),
        "joule_seconds": ("joule_seconds", 1.0),
        "hours": ("seconds", 3600.0),
        "fraction": ("ratio", 1.0),
        "queries_per_s": ("", 1.0),
        "tokens_per_s": ("", 1.0),
        "samples_per_s": ("", 1.0),
        "ratio": ("ratio", 1.0),
        "watts": ("watts", 1.0),
    }
)
"""Unit of a metric -> the base unit that ends the family's name, and the factor to it."""


class Family(Struct, frozen=True):
    """Samples of one name. ``unit`` ends the name; ``""``: it has none. ``of``: the value of a record, or ``None``."""

    name: str
    unit: str
    about: str
    of: Callable[[Record], float | None]


class OpenMetricsReport:
    summary = sentence("report.summary.openmetrics")
    suffix = ".prom"

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """Gauges, one sample a series: the newest record of each. A run without usable figures has none, and
        ``odb_run_valid`` 0, so that an alert can tell it from a device that is silent. Samples have no timestamps,
        which the textfile collector refuses; ``odb_run_created_timestamp_seconds`` says when."""
        newest = {series_of(run.record): run.record for run in sorted(runs, key=lambda run: run.record.created_utc)}
        lines = [line for family in FAMILIES for line in _lines(family, newest.values())]
        return "\n".join((*lines, "# EOF", "")).encode()


def _figure(metric: Metric, factor: float) -> Callable[[Record], float | None]:
    def of(record: Record) -> float | None:
        value = metric.figure(record.summary) if may_be_used(record) else None
        return None if value is None else value * factor

    return of


def _family(metric: Metric) -> Family:
    unit, factor = BASE_UNITS[metric.unit]
    stem = metric.name.removesuffix(f"_{metric.unit}").removesuffix("_fraction").replace("cpu_seconds_per", "cpu_per")
    name = f"odb_{stem}_{unit}" if unit else f"odb_{stem}"
    return Family(name, unit, f"{metric.name} of the newest valid record", _figure(metric, factor))


def _created(record: Record) -> float | None:
    try:
        return datetime.fromisoformat(record.created_utc).timestamp()
    except ValueError:
        return None


FAMILIES = (
    Family("odb_run_valid", "", "1: measured on a device, and valid; 0: not", lambda r: float(may_be_used(r))),
    Family("odb_run_created_timestamp_seconds", "seconds", "when the newest record was made, Unix time", _created),
    *map(_family, METRICS),
)


def _lines(family: Family, records: Iterable[Record]) -> Iterator[str]:
    found = [(record, value) for record in records if (value := family.of(record)) is not None]
    if not found:
        return
    yield f"# TYPE {family.name} gauge"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    yield f"# HELP {family.name} {family.about}"
    for record, value in found:
        yield f"{family.name}{{{_labels(record)}}} {value!r}"


def _labels(record: Record) -> str:
    series = series_of(record)
    named = {
        "series": series.id,
        "model": series.model,
        "target": series.target,
        "scenario": series.scenario,
        "precision": series.precision,
        "options": " ".join(series.options),
        **({"device": series.device} if series.device else {}),
    }
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in named.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
