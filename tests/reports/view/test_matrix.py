"""Matrices, cells and the emulated table."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace
from report_parts import HTP
from report_runs import text

from bench.record.inputs import PlannedModel
from bench.record.record import (
    Failure,
    PlacementSummary,
    PlannedTarget,
    Reason,
    Record,
    RecordedRun,
    Scenario,
    Verdict,
)
from bench.record.text import Agreement
from bench.reports.view.emulation import emulated_table
from bench.reports.view.listing import listing
from bench.reports.view.matrix import cell, matrices, status
from bench.reports.view.rows import Numbered, numbered

MS = 1_000_000


def items(*records: Record) -> tuple[Numbered, ...]:
    return numbered([RecordedRun(r, {}) for r in records])


def test_files_of_one_name_have_rows_of_their_own(make_record: Callable[..., Record]) -> None:
    """Two exports called alike: the names bear the beginnings of the checksums; one file in two precisions does not."""
    first = make_record("a:x", 4 * MS)

    def model(record: Record, **changes: str) -> Record:
        return replace(record, plan=replace(record.plan, model=replace(record.plan.model, **changes)))

    one, other = model(first, sha256="1234567890"), model(first, sha256="fedcba9876")
    (matrix,) = matrices(items(one, other, one))
    assert {"mobilenet_v2 12345678": 2, "mobilenet_v2 fedcba98": 1} == {row.name: len(row.runs) for row in matrix.rows}
    coarser = model(other, precision="int8")
    assert ["mobilenet_v2", "mobilenet_v2"] == [row.name for row in matrices(items(one, coarser))[0].rows]
    assert "1234567890" == items(one, other)[0].record.plan.model.sha256


def test_matrices_keep_tasks_and_scenarios_apart(runs: Sequence[RecordedRun]) -> None:
    """Latency, throughput and tokens are never in one table."""
    assert [
        "Single-stream: one query at a time",
        "Text generation, single-stream: 16 prompt tokens, 32 generated",
        "Offline: 4 queries in flight",
    ] == [m.caption for m in matrices(numbered(runs))]


def test_runs_without_a_time_join_the_matrix_of_their_task(
    runs: Sequence[RecordedRun], make_record: Callable[..., Record]
) -> None:
    """A skipped run of no stated lengths, and an emulated one of others, make no tables of their own."""
    text = runs[5].record
    skipped = make_record(
        "openvino:NPU", None, model=text.plan.model, scenario=Scenario("single-stream"), status="skipped"
    )
    short = Scenario("single-stream", prompt_tokens=4, generate_tokens=2)
    emulated = make_record("qnn:htp-emu", None, model=text.plan.model, scenario=short, verdict=Verdict(True, True))
    found = matrices(items(skipped, text, emulated))
    assert ["Text generation, single-stream: 16 prompt tokens, 32 generated"] == [m.caption for m in found]
    assert "4 + 2 tokens" in found[0].rows[0].cells[-1][0].notes


def test_emulated_targets_stand_last_and_show_no_time(runs: Sequence[RecordedRun]) -> None:
    """An emulated cell says that it compiles, where nodes ran and how outputs agree, and has no bar."""
    matrix = matrices(numbered(runs))[0]
    found = matrix.rows[-1].cells[-1][0]
    expected = ("118 of 118 nodes on HTP", "fidelity: cosine 0.999980, agrees", "top-1 70.8 %, 1\u202f000 samples")
    expected += (str(HTP.device_name), "soc_model=60, htp_arch=73")
    assert ("qnn:htp-emu", "compiles", "emulated", expected, None) == (
        matrix.targets[-1],
        found.value,
        found.status,
        found.notes,
        found.bar,
    )


def test_a_run_that_never_read_its_model_joins_the_row_of_its_name(runs: Sequence[RecordedRun]) -> None:
    """The skipped NPU stands in the row of the model that other targets measured."""
    matrix = matrices(numbered(runs))[0]
    assert ["mobilenet_v2", "yolox_nano", "ultraface"] == [r.name for r in matrix.rows]
    skipped = matrix.rows[0].cells[matrix.targets.index("openvino:NPU")][0]
    assert ("skipped", ("This machine has no NPU that OpenVINO sees.",)) == (skipped.status, skipped.notes)


def test_weights_of_another_precision_are_another_row(make_record: Callable[..., Record]) -> None:
    """The int8 version of a model is not the same model."""
    first = make_record("ort:cpu", 4 * MS)
    second = replace(first, plan=replace(first.plan, model=replace(first.plan.model, precision="int8")))
    assert [("weights float32",), ("weights int8",)] == [r.notes[:1] for r in matrices(items(first, second))[0].rows]


def test_two_runs_of_one_pair_share_a_cell(make_record: Callable[..., Record]) -> None:
    """A repeated measurement does not hide the first."""
    found = matrices(items(make_record("ort:cpu", 4 * MS), make_record("ort:cpu", 5 * MS)))[0]
    assert [["4.00 ms", "5.00 ms"]] == [[c.value for c in cells] for cells in found.rows[0].cells]


def test_bars_are_shares_of_the_slowest_in_the_row(make_record: Callable[..., Record]) -> None:
    """A bar can be compared with its neighbours in the row."""
    found = matrices(items(make_record("a:x", 4 * MS), make_record("b:y", 5 * MS)))[0]
    assert [0.8, 1.0] == [cells[0].bar for cells in found.rows[0].cells]


def test_a_missing_median_is_a_dash_with_its_reason(make_record: Callable[..., Record]) -> None:
    """Too few samples are said, and not shown as zero."""
    found = cell(items(make_record("ort:cpu", None))[0])
    assert ("–", "p50 needs more than 1\u202f500 samples", None) == (found.value, found.notes[0], found.weight)


def test_status_says_emulated_before_valid(make_record: Callable[..., Record]) -> None:
    """Whichever part of a record says so, an emulated run is never called valid."""
    target = PlannedTarget("qnn:htp-emu", "qnn", "htp-emu", emulated=True)
    by_plan = make_record("qnn:htp-emu", MS, planned=target)
    by_verdict = make_record("ort:cpu", MS, verdict=Verdict(True, True))
    assert ("emulated", "emulated") == (status(by_plan), status(by_verdict))


def test_status_without_a_verdict_is_no_verdict(make_record: Callable[..., Record]) -> None:
    """A record that was not judged does not pass for a valid one."""
    assert "unjudged" == status(make_record("ort:cpu", MS, verdict=None))


def test_emulated_table_shows_a_failure_too(make_record: Callable[..., Record]) -> None:
    """An emulated target that refused the model is in the table, with the kind."""
    target = PlannedTarget("qnn:htp-emu", "qnn", "htp-emu", emulated=True)
    failure = Failure("compile", "unsupported_operator", "no", "")
    found = emulated_table(items(make_record("x", None, planned=target, status="failed", failure=failure)))
    assert found is not None
    assert ("no: failed", "failed", ("unsupported operator",)) == (
        found.rows[0][3].value,
        found.rows[0][3].status,
        found.rows[0][3].notes,
    )


def test_a_run_that_failed_its_strict_placement_has_compiled(make_record: Callable[..., Record]) -> None:
    """It told where its nodes ran, so the chip compiles the model; what failed stands beside the verdict."""
    target = PlannedTarget("qnn:htp-emu", "qnn", "htp-emu", emulated=True)
    changes = {
        "status": "failed",
        "failure": Failure("check", "fallback", "1 of 4 nodes fell back", ""),
        "placement": PlacementSummary("HTP", {"HTP": 3, "CPU": 1}, None, ("Div",)),
    }
    found = emulated_table(items(make_record("x", None, planned=target, **changes)))
    assert found is not None
    row = found.rows[0]
    assert ("yes", "3 of 4", ("1 fell back",)) == (row[3].value, row[4].value, row[4].notes)
    assert ("failed", ("fallback",)) == (row[-1].status, row[-1].notes)


def test_wrong_outputs_stand_once_in_a_cell(make_record: Callable[..., Record]) -> None:
    """The sign and the word of the status say it; below it are the other causes only."""
    reasons = tuple(Reason(code, code) for code in ("host_busy", "output_mismatch"))
    measured = items(make_record("ort:cpu", 4 * MS, (3 * MS, 5 * MS), verdict=Verdict(False, False, reasons)))
    listed = listing(matrices(measured)[0])
    assert listed is not None
    assert ("≠ outputs wrong", ("the machine was busy",)) == (listed.rows[0][-1].value, listed.rows[0][-1].notes)
    found = cell(measured[0])
    assert ("outputs wrong; the machine was busy", "not valid") == (found.doubt, found.standing)
    target = PlannedTarget("qnn:htp-emu", "qnn", "htp-emu", emulated=True)
    emulated = items(make_record("x", None, planned=target, verdict=Verdict(False, True, reasons[1:])))
    table = emulated_table(emulated)
    assert table is not None
    assert ("≠ emulated, outputs wrong", ()) == (table.rows[0][-1].value, table.rows[0][-1].notes)
    assert "emulated, not valid" == cell(emulated[0]).standing


def test_equal_tokens_are_no_speed() -> None:
    """A busy machine makes times doubtful, and not the agreement of the tokens."""
    run = text()
    found = run.record.summary.text_generation
    assert found is not None
    agreed = replace(found, agreement=(Agreement("engine", "ort:cpu", token_prefix=9, tokens_compared=32),))
    verdict = Verdict(False, False, (Reason("host_busy", "busy"),))
    summary = replace(run.record.summary, text_generation=agreed)
    listed = listing(matrices(items(replace(run.record, summary=summary, verdict=verdict)))[0])
    assert listed is not None
    row = dict(zip(listed.titles, listed.rows[0], strict=True))
    assert ("9 of 32", "! ") == (row["Equal"].value, row["TTFT"].value[:2])


def test_a_failed_run_of_an_emulator_names_its_chip(make_record: Callable[..., Record]) -> None:
    """Beside runs on devices too, where it has a cell of the matrix."""
    target = PlannedTarget("qnn:htp-emu", "qnn", "htp-emu", "Chip A HTP v68", emulated=True)
    failure = Failure("plan", "unsupported_precision", "no floating point", "")
    failed = make_record("x", None, planned=target, status="skipped", failure=failure)
    found = cell(items(failed)[0])
    assert ("skipped", ("no floating point", "Chip A HTP v68")) == (found.value, found.notes)


def test_no_emulated_run_no_emulated_table(make_record: Callable[..., Record]) -> None:
    """The section is absent when nothing was emulated."""
    assert emulated_table(items(make_record("ort:cpu", MS))) is None


def test_listing_leaves_emulated_runs_out(runs: Sequence[RecordedRun]) -> None:
    """The terminal's latency table has every run of its scenario but the emulated one."""
    found = listing(matrices(numbered(runs))[0])
    assert found is not None
    assert ["1", "2", "3", "4", "5"] == [row[0].value for row in found.rows]


