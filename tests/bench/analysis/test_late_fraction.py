"""The fraction of queries over a deadline: exact on made samples, and wherever a metric is shown."""

import csv
import io
import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.analysis.metrics import METRICS
from bench.analysis.summary import summarise
from bench.comparison.comparison import Change, Comparison, compare
from bench.record.asked import Asked, NamedFile
from bench.record.record import RecordedRun
from bench.record.summary import MetricFigure
from bench.reports.comparisons.words import rows
from bench.reports.runs.csv import CsvReport
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.json import JsonReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport
from bench.stats.proportions import clustered_interval
from bench.store.derived import believed, judged
from bench.testing.records import fake_run

MS = 1_000_000


def run_of(parts: Sequence[np.ndarray], deadline_ns: int | None, name: str = "r") -> RecordedRun:
    """A record of processes with these latencies, computed."""
    run = fake_run(name, list(parts))
    settings = {} if deadline_ns is None else {"deadline_ns": deadline_ns}
    asked = Asked("built_in", NamedFile("net"), settings=settings)
    plan = replace(run.record.plan, asked=asked)
    return replace(run, record=judged(replace(run, record=replace(run.record, plan=plan))).record)


def late(run: RecordedRun) -> MetricFigure:
    return run.record.summary.figures["late_fraction"]


def test_it_is_late_queries_over_all() -> None:
    """1 to 100 ms and 1 to 50 ms at 40 ms: 60 and 10 of 150; 40 ms itself is in time."""
    run = run_of([np.arange(1, 101) * MS, np.arange(1, 51) * MS], 40 * MS)
    assert 70 / 150 == late(run).value
    assert late(run).interval95 is not None
    low, high = late(run).interval95
    assert 0 <= low < 70 / 150 < high <= 1


def test_the_interval_takes_processes_as_clusters() -> None:
    """Of samples that do not depend on each other, it is that of the counts."""
    rng = np.random.default_rng(3)
    parts = [np.where(rng.random(400) < p, 9, 1) * MS for p in (0.05, 0.1, 0.2)]
    counts = [int((part > 5 * MS).sum()) for part in parts]
    low, high = clustered_interval(counts, [400] * 3, [400.0] * 3)
    assert (low, high) == pytest.approx(late(run_of(parts, 5 * MS)).interval95, abs=0.02)


def test_without_a_deadline_it_is_null() -> None:
    """And not 0."""
    assert MetricFigure() == late(run_of([np.arange(1, 101) * MS], None))


@given(
    st.lists(st.lists(st.integers(1, 10**9), min_size=1, max_size=30), min_size=1, max_size=4),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
)
def test_it_is_a_fraction_that_falls_with_the_deadline(parts: list[list[int]], one: int, other: int) -> None:
    """From 0 to 1; a longer deadline is missed by no more queries."""
    run = fake_run("r", [np.array(part) for part in parts])
    found = [
        summarise(
            run.record.repeats, run.samples, run.record.plan.scenario, settings={"deadline_ns": deadline}
        ).figures["late_fraction"]
        for deadline in sorted((one, other))
    ]
    assert 1 >= found[0].value >= found[1].value >= 0
    assert all(f.interval95[0] <= f.value <= f.interval95[1] for f in found)


def test_every_report_has_it() -> None:
    """Terminal, HTML, Markdown, CSV and JSON, with the deadline."""
    run = run_of([np.arange(1, 101) * MS] * 3, 90 * MS)
    for writer in (TerminalReport(width=200), HtmlReport(), MarkdownReport()):
        text = writer.render([run]).decode().replace("\N{NO-BREAK SPACE}", " ")
        assert ("late (90ms)" if isinstance(writer, TerminalReport) else "deadline 90ms") in text
        assert "10.0 %" in text
    (row,) = csv.DictReader(io.StringIO(CsvReport().render([run]).decode()))
    assert ("0.1", "90000000") == (row["late_fraction"], row["deadline_ns"])
    assert float(row["late_ci95_low_fraction"]) < 0.1 < float(row["late_ci95_high_fraction"])
    (record,) = json.loads(JsonReport().render([run]))["records"]
    assert 0.1 == record["summary"]["figures"]["late_fraction"]["value"]


