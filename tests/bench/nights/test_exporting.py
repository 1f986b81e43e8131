"""Points as other tools read them."""

import csv
import io
import json
from pathlib import Path

import pytest
from made_nights import failed_on, history_of, night_of
from msgspec.structs import replace

from bench.nights.exporting import csv_of, json_lines_of, otava_of
from bench.nights.history import History
from bench.nights.point import Level, Point
from bench.nights.series import Series

ONE = Point(
    series=Series(model="net", target="null:cpu", scenario="single-stream", options=("threads=1",)),
    record_id="a",
    created_utc="2026-03-01T10:00:00+09:00",
    folder="records/2026-03/a",
    record_sha256="0" * 64,
    status="ok",
    valid=True,
    leading="latency_p50_ns",
    levels={"latency_p50_ns": Level(13.8, 0.01, 3, 1_000_000.5), "throughput_per_s": Level(6.9, 0.01, 3, 1000.0)},
    versions={"kernel": "6.9"},
    conditions={"temperature_celsius": 51.5},
)


def rows(data: bytes) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(data.decode()))]


def test_csv_has_a_row_a_point(tmp_path: Path) -> None:
    """With what it lacks empty; the same for records that failed."""
    folder = history_of(tmp_path / "history", night_of(0), failed_on(1), night_of(1, "other"))
    with History.open(folder) as history:
        found = rows(csv_of([point for points in history.every().values() for point in points]))
        ids = [series.id for series in history.series()]
    assert [(ids[0], "000-net"), (ids[0], "001-net"), (ids[1], "001-other")] == [
        (row["series"], row["record_id"]) for row in found
    ]
    assert [("true", "1000000.0"), ("false", ""), ("true", "1000000.0")] == [
        (row["counts"], row["latency_p50_ns"]) for row in found
    ]
    assert ["", "crashed", ""] == [row["codes"] for row in found]


def test_csv_states_every_field_of_a_level() -> None:
    (row,) = rows(csv_of([ONE]))
    level = [row[f"latency_p50_ns{part}"] for part in ("", ".mean", ".deviation", ".processes")]
    assert ["1000000.5", "13.8", "0.01", "3"] == level
    assert ("6.9", "51.5", "threads=1") == (row["version.kernel"], row["temperature_celsius"], row["options"])


def test_no_cell_is_a_formula_or_breaks_its_line() -> None:
    series = replace(ONE.series, model="=cmd()", target="＝x", machine="a\nb\x1b[2J")
    (row,) = rows(csv_of([replace(ONE, series=series, record_id="-1")]))
    assert ("'=cmd()", "'＝x", "a b [2J", "'-1") == (row["model"], row["target"], row["machine"], row["record_id"])
    assert csv_of([replace(ONE, series=series)]).count(b"\n") == 2
    titled = csv_of([replace(ONE, versions={"runtime x\r=cmd()": "1"}, conditions={"=cmd()": 1.0})])
    assert (titled.count(b"\r"), titled.count(b",'=cmd()")) == (0, 1)


def test_json_lines_come_back_as_the_points() -> None:
    (line,) = json_lines_of([ONE]).splitlines()
    found = json.loads(line)
    assert (ONE.series.id, True) == (found["series_id"], found["counts"])
    assert {"mean": 13.8, "deviation": 0.01, "processes": 3, "figure": 1_000_000.5} == found["levels"]["latency_p50_ns"]
    assert {"kernel": "6.9"} == found["versions"]
    assert b"\x1b" not in json_lines_of([replace(ONE, record_id="\x1b[2J")])


def test_otava_gets_the_nights_that_count_and_the_metrics_that_all_have() -> None:
    """By the rules of its importer: no empty cell, and a direction for each metric."""
    yaml = pytest.importorskip("yaml")
    lacking = replace(ONE, record_id="b", levels={"latency_p50_ns": Level(13.9, 0.01, 3, 1_100_000.0)})
    invalid = replace(ONE, record_id="c", valid=False, codes=("host_busy",))
    files = otava_of({ONE.series: [ONE, lacking, invalid]}, "out/dir: #1")
    name = f"{ONE.series.id}.csv"
    assert ["otava.yaml", name] == [*files]
    test = yaml.safe_load(files["otava.yaml"])["tests"][ONE.series.id]
    assert (f"out/dir: #1/{name}", "csv", "time") == (test["file"], test["type"], test["time_column"])
    assert {"latency_p50_ns": {"direction": -1}} == test["metrics"]
    assert [
        {"time": "2026-03-01T01:00:00+00:00", "record_id": "a", "latency_p50_ns": "1000000.5"},
        {"time": "2026-03-01T01:00:00+00:00", "record_id": "b", "latency_p50_ns": "1100000.0"},
    ] == rows(files[name])
    both = otava_of({ONE.series: [ONE]})
    directions = yaml.safe_load(both["otava.yaml"])["tests"][ONE.series.id]["metrics"]
    assert {"latency_p50_ns": {"direction": -1}, "throughput_per_s": {"direction": 1}} == directions


def test_a_series_without_figures_is_no_test_of_otava() -> None:
    assert {} == otava_of({ONE.series: [replace(ONE, emulated=True)]})
