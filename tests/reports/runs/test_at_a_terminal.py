"""What a report looks like at a terminal: a real pseudo-terminal, of a known width."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.record.record import PlannedTarget, Record, RecordedRun
from bench.reports.runs.terminal import TerminalReport, parted
from bench.store.records import load_records, save

pytestmark = pytest.mark.process

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def shown(folder: Path, **variables: str) -> str:
    """What `odb report` prints where stdout is a terminal."""
    ours, theirs = pty.openpty()
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    environment = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **variables}
    with subprocess.Popen(
        [sys.executable, "-c", code, "report", str(folder)], stdout=theirs, env=environment
    ) as process:
        os.close(theirs)
        text = bytearray()
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # on Linux the end of a pseudo-terminal is an error
            pass
    os.close(ours)
    assert process.returncode == 0
    return text.decode()


@pytest.fixture
def folder(tmp_path: Path, runs: Sequence[RecordedRun]) -> Path:
    """Records of every kind."""
    for run in runs:  # made up by hand: what contradicts itself would not be read
        save(tmp_path, replace(run.record, placement=None, quality=None), run.samples)
    return tmp_path


@pytest.mark.parametrize("columns", [70, 100])
def test_it_is_as_wide_and_coloured(folder: Path, columns: int) -> None:
    """No line is longer than the terminal is wide, and some are longer than a narrower one; there are colours."""
    text = shown(folder, COLUMNS=str(columns))
    longest = max(len(ANSI.sub("", line)) for line in text.splitlines())
    assert (True, True) == (columns - 30 < longest <= columns, ANSI.search(text) is not None)


def test_a_narrow_terminal_leaves_columns_out(folder: Path) -> None:
    """What does not fit is left out by its importance, and named; into a pipe goes everything."""
    narrow, wide = (ANSI.sub("", shown(folder, COLUMNS=columns)) for columns in ("90", "180"))
    assert ("Cold start" in wide, "Not shown at this width: Cold start" in narrow) == (True, True)
    assert [] == [line for line in narrow.splitlines() if line.startswith("Run ") and "Cold start" in line]
    assert "A wider terminal" not in TerminalReport(width=90).render(load_records(folder)).decode()


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("soc=qcs8550 offload_graph_io_quantization=0", 18, ["soc=qcs8550 offload_graph_io_", "quantization=0"]),
        ("soc=snapdragon-8cx-gen-3,", 16, ["soc=snapdragon-", "8cx-gen-3,"]),
        ("not valid", 4, ["not valid"]),
        ("fits_in", 7, ["fits_in"]),
    ],
)
def test_a_long_word_is_broken_between_its_parts(text: str, width: int, lines: list[str]) -> None:
    """Names of options and of chips; what holds no such sign is left to the table."""
    assert lines == parted(text, width).splitlines()


def test_an_option_of_a_table_is_broken_at_its_signs(make_record: Callable[..., Record]) -> None:
    """In the column that it is in, however narrow."""
    options = {"offload_graph_io_quantization": "0", "htp_graph_finalization_optimization_mode": "3"}
    planned = PlannedTarget("qnn:htp", "qnn", "htp", options_requested=options)
    two = [make_record(target, 10**6, planned=planned) for target in ("qnn:htp", "qnn:htp")]
    text = TerminalReport(width=90).render([RecordedRun(one, {}) for one in two]).decode()
    table = text.partition("\n\n")[0]
    cut = [
        line.split()[-1] for line in table.splitlines() if re.search(r"(offload|htp_graph|graph_|quantiz|optim)", line)
    ]
    assert [] == [end for end in cut if not re.search(r"([_=,/:.-]|=\d|HTP|◇.*|valid)$", end)]


@pytest.mark.parametrize("width", range(60, 130, 9))
def test_no_line_begins_with_a_unit(runs: Sequence[RecordedRun], width: int) -> None:
    """However wide the terminal is; nothing of how they are kept together is left."""
    text = TerminalReport(width=width).render(runs).decode()
    assert "\ue000" not in text
    assert [] == [line for line in text.splitlines() if re.match(r"\s*(ns|µs|ms|s|MiB|%)(\W|$)", line)]


def test_no_color_is_heeded(folder: Path) -> None:
    """NO_COLOR keeps the words and drops the colours."""
    plain, coloured = shown(folder, COLUMNS="100", NO_COLOR="1"), shown(folder, COLUMNS="100")
    words = [line.rstrip() for line in ANSI.sub("", coloured).splitlines()]
    assert (None, words) == (ANSI.search(plain), [line.rstrip() for line in plain.splitlines()])
