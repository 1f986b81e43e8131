"""A record that was not believed is named in every format."""

from collections.abc import Sequence

import pytest

from bench.record.record import RecordedRun
from bench.record.refused import RefusedRecord
from bench.reports.runs.csv import CsvReport
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.json import JsonReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport

EDITED = RefusedRecord("20260504-x", "record.json: its content differs: the file was edited", "Measure again.")
WRITERS = [HtmlReport(), MarkdownReport(), CsvReport(), JsonReport(), TerminalReport()]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w.suffix)
def test_a_refused_record_is_on_the_page(writer: HtmlReport, runs: Sequence[RecordedRun]) -> None:
    """Its name and the reason; nothing of it where all were read."""
    told = writer.telling([EDITED]).render(runs).decode()
    plain = writer.render(runs).decode()
    for part in ("20260504-x", "its content differs: the file was edited"):
        assert (True, False) == (part in told, part in plain), part


@pytest.mark.parametrize("writer", [WRITERS[0], WRITERS[1], WRITERS[4]], ids=lambda w: w.suffix)
def test_how_many_are_missing_is_said(writer: HtmlReport, runs: Sequence[RecordedRun]) -> None:
    """Nobody takes the rest for all."""
    assert "1 record refused" in writer.telling([EDITED]).render(runs).decode()


def test_csv_keeps_its_columns_and_names_the_folder() -> None:
    """A refused record is a row as wide as the others."""
    lines = CsvReport([RefusedRecord("x", "broken", folder="a")]).render([]).decode().splitlines()
    head, row = (line.split(",") for line in lines)
    assert (len(head), "folder", "a", "x", "refused") == (len(row), head[0], row[0], row[1], row[head.index("status")])