def test_a_model_known_by_name_alone_has_a_row(make_record: Callable[..., Record]) -> None:
    """A run that ended before its model was read still has a row of its own."""
    bare = make_record("ort:cpu", None, model=PlannedModel("tiny", "tensor"), inputs=None, status="skipped")
    row = matrices(items(bare))[0].rows[0]
    assert ("tiny", (), "skipped") == (row.name, row.notes, row.cells[0][0].status)


def test_two_files_of_one_name_never_share_a_row(make_record: Callable[..., Record]) -> None:
    """Every export of a hub is called model.onnx; a row is one file, and the name says which."""
    first = make_record("ort:cpu", 4 * MS)
    second = replace(first, plan=replace(first.plan, model=replace(first.plan.model, sha256="b" * 64)))
    rows = matrices(items(first, second))[0].rows
    assert ["mobilenet_v2 3f1c3f1c", "mobilenet_v2 bbbbbbbb"] == [row.name for row in rows]
    assert [1, 1] == [len(row.runs) for row in rows]


def test_two_folders_never_share_a_row(make_record: Callable[..., Record]) -> None:
    """Nor where both measured the very same file; the name needs no mark then."""
    record = make_record("ort:cpu", 4 * MS)
    found = numbered([RecordedRun(record, {}, "A"), RecordedRun(replace(record, record_id="2"), {}, "B")])
    rows = matrices(found)[0].rows
    assert [("mobilenet_v2", "A"), ("mobilenet_v2", "B")] == [(row.name, row.folder) for row in rows]


