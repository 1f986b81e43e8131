"""What holds for every report format: golden files, determinism, an empty list, hostile text, and a cheap import."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser

import pytest

from bench.record.codec import decode
from bench.record.record import RecordedRun
from bench.reporting import Report
from bench.reports.runs.csv import CsvReport
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.json import JsonReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport

WRITERS: list[Report] = [HtmlReport(), MarkdownReport(), CsvReport(), JsonReport(), TerminalReport()]
by_suffix = pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w.suffix)


class Words(HTMLParser):
    """The text of a page, one line an element, without its style sheet and the drawings' tick labels."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "path", "rect", "circle", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and self.open[-1] not in ("style", "text"):
            self.lines.append(f"{self.open[-1]}: {text}")


@pytest.mark.parametrize("writer", WRITERS[1:], ids=lambda w: w.suffix)
def test_bytes_are_those_of_the_golden_file(
    writer: Report, runs: Sequence[RecordedRun], golden: Callable[[str, bytes], None]
) -> None:
    """A change of a writer shows as a change of its golden file."""
    few = runs[3:5] if writer.suffix == ".json" else runs
    golden(f"runs{writer.suffix}", writer.render(few))


def test_the_words_of_the_page_are_those_of_the_golden_file(
    runs: Sequence[RecordedRun], golden: Callable[[str, bytes], None]
) -> None:
    """The page's text is held; its drawings are tested by what they say."""
    words = Words()
    words.feed(HtmlReport().render(runs).decode().replace("<wbr>", ""))
    golden("runs.html.txt", ("\n".join(words.lines) + "\n").encode())


@by_suffix
def test_the_same_runs_give_the_same_bytes(writer: Report, runs: Sequence[RecordedRun]) -> None:
    """A report holds no time, no random id and no trace of the machine that made it."""
    assert writer.render(runs) == writer.render(list(runs))


@by_suffix
def test_no_runs_give_a_report_that_says_so(writer: Report) -> None:
    """An empty list is a report without rows, not an error."""
    text = writer.render([]).decode()
    expected = {
        ".html": "There is nothing to show",
        ".md": "No runs.",
        ".csv": "record_id,created_utc",
        ".json": '"records": []',
        ".txt": "No runs.",
    }
    assert (True, True) == (expected[writer.suffix] in text, text.endswith("\n"))


@pytest.mark.parametrize("writer", [WRITERS[0], WRITERS[1], WRITERS[4]], ids=lambda w: w.suffix)
def test_text_of_a_record_is_neither_markup_nor_an_escape_sequence(writer: Report, hostile_run: RecordedRun) -> None:
    """A name, message, option, sensor or log line cannot act on the reader's screen."""
    text = writer.render([hostile_run]).decode()
    markup = [line for line in text.splitlines() if "<script" in line and not line.startswith("    ")]
    assert writer.suffix == ".txt" or [] == markup  # four spaces in Markdown: code, shown as it stands
    assert [] == [c for c in text if not c.isprintable() and c not in "\n\u00a0\u202f"]


@pytest.mark.parametrize("writer", [WRITERS[0], WRITERS[1], WRITERS[4]], ids=lambda w: w.suffix)
def test_no_report_shows_an_emulated_time_as_a_result(writer: Report, runs: Sequence[RecordedRun]) -> None:
    """Nothing of the emulator's time is read before the part that says whose it is."""
    overview = writer.render(runs).decode().partition('aria-label="Runs"')[0]
    assert [] == [t for t in ("1.10 s", "1.09 s", "7.40 s", "0.909") if t in overview]


def test_json_holds_records_that_can_be_read_back(runs: Sequence[RecordedRun]) -> None:
    """A script finds in the list what ``record.json`` holds."""
    found = json.loads(JsonReport().render(runs))["records"]
    assert [r.record for r in runs] == [decode(json.dumps(r).encode()) for r in found]


@pytest.mark.process
def test_importing_the_writers_loads_nothing_heavy() -> None:
    """Listing the formats costs no start-up time."""
    names = ("html", "markdown", "csv", "json", "terminal")
    heavy = ("numpy", "scipy", "jinja2", "rich", "matplotlib")
    modules = ", ".join(f"bench.reports.runs.{n}" for n in names)
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_terminal_colours_add_no_words(runs: Sequence[RecordedRun]) -> None:
    """Colour is never the only carrier: without it, the same text remains."""
    from rich.text import Text

    coloured = TerminalReport(color=True).render(runs).decode()
    plain = "".join(f"{line.rstrip()}\n" for line in Text.from_ansi(coloured).plain.splitlines())
    assert ("\x1b[" in coloured, TerminalReport().render(runs).decode()) == (True, plain)


@pytest.mark.parametrize("width", [60, 120])
def test_wrapped_notes_stay_indented(width: int, runs: Sequence[RecordedRun]) -> None:
    """In a pipe, too: every line between the title of a note and the next empty one begins with spaces."""
    lines = TerminalReport(width=width).render(runs).decode().splitlines()
    starts = [i for i, line in enumerate(lines) if re.match(r"[!✕✓–] \d+\. ", line)]
    notes = [lines[i + 1 : i + 1 + lines[i + 1 :].index("")] for i in starts]
    assert len(notes) == 4
    assert [] == [line for note in notes for line in note if not line.startswith("    ")]


@pytest.mark.parametrize("width", [60, 80, 110])
def test_terminal_lines_fit_the_width(width: int, runs: Sequence[RecordedRun]) -> None:
    """No line is longer than the terminal is wide."""
    lines = TerminalReport(width=width).render(runs).decode().splitlines()
    assert [] == [line for line in lines if len(line) > width]
