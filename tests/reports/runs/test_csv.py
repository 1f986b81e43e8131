"""The CSV report: one row a record, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from bench.record.inputs import PlannedModel
from bench.record.record import Failure, Record, RecordedRun
from bench.reports.runs.csv import CsvReport

MS = 1_000_000


def rows(runs: Sequence[RecordedRun]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(CsvReport().render(runs).decode())))


def test_one_row_a_record(runs: Sequence[RecordedRun]) -> None:
    """Failed and skipped runs have rows too."""
    expected = ["ok", "ok", "ok", "skipped", "failed", "ok", "ok", "ok"]
    assert expected == [row["status"] for row in rows(runs)]


def test_what_was_not_measured_is_empty(runs: Sequence[RecordedRun]) -> None:
    """A null is an empty cell, never a zero."""
    failed = rows(runs)[4]
    assert ("", "", "", "unsupported_operator") == (
        failed["latency_p50_ns"],
        failed["energy_joules_per_inference"],
        failed["valid"],
        failed["failure_kind"],
    )


def test_emulated_times_have_a_column_of_their_own(make_record: Callable[..., Record]) -> None:
    """An average over the latency column cannot take in an emulator's time."""
    record = make_record("qnn:htp-emu", 1_100 * MS)
    emulated = replace(
        record, plan=replace(record.plan, target=replace(record.plan.target, emulated=True)), verdict=None
    )
    found = rows([RecordedRun(record, {}), RecordedRun(emulated, {})])
    assert [("false", "1100000000", "", "1500"), ("true", "", "1100000000", "")] == [
        (r["emulated"], r["latency_p50_ns"], r["emulator_latency_p50_ns"], r["queries"]) for r in found
    ]


def test_text_that_looks_like_a_formula_is_quoted(make_record: Callable[..., Record]) -> None:
    """A spreadsheet must not run what stands in a name or a message; numbers stay numbers."""
    texts = ("=1+1", "+1", "-1", "@x", "\t=1", " =1", "\u00a0=1", "\n=1", "\r=1", "\uff1d1", "\uff0b1", "plain=1")
    found = [
        make_record("ort:cpu", 4 * MS, model=PlannedModel(t, "tensor"), failure=Failure("", "", t, "")) for t in texts
    ]
    shown = rows([RecordedRun(r, {}) for r in found])
    quoted = ["'=1+1", "'+1", "'-1", "'@x", "'\t=1", *["' =1"] * 4, "'\uff1d1", "'\uff0b1", "plain=1"]
    assert quoted == [r["failure_message"] for r in shown]
    assert {"4000000"} == {r["latency_p50_ns"] for r in shown}


def test_a_line_break_in_a_name_makes_no_row(make_record: Callable[..., Record]) -> None:
    """Neither for a reader that ends a row at a lone carriage return."""
    model = PlannedModel('net\r=HYPERLINK("x")\n=1\x85=2', "tensor")
    data = CsvReport().render([RecordedRun(make_record("ort:cpu", 4 * MS, model=model), {})]).decode()
    assert 2 == len(data.splitlines())
    assert 'net =HYPERLINK("x") =1 =2' == next(csv.DictReader(io.StringIO(data)))["model"]


def test_only_a_plain_command_is_written(make_record: Callable[..., Record]) -> None:
    """The cell of one that is more than ``odb run`` stays empty."""
    good = make_record("ort:cpu", 4 * MS)
    good = replace(good, plan=replace(good.plan, command="odb run -m net.onnx -t ort:cpu"))
    bad = replace(good, plan=replace(good.plan, command="odb run -m net.onnx; rm -rf ~"))
    shown = [row["command"] for row in rows([RecordedRun(good, {}), RecordedRun(bad, {})])]
    assert ["odb run -m net.onnx -t ort:cpu", ""] == shown