def test_its_column_is_as_narrow_as_its_figures() -> None:
    """The table of several targets fits 120 columns; the run's own table names metric and setting in full."""
    runs = [run_of([np.arange(1, 101) * MS] * 3, 40 * MS, name) for name in ("a", "b")]
    text = TerminalReport(width=120).render(runs).decode()
    assert ("late (40ms)" in text, "late queries (deadline 40ms)" in text) == (True, False)
    assert "late queries, deadline 40ms" in " ".join(MarkdownReport().render(runs).decode().split())


def test_a_report_without_deadlines_does_not_mention_it() -> None:
    """Nor the setting."""
    text = TerminalReport(width=200).render([run_of([np.arange(1, 101) * MS] * 3, None)]).decode()
    assert "late" not in text


def change_of(comparison: Comparison) -> Change:
    return next(change for change in comparison.changes if change.metric == "late_fraction")


def made(rates: Sequence[float], deadline_ns: int | None = 5 * MS, name: str = "r") -> RecordedRun:
    """Processes of 1,000 queries, of which these fractions are late."""
    parts = [np.where(np.arange(1000) * 7919 % 1000 < 1000 * rate, 9, 1) * MS for rate in rates]
    return run_of(parts, deadline_ns, name)


def test_more_late_queries_are_worse() -> None:
    """From 0, too; by the difference in points."""
    base, new = made([0.0] * 6, name="a"), made([0.02, 0.021, 0.019, 0.02, 0.022, 0.018], name="b")
    found = change_of(compare(base, new))
    assert "worse" == found.word
    assert 0.02 == pytest.approx(found.difference)
    assert (None, None) == (found.ratio, found.interval)
    assert "better" == change_of(compare(new, base)).word
    (row,) = (row for row in rows(compare(base, new)) if row.cells[0] == "late queries")
    assert ("0 %", "2.0 %", "+2.0 points") == row.cells[1:4]


def test_none_late_in_both_is_the_same() -> None:
    """A fraction of 0 is a figure."""
    assert "same" == change_of(compare(made([0.0] * 5, name="a"), made([0.0] * 5, name="b"))).word


def test_two_deadlines_are_not_compared() -> None:
    """The metric is left out with both deadlines; the others are compared."""
    found = compare(made([0.1] * 5, 5 * MS, "a"), made([0.1] * 5, 6 * MS, "b"))
    (omitted,) = (one for one in found.omitted if one.metric == "late_fraction")
    assert "deadline 5ms" in str(omitted.reason)
    assert "deadline 6ms" in str(omitted.reason)
    assert "latency_p50_ns" in {change.metric for change in found.changes}


def test_a_deadline_of_one_side_is_not_compared() -> None:
    """And without any the metric is not mentioned."""
    found = compare(made([0.1] * 5, None, "a"), made([0.1] * 5, name="b"))
    assert ["late_fraction"] == [one.metric for one in found.omitted if one.metric == "late_fraction"]
    silent = compare(made([0.1] * 5, None, "a"), made([0.1] * 5, None, "b"))
    assert [] == [one.metric for one in silent.omitted if one.metric == "late_fraction"]


def test_an_edited_figure_is_found() -> None:
    """It is computed again when a record is read."""
    run = made([0.1] * 5)
    figures = {"late_fraction": replace(late(run), value=0.01)}
    edited = replace(run.record, summary=replace(run.record.summary, figures=figures))
    read = believed(replace(run, record=edited), "here")
    assert 0.1 == read.record.summary.figures["late_fraction"].value
    assert "summary.figures.late_fraction.value" in {one.field for one in read.corrections}


def test_it_is_no_speed() -> None:
    """Its words are better and worse."""
    (metric,) = (metric for metric in METRICS if metric.name == "late_fraction")
    assert (False, True, "fraction") == (metric.speed, metric.lower_is_better, metric.unit)