def test_an_invalid_figure_stands_behind_its_reason(make_record: Callable[..., Record]) -> None:
    """A busy machine is one reason, however many codes it shows in; wrong outputs are another, and first."""
    codes = ("not_converged", "processes_differ", "host_busy", "output_mismatch")
    verdict = Verdict(False, False, tuple(Reason(code, code) for code in codes))
    found = cell(items(make_record("ort:cpu", 4 * MS, (3 * MS, 5 * MS), verdict=verdict))[0])
    assert ("4.00 ms", "wrong", "outputs wrong; the machine was busy", None) == (
        found.value,
        found.status,
        found.doubt,
        found.weight,
    )


def test_a_sweep_has_a_row_a_chip_and_no_cell(make_record: Callable[..., Record]) -> None:
    """Several chips on one target are a table; the matrix keeps what was measured on devices."""
    chips = [
        replace(
            make_record(
                "qnn:htp-emu", None, planned=replace(HTP, device_name=f"Chip {n}", options_requested={"soc": n})
            ),
            record_id=n,
        )
        for n in "ab"
    ]
    every = items(make_record("ort:cpu", 4 * MS), *chips)
    assert [("ort:cpu",)] == [m.targets for m in matrices(every)]
    table = emulated_table(every)
    assert table is not None
    assert ["Chip a", "Chip b"] == [row[table.titles.index("Chip")].value for row in table.rows]
    assert () == matrices(items(*chips))


def test_a_matrix_of_nothing_measured_promises_no_figures(make_record: Callable[..., Record]) -> None:
    """Skipped and failed runs have no median and no bars."""
    bare = make_record("ort:cpu", None, inputs=None, status="skipped")
    assert ("", "") == (matrices(items(bare))[0].shows, matrices(items(bare))[0].bars)
