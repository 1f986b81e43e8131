"""The table of metrics: every row leads to a field of the record, its unit is in its name, and CSV has its column."""

import csv
import io
from typing import Any, get_type_hints

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.metrics import METRICS, Metric, figures_of
from bench.analysis.summary import summarise
from bench.record.memory import MemorySummary
from bench.record.record import Summary
from bench.reports.runs.csv import CsvReport
from bench.testing.records import fake_run

MS = 1_000_000


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_its_path_is_a_field_of_the_summary(metric: Metric) -> None:
    """Of a number that may be missing."""
    found: Any = Summary
    for field in metric.path:
        hint = get_type_hints(found)[field]
        found = next((part for part in getattr(hint, "__args__", ()) if part is not type(None)), hint)
    assert found in (int, float)


def test_a_missing_part_is_a_missing_figure() -> None:
    """Not an error, and not 0."""
    assert {} == figures_of(Summary())
    assert {"peak_rss_bytes": 7.0} == figures_of(Summary(memory_bytes=MemorySummary(peak_rss=7)))


def test_each_has_its_column_in_csv_with_the_figure_of_the_record() -> None:
    """Text, which has all but the tails, and tensors, which have the tails."""
    tokens = np.tile(7 * MS + 2 * MS * np.arange(5), (80, 1))
    filled = set()
    for run in (fake_run("t", [tokens[:, -1]] * 2, [tokens] * 2), fake_run("r", [np.arange(1, 8001) * MS // 9] * 2)):
        record = run.record
        memory = MemorySummary(peak_rss=1 << 20)
        found = summarise(record.repeats, run.samples, record.plan.scenario, memory=memory)
        shown = CsvReport().render([replace(run, record=replace(record, summary=found))]).decode()
        (row,) = csv.DictReader(io.StringIO(shown))
        for metric in METRICS:
            value = metric.figure(found)
            assert row[metric.column] == ("" if value is None else repr(value))
            filled |= {metric.name} if value is not None else set()
    unread = {"cold_start_ns", "joules_per_inference", "cpu_seconds_per_inference"}
    assert {metric.name for metric in METRICS} == filled | unread
