"""Markdown that GitHub shows as tables, whatever stands in the records."""

from collections.abc import Callable, Sequence

from bench.record.record import Record, RecordedRun, Verdict
from bench.reports.runs.markdown import MarkdownReport


def test_every_row_of_a_table_has_as_many_cells_as_its_head(runs: Sequence[RecordedRun]) -> None:
    """No text of a record opens a cell."""
    _same_width(MarkdownReport().render(runs).decode())


def test_pipes_and_line_breaks_of_a_record_open_no_cell(hostile_run: RecordedRun) -> None:
    """Nor does hostile text."""
    text = MarkdownReport().render([hostile_run]).decode()
    _same_width(text)
    assert r"\| \`code\` \*\*bold\*\*" in text


def test_the_value_of_an_invalid_run_is_struck_and_a_missing_one_is_not(make_record: Callable[..., Record]) -> None:
    invalid = Verdict(False, False)
    measured = make_record("ort:cpu", 5_000_000, verdict=invalid)
    missing = make_record("ort:cpu", None, verdict=invalid)
    assert "~~5.00 ms~~" in MarkdownReport().render([RecordedRun(measured, {})]).decode()
    assert "~~" not in MarkdownReport().render([RecordedRun(missing, {})]).decode()


def _same_width(text: str) -> None:
    blocks = [b.splitlines() for b in text.split("\n\n") if b.startswith("| ")]
    assert blocks
    for block in blocks:
        assert {block[0].count(" | ")} == {row.count(" | ") for row in block}


def test_each_command_is_given_once(runs: Sequence[RecordedRun]) -> None:
    """A reviewer copies the line that makes a run again."""
    lines = MarkdownReport().render(runs).decode().splitlines()
    assert 1 == lines.count("    odb run -m mobilenet_v2 -t openvino:CPU --preset standard")
