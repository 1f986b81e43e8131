"""The formats for CI systems, each read by the parser of the tool that it is for."""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from msgspec.structs import replace

from bench.cli.output_format import chosen_format
from bench.errors import InputError
from bench.record.record import RecordedRun, Verdict
from bench.reports.runs.ci.bmf import BmfReport
from bench.reports.runs.ci.github_benchmark import GithubBenchmarkReport
from bench.reports.runs.ci.openmetrics import OpenMetricsReport
from bench.reports.runs.ci.pytest_benchmark import PytestBenchmarkReport, stats_of
from bench.store.derived import believed
from bench.testing.records import TARGET, fake_run

BMF = {  # https://bencher.dev/bmf.json, draft 7
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
                    "required": ["value"],
                }
            },
        }
    },
}
GITHUB = {  # what the action reads of each entry: its types BenchmarkResult and customSmallerIsBetter
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "unit": {"type": "string"},
            "value": {"type": "number"},
            "range": {"type": "string"},
            "extra": {"type": "string"},
        },
        "required": ["name", "unit", "value"],
    },
}
NAME = "fake/null:cpu/single-stream"


def run(record_id: str = "a", *, valid: bool = True, latency: int = 1_000_000, **target: Any) -> RecordedRun:
    made = fake_run(record_id, [np.full(100, latency), np.full(100, 2 * latency), np.full(100, latency // 2)])
    found = believed(made, record_id).plain()
    plan = replace(found.record.plan, target=replace(TARGET, **target))
    return replace(found, record=replace(found.record, plan=plan, verdict=Verdict(valid, False)))


def test_bmf_holds_figures_and_intervals_by_benchers_names() -> None:
    document = json.loads(BmfReport().render([run()]))
    jsonschema.validate(document, BMF)
    assert list(document) == [NAME]
    assert document[NAME]["latency"]["value"] == 1_000_000
    assert document[NAME]["latency"]["lower_value"] <= 1_000_000 <= document[NAME]["latency"]["upper_value"]
    assert document[NAME]["throughput"] == {"value": pytest.approx(1e3)}
    assert "latency-p90-ns" in document[NAME]


def test_github_benchmark_holds_what_is_better_smaller() -> None:
    document = json.loads(GithubBenchmarkReport().render([run()]))
    jsonschema.validate(document, GITHUB)
    found = {entry["name"]: entry for entry in document}
    assert found[f"{NAME}/latency_p50_ns"]["value"] == 1_000_000
    assert found[f"{NAME}/latency_p50_ns"]["range"].startswith("± ")
    assert f"{NAME}/throughput_per_s" not in found


@pytest.mark.parametrize("parser", ["openmetrics", "text"])
def test_prometheus_reads_base_units_and_labels(parser: str) -> None:
    """Both grammars: node_exporter reads the older one."""
    if parser == "openmetrics":
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
    else:
        from prometheus_client.parser import text_string_to_metric_families as parse
    korean = run("b", id='npu:"모델"\\')
    families = {f.name: f for f in parse(OpenMetricsReport().render([run(), korean]).decode())}
    p50 = families["odb_latency_p50_seconds"]
    assert [sample.value for sample in p50.samples] == [1e-3, 1e-3]
    assert {sample.labels["target"] for sample in p50.samples} == {"null:cpu", 'npu:"모델"\\'}
    assert {sample.timestamp for family in families.values() for sample in family.samples} == {None}
    assert [sample.value for sample in families["odb_run_valid"].samples] == [1, 1]
    assert families["odb_run_created_timestamp_seconds"].samples[0].value == 1_777_889_472


@pytest.mark.process
def test_pytest_benchmark_compares_our_file(tmp_path: Path) -> None:
    """Its own command reads it, and shows the record's median and its number of queries."""
    storage = tmp_path / "machine" / "0001_base.json"
    storage.parent.mkdir()
    storage.write_bytes(PytestBenchmarkReport().render([run()]))
    asked = ["--storage", str(tmp_path), "compare", "--columns=median,rounds", "0001"]
    command = [sys.executable, "-m", "pytest_benchmark", *asked]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert NAME in shown
    assert "300" in shown


def test_stats_are_those_of_pytest_benchmark() -> None:
    """By its own class, on rounds with outliers."""
    theirs = pytest.importorskip("pytest_benchmark.stats").Stats()
    seconds = [0.010, 0.011, 0.012, 0.011, 0.010, 0.013, 0.050, 0.0101]
    for one in seconds:
        theirs.update(one)
    ours = stats_of(seconds)
    same = ("min", "max", "mean", "stddev", "rounds", "median", "ops", "total", "iqr_outliers", "stddev_outliers")
    assert {name: ours[name] for name in same} == pytest.approx({name: getattr(theirs, name) for name in same})
    assert ours["median"] == statistics.median(seconds)


@pytest.mark.parametrize("writer", [BmfReport, GithubBenchmarkReport, PytestBenchmarkReport])
def test_unusable_runs_have_no_figures(writer: Any) -> None:
    """Not valid, emulated, failed: a dashboard cannot tell such a figure from a good one."""
    failed = RecordedRun(replace(run("f").record, status="failed", verdict=None), {})
    unusable = [run("i", valid=False), run("e", id="qnn:htp-emu", emulated=True), failed]
    assert NAME not in writer().render(unusable).decode()
    assert NAME in writer().render([*unusable, run()]).decode()


def test_openmetrics_says_that_a_run_is_not_valid() -> None:
    text = OpenMetricsReport().render([run(valid=False)]).decode()
    assert "odb_latency_p50_seconds" not in text
    assert text.count("odb_run_valid{") == 1
    assert '"} 0.0\n' in text


def test_of_one_series_the_newest_counts_and_names_of_two_differ() -> None:
    newer = run("b", latency=3_000_000)
    newer = replace(newer, record=replace(newer.record, created_utc="2026-06-01T00:00:00+00:00"))
    assert json.loads(BmfReport().render([newer, run()]))[NAME]["latency"]["value"] == 3_000_000
    other = run("c")
    host = {**other.record.environment.host, "cpu": "another"}
    other = replace(other, record=replace(other.record, environment=replace(other.record.environment, host=host)))
    names = list(json.loads(BmfReport().render([run(), other])))
    assert len(names) == 2
    assert all(name.startswith(f"{NAME} (fake-null-cpu-") for name in names)


SUFFIXES = {"json": ".json", "bmf": ".bmf.json", "openmetrics": ".prom", "html": ".html"}


@pytest.mark.parametrize(
    ("given", "file", "format_"),
    [
        (None, "night.json", "json"),
        (None, "night.bmf.json", "bmf"),
        (None, "NIGHT.BMF.JSON", "bmf"),
        (None, "bmf.json", "json"),
        ("bmf", "night.json", "bmf"),
        (None, "odb.prom", "openmetrics"),
    ],
)
def test_the_longest_suffix_names_the_format(given: str | None, file: str, format_: str) -> None:
    assert chosen_format(given, False, Path(file), SUFFIXES) == format_


def test_a_format_in_the_file_of_another_is_refused() -> None:
    with pytest.raises(InputError, match="bmf"):
        chosen_format("html", False, Path("night.bmf.json"), SUFFIXES)
