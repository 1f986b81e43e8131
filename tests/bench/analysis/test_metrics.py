"""The table of metrics: every row leads to a field of the record, its unit is in its name, and CSV has its column."""

import csv
import io
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.figures.rule import GEOMETRIC_MEAN, MEDIAN
from bench.analysis.metrics import METRICS, Metric, Unit, figures_of
from bench.analysis.summary import summarise
from bench.comparison.observe import observe
from bench.record.energy import EnergySummary
from bench.record.memory import MemoryPoint, MemorySummary
from bench.record.summary import Summary
from bench.reports.runs.csv import CsvReport
from bench.testing.records import fake_run
from bench.words import speaking, units

MS = 1_000_000


@pytest.mark.parametrize("metric", [m for m in METRICS if m.path], ids=lambda metric: metric.name)
def test_its_path_is_a_field_of_the_summary(metric: Metric) -> None:
    """Of a number that may be missing."""
    found: Any = Summary
    for field in metric.path:
        hint = get_type_hints(found)[field]
        found = next((part for part in getattr(hint, "__args__", ()) if part is not type(None)), hint)
    assert found in (int, float)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_title_is_the_beginning_of_another(language: str) -> None:
    """In one table, "decode" and "decode rate" would be taken for the same. A percentile may follow the title."""
    with speaking(language):
        titles = [str(metric.title) for metric in METRICS]
    pairs = [(one, other) for one in titles for other in titles if other.startswith(f"{one} ")]
    assert len(titles) == len({*titles})
    assert [] == [(one, other) for one, other in pairs if not other.removeprefix(f"{one} p").isdigit()]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_it_says_what_it_is(metric: Metric) -> None:
    """A title, a unit that writers show, why it may be missing, how processes are pooled, and a line in docs."""
    assert all((metric.title, metric.needs, metric.rule.how))
    assert metric.unit in get_args(Unit)
    assert "1" in units.figure(1.0, metric.unit)
    better = "lower" if metric.lower_is_better else "higher"
    told = f"| `{metric.name}` | {metric.title} | `{metric.unit}` | `{metric.place}` | {better} | {metric.rule.how} |"
    assert told in (Path(__file__).parents[3] / "docs/measuring.md").read_text(encoding="utf-8").splitlines()


def test_a_missing_part_is_a_missing_figure() -> None:
    """Not an error, and not 0."""
    assert {} == figures_of(Summary())
    assert {"peak_rss_bytes": 7.0} == figures_of(Summary(memory_bytes=MemorySummary(peak_rss=7)))


def test_the_figure_of_the_run_is_pooled_from_those_that_are_compared() -> None:
    """By the same rows, of processes that differ and that ran other numbers of queries."""
    rng = np.random.default_rng(4)
    parts = [np.round(scale * MS * rng.lognormal(0, 0.1, n)).astype(np.int64) for scale, n in ((1, 900), (1.5, 700))]
    figures = [{"cold_start_ns": c * MS, "peak_rss_bytes": c << 20, "cpu_seconds": c, "joules": c} for c in (20, 80)]
    run = fake_run("r", parts, figures=figures)
    record = run.record
    found = summarise(record.repeats, run.samples, record.plan.scenario, memory=MemorySummary(), energy=EnergySummary())
    values = observe(run).values
    for metric in METRICS:
        if metric.name in values and None not in values[metric.name]:
            pool = median if metric.rule.how == MEDIAN else geometric_mean
            assert metric.rule.how in (MEDIAN, GEOMETRIC_MEAN) or metric.tail
            assert pytest.approx(pool(values[metric.name]), rel=1e-6) == metric.figure(found)
    assert 40 * MS == found.cold_start_ns


def test_each_has_its_column_in_csv_with_the_figure_of_the_record() -> None:
    """Text, which has all but the tails, and tensors, which have the tails."""
    tokens = np.tile(7 * MS + 2 * MS * np.arange(5), (80, 1))
    filled = set()
    for run in (fake_run("t", [tokens[:, -1]] * 2, [tokens] * 2), fake_run("r", [np.arange(1, 8001) * MS // 9] * 2)):
        record = run.record
        point = {"steady": MemoryPoint(peak_rss_bytes=1 << 20)}
        repeats = [replace(repeat, memory_bytes=point) for repeat in record.repeats]
        found = summarise(repeats, run.samples, record.plan.scenario, memory=MemorySummary())
        shown = CsvReport().render([replace(run, record=replace(record, summary=found))]).decode()
        (row,) = csv.DictReader(io.StringIO(shown))
        for metric in METRICS:
            value = metric.figure(found)
            assert row[metric.column] == ("" if value is None else repr(value))
            filled |= {metric.name} if value is not None else set()
    unread = {"cold_start_ns", "cpu_seconds_per_inference", *(m.name for m in METRICS if m.about == "energy")}
    unasked = {metric.name for metric in METRICS if metric.settings}
    elsewhere = {metric.name for metric in METRICS if metric.scenarios}
    assert {metric.name for metric in METRICS} == filled | unread | unasked | elsewhere
