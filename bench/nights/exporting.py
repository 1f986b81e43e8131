"""Points of a history as other tools read them: CSV, JSON Lines, and Apache Otava's CSV with its configuration."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from bench.analysis.metrics import METRICS
from bench.nights.places import moment_of
from bench.nights.point import Point
from bench.nights.series import Series
from bench.printable import printable_json

FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula; wide, small and raised forms count as well."""
LEAD = ("series", "model", "precision", "target", "scenario", "shapes", "options", "settings", "machine", "device",
        "record_id", "created_utc", "status", "valid", "counts", "emulated", "codes", "leading")  # fmt: skip


def csv_of(points: Sequence[Point]) -> bytes:
    """One row a point: its series, what it is, of each metric the figure, the mean of the logarithms (of a fraction: of
    the fractions), their deviation and the number of processes, and a column for each version and condition. An empty
    cell was not measured. UTF-8 with a header; lines end with a line feed."""
    metrics = [one.name for one in METRICS if any(one.name in point.levels for point in points)]
    versions = sorted({name for point in points for name in point.versions})
    conditions = sorted({name for point in points for name in point.conditions})
    levels = [f"{name}{part}" for name in metrics for part in ("", ".mean", ".deviation", ".processes")]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(_cell, [*LEAD, *levels, *(f"version.{name}" for name in versions), *conditions]))
    for point in points:
        cells: list[Any] = [_lead(point)[name] for name in LEAD]
        for name in metrics:
            level = point.levels.get(name)
            cells += [level.figure, level.mean, level.deviation, level.processes] if level is not None else [None] * 4
        cells += [point.versions.get(name) for name in versions]
        cells += [point.conditions.get(name) for name in conditions]
        writer.writerow(map(_cell, cells))
    return out.getvalue().encode("utf-8", "replace")


def json_lines_of(points: Iterable[Point]) -> bytes:
    """One JSON object a line for each point, with the fields of ``Point``, the id of its series, and whether it
    counts."""
    return b"".join(printable_json(msgspec.json.encode(plain(point))) + b"\n" for point in points)


def plain(point: Point) -> dict[str, Any]:
    """A point as plain data for JSON; levels are objects."""
    found: dict[str, Any] = msgspec.structs.asdict(point)
    found["levels"] = {name: msgspec.structs.asdict(level) for name, level in point.levels.items()}
    return {"series_id": point.series.id, "counts": point.counts, **found}


def otava_of(nights: Mapping[Series, Sequence[Point]], folder: str = ".") -> dict[str, bytes]:
    """The files for Apache Otava: ``otava.yaml`` with one test a series, and a CSV file for each, by name. ``folder``:
    what the configuration states them to be in.

    Otava knows no missing values: a file has the nights that count and measured the leading metric of the newest of
    them, and the metrics that all of these have. A series with none is left out.
    """
    leads_lower = {metric.name: metric.lower_is_better for metric in METRICS}
    tests: list[str] = []
    files: dict[str, bytes] = {}
    for series, points in nights.items():
        counted = [point for point in points if point.counts and point.leading is not None]
        rows = [point for point in counted if counted[-1].leading in point.levels]
        metrics = [name for name in leads_lower if rows and all(name in point.levels for point in rows)]
        if not metrics:
            continue
        name = f"{series.id}.csv"
        files[name] = _otava_csv(rows, metrics)
        directions = [f"      {_yaml(one)}: {{direction: {-1 if leads_lower[one] else 1}}}" for one in metrics]
        tests += [f"  {_yaml(series.id)}:", "    type: csv", f"    file: {_yaml(f'{folder}/{name}')}",
                  "    time_column: time", "    attributes: [record_id]", "    metrics:", *directions]  # fmt: skip
    return {"otava.yaml": "\n".join(["tests:", *tests, ""]).encode(), **files} if files else {}


def _otava_csv(points: Sequence[Point], metrics: Sequence[str]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", "record_id", *metrics])
    for point in points:
        time = moment_of(point.created_utc, point.folder).isoformat()
        writer.writerow([time, _cell(point.record_id), *(repr(point.levels[name].figure) for name in metrics)])
    return out.getvalue().encode("utf-8", "replace")


def _yaml(text: str) -> str:
    """Text as YAML takes it, quoted: a JSON string is one."""
    return msgspec.json.encode(text).decode()


def _lead(point: Point) -> dict[str, Any]:
    series = point.series
    return {
        **{name: getattr(series, name) for name in ("model", "precision", "target", "scenario", "machine", "device")},
        **{name: " ".join(getattr(series, name)) for name in ("shapes", "options", "settings")},
        **{
            name: getattr(point, name) for name in ("record_id", "created_utc", "status", "valid", "counts", "emulated")
        },
        "series": series.id,
        "codes": " ".join(point.codes),
        "leading": point.leading,
    }


def _cell(value: Any) -> str:
    """Text on one line, with an apostrophe before what a spreadsheet would compute."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    text = "".join(one if one.isprintable() else " " for one in value)
    return f"'{text}" if unicodedata.normalize("NFKC", text.lstrip()[:1]).startswith(FORMULA) else text
