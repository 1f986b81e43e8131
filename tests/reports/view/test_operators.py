"""Hot operators in the writers: what is shown of a profile made by hand, and in which words."""

import re
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Scenario
from bench.record.inputs import PlannedModel
from bench.record.operators import Operator, OperatorPart, OperatorProfile
from bench.record.record import Record, RecordedRun
from bench.record.summary import LatencyNs, Summary
from bench.reports.runs.csv import CsvReport
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport
from bench.reports.view.operators import operator_tables
from bench.testing.records import fake_run
from bench.words import speaking

US = 1_000
CONV = Operator("conv", "Convolution", 600 * US, device="CPU", kernel="brgconv_avx512_bf16", macs=92_000_000)
SLOW = Operator("depthwise", "GroupConvolution", 300 * US, device="CPU", kernel="jit_avx512", macs=8_000_000)
CONCAT = Operator("boxes", "Concat", 95 * US, device="CPU", kernel="ref_f32", reference_kernel=True)
TINY = Operator("shape", "ShapeOf", 5 * US, runs=3, device="CPU", kernel="ref_any", reference_kernel=True)
FREE = Operator("fused", "Relu", 0, device="CPU", kernel="undef")
PART = OperatorPart("inference", 50, "mean", (TINY, FREE, CONCAT, SLOW, CONV), 1_250 * US, 1_000 * US, 1_000 * US)


def with_operators(*parts: OperatorPart, emulated: bool = False, **record: Any) -> RecordedRun:
    """A run of a model of 100 million MACs."""
    run = fake_run("r", [np.full(100, 1_100 * US)] * 2, model=PlannedModel("net", "tensor", "onnx", macs=100_000_000))
    target = replace(run.record.plan.target, emulated=emulated)
    plan = replace(run.record.plan, target=target, **record)
    summary = Summary(latency_ns=LatencyNs(n=200, mean=0, min=0, max=0, p50=1_100 * US))
    operators = OperatorProfile("OpenVINO PERF_COUNT", parts)
    made = replace(run.record, plan=plan, summary=summary, operators=operators)
    return replace(run, record=made)


def rows(record: Record, table: int = 0) -> list[list[str]]:
    return [[cell.value for cell in row] for row in operator_tables(record)[table].rows]


def test_the_hottest_come_first_with_share_work_and_rate() -> None:
    """Shares of the sum, 1 ms; MACs of the model's; what took no time is not hot."""
    record = with_operators(PART).record
    table = operator_tables(record)[0]
    assert table.caption == "Hot operators, one inference"
    assert table.titles == ("Operator", "Type", "Kernel", "Time", "% of time", "% of MACs", "Rate")
    assert rows(record) == [
        ["conv", "Convolution", "brgconv_avx512_bf16", "600 µs", "60.0 %", "92.0 %", "153 GMAC/s"],
        ["depthwise", "GroupConvolution", "jit_avx512", "300 µs", "30.0 %", "8.0 %", "26.7 GMAC/s"],
        ["boxes", "Concat", "ref_f32", "95.0 µs", "9.5 %", "–", "–"],
        ["shape (×3)", "ShapeOf", "ref_any", "5.00 µs", "0.5 %", "–", "–"],
    ]
    assert [(row[4].bar, row[5].bar) for row in table.rows[:2]] == [
        (pytest.approx(60 / 92), 1.0),
        (pytest.approx(30 / 92), pytest.approx(8 / 92)),
    ]


def test_shares_of_medians_name_their_own_sum() -> None:
    """Interrupted calls take longer than the medians of their operators add up to."""
    part = replace(PART, statistic="median", operators_ns=1_200 * US)
    note = operator_tables(with_operators(part).record)[0].note
    assert "The operators add up to 1.20 ms, 96.0 %" in note
    assert "Their medians add up to 1.00 ms, which the shares are of: " in note
    alike = operator_tables(with_operators(replace(part, operators_ns=1_010 * US)).record)[0].note
    assert "Their medians" not in alike


def test_the_note_says_what_is_in_no_operator_and_what_is_slow() -> None:
    """Every figure of it follows from the profile; the tiny reference kernel is not worth a word."""
    note = operator_tables(with_operators(PART).record)[0].note
    assert note == (
        "4 of 5 operators; each the mean of 50 calls. A call took 1.25 ms with profiling and 1.00 ms without, 1.25 "
        "times as long. The operators add up to 1.00 ms, 80.0 % of the profiled call; 250 µs is in none of them. The "
        "run's own median, measured without profiling, is 1.10 ms. Slow reference kernel: Concat boxes (ref_f32, "
        "9.5 % of the time). Slow for its work: GroupConvolution depthwise (30.0 % of the time for 8.0 % of the MACs)."
    )


