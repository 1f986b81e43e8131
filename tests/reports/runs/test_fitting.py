"""Tables at a terminal of any width: names stay whole, no line is too long, and the verdict stands beside the names."""

import pytest
from msgspec.structs import replace
from report_runs import text

from bench.record.record import RecordedRun
from bench.reports.runs.fitting import KEPT, blocks, stacked, widths_of
from bench.reports.runs.terminal import TerminalReport
from bench.reports.view.rows import Cell, Column, Table
from bench.words import speaking
from bench.words.cells import cells

MODEL, TARGET = "SmolLM2-135M-Instruct.Q4_1", "openvino-genai:CPU"
BROKEN = ("model", "verdict")
FIGURES = [f"{number}.0 ms" for number in range(1, 7)]


def wide(rows: int = 2) -> Table:
    """Six figures that may not be broken between a name and a verdict."""
    heads = (Column("run", "Run"), Column("model", "Model"), Column("target", "Target"))
    figures = tuple(Column(f"f{i}", f"Figure of {i}") for i in range(6))
    verdict = Cell("! not valid", notes=("the machine was busy",))
    row = (Cell("1"), Cell(f"{MODEL} int4"), Cell(TARGET), *map(Cell, FIGURES), verdict)
    return Table("t", (*heads, *figures, Column("verdict", "Verdict")), (row,) * rows)


def long_named() -> RecordedRun:
    run = text()
    plan = run.record.plan
    target = replace(plan.target, id=TARGET, executed_kv_cache="int8", executed_precision="float32+int8")
    model = replace(plan.model, id=MODEL)
    return replace(run, record=replace(run.record, plan=replace(plan, model=model, target=target)))


@pytest.mark.parametrize("complete", [True, False], ids=["file", "terminal"])
@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_names_are_whole_at_every_width(width: int, complete: bool, language: str) -> None:
    """They were broken after each of their parts, into four lines of a row."""
    with speaking(language):
        shown = TerminalReport(width, complete=complete).render([long_named(), text()]).decode()
    table = shown.partition("\n\n")[0]
    assert max(map(cells, table.splitlines())) <= width
    for name in (MODEL, TARGET, "float32+int8", "llama-15M"):
        assert name in table
    if complete:
        assert "211 MiB" in table


def test_words_take_two_lines_before_anything_is_left_out() -> None:
    table = wide()
    widths = widths_of(table, BROKEN, 140)
    assert widths is not None
    assert (len(MODEL) <= widths[1], len(TARGET) <= widths[2]) == (True, True)
    assert min(widths[3:9]) >= len(FIGURES[0])
    assert sum(widths) + 2 * (len(widths) - 1) <= 140
    assert widths_of(table, BROKEN, 100) is None  # a name would have to be broken


def test_a_target_stands_below_its_model() -> None:
    found = stacked(wide())
    assert [column.key for column in found.columns][:3] == ["run", "model", "f0"]
    assert (found.rows[0][1].value, found.rows[0][1].notes) == (f"{MODEL} int4", (f"on{KEPT}{TARGET}",))
    assert stacked(found) == found


def test_what_does_not_fit_goes_below_with_the_number_of_its_run() -> None:
    """Every column is there once, the first in each part, and the verdict beside the names."""
    parts = blocks(stacked(wide()), BROKEN, 60)
    keys = [[column.key for column in part.columns] for part in parts]
    assert [key[0] for key in keys] == ["run"] * len(parts)
    assert keys[0][:3] == ["run", "model", "verdict"]
    assert sorted(one for key in keys for one in key[1:]) == sorted(["model", "verdict", *(f"f{i}" for i in range(6))])
    assert all(widths_of(part, BROKEN, 60) is not None for part in parts)