def test_by_type_all_operators_are_counted() -> None:
    """Also those that took no time."""
    record = with_operators(PART).record
    assert rows(record, 1) == [
        ["Convolution", "1", "600 µs", "60.0 %", "92.0 %"],
        ["GroupConvolution", "1", "300 µs", "30.0 %", "8.0 %"],
        ["Concat", "1", "95.0 µs", "9.5 %", "–"],
        ["ShapeOf", "1", "5.00 µs", "0.5 %", "–"],
        ["Relu", "1", "0 ns", "0 %", "–"],
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"plain_ns": 500 * US}, "Caution: profiling took 2.50 times as long"),
        ({"plain_ns": None}, "1.25 ms with profiling; without it could not be measured."),
        ({"profiled_ns": 900 * US}, "add up to 1.00 ms, more than the profiled call: some ran side by side."),
        ({"statistic": "median"}, "each the median of 50 calls."),
    ],
)
def test_other_profiles_are_told_in_other_words(changes: dict[str, Any], said: str) -> None:
    """What was not measured, and what makes shares doubtful."""
    assert said in operator_tables(with_operators(replace(PART, **changes)).record)[0].note


def test_the_measured_median_is_left_out_where_queries_overlap() -> None:
    """A latency of several queries in flight is not that of one."""
    record = with_operators(PART, scenario=Scenario("offline", lanes=2)).record
    assert "own median" not in operator_tables(record)[0].note


INSIDE = OperatorPart(
    "inference",
    1,
    "median",
    (
        Operator("g", "QNN graph", None, device="HTP"),
        Operator("conv", "Conv", cycles=300, device="HTP", macs=100_000_000),
        Operator("relu", "Relu", cycles=100, device="HTP"),
    ),
)


def test_cycles_of_an_emulator_are_called_so_and_no_time_stands_beside_them() -> None:
    """Nor in the CSV, whose columns are of devices."""
    run = with_operators(INSIDE, emulated=True)
    first, second = operator_tables(run.record)
    assert first.caption == "Hot operators by the emulator's cycles, one inference"
    assert second.caption == "Operators by type in the emulator's cycles, one inference"
    assert rows(run.record) == [
        ["conv", "Conv", "HTP", "300", "75.0 %", "100 %"],
        ["relu", "Relu", "HTP", "100", "25.0 %", "–"],
    ]
    assert "not of the chip" in first.note
    assert "took" not in first.note
    header, line = (text.split(",") for text in CsvReport().render([run]).decode().splitlines())
    assert "" == line[header.index("hottest_operator")]


def test_on_a_device_times_and_cycles_have_tables_of_their_own() -> None:
    """The graph's time is not added to the cycles of what is inside it."""
    graph = Operator("g", "QNN graph", 900 * US, device="HTP")
    part = replace(INSIDE, operators=(graph, *INSIDE.operators[1:]), profiled_ns=1_000 * US, operators_ns=900 * US)
    captions = [table.caption for table in operator_tables(with_operators(part).record)]
    assert captions == [
        "Hot operators, one inference",
        "Operators by type, one inference",
        "Hot operators by cycles, one inference",
        "Operators by type in cycles, one inference",
    ]


def test_a_target_that_reports_none_is_told_with_the_reason() -> None:
    """In the same place."""
    run = with_operators()
    run = replace(run, record=replace(run.record, operators=OperatorProfile(reason="fake:cpu does not report it")))
    assert rows(run.record) == [["–", "fake:cpu does not report it"]]
    assert "fake:cpu does not report it" in TerminalReport().render([run]).decode()


def test_every_writer_shows_the_hottest() -> None:
    """The page with bars, texts with the number of the run, the CSV its first."""
    run = with_operators(PART)
    page = HtmlReport().render([run]).decode()
    assert page.count('<span class="track" aria-hidden="true"><i style="width:65.2%">') == 2
    assert "1. net on null:cpu: Hot operators, one inference" in TerminalReport(200).render([run]).decode()
    assert "| conv | Convolution | brgconv\\_avx512\\_bf16 | 600 µs |" in MarkdownReport().render([run]).decode()
    header, line = (text.split(",") for text in CsvReport().render([run]).decode().splitlines())
    told = {name: line[header.index(name)] for name in header if "operator" in name or "profile" in name}
    assert told == {
        "profiled_part": "inference",
        "profile_slowdown": "1.25",
        "operators_ns": "1000000",
        "hottest_operator": "conv",
        "hottest_operator_type": "Convolution",
        "hottest_operator_share": "0.6",
    }


def test_a_narrow_terminal_keeps_name_time_and_shares() -> None:
    """Kernels and rates are left out, and named."""
    text = TerminalReport(80, complete=False).render([with_operators(PART)]).decode()
    assert max(map(len, text.splitlines())) <= 80
    assert ["600 µs", "60.0 %", "92.0 %"] == re.split(" {2,}", next(x for x in text.splitlines() if x[:4] == "conv"))[
        2:
    ]


def test_long_names_lose_their_middle() -> None:
    """A name that a converter made of ten others; both ends tell which it is."""
    part = replace(PART, operators=(replace(CONV, name="a" * 100 + "conv1"),))
    assert rows(with_operators(part).record)[0][0] == "a" * 32 + "…" + "a" * 27 + "conv1"


def test_in_korean() -> None:
    """No English but names and units."""
    with speaking("ko"):
        table = operator_tables(with_operators(PART).record)[0]
    assert table.caption == "시간이 많이 드는 연산자, 추론 1회"
    assert "느린 참조 커널: Concat boxes (ref_f32, 시간의 9.5%)." in table.note
