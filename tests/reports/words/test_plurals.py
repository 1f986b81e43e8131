"""One of a thing is not several: counts and their nouns agree on every page."""

import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser

import numpy as np
import pytest
from msgspec.structs import replace
from report_parts import MS
from report_runs import emulated, judged, text, vision

from bench.analysis.verdict.judge import judge
from bench.comparison.comparison import compare
from bench.comparison.folders import Findings
from bench.printable import counted
from bench.record.record import PlacementSummary, RecordedRun, Scenario
from bench.record.refused import RefusedRecord
from bench.reports.comparisons import html, markdown, terminal
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport
from bench.testing.records import fake_run

ONE_OF_SEVERAL = re.compile(r"(?<![\w.,×–+−\u202f-])1 ((?!process\b|is\b|was\b|has\b|less\b|ms\b|ns\b|µs\b)[a-z-]+s)\b")


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def read(page: bytes) -> str:
    """The text of a page; what stands in two elements is on two lines."""
    reader = Text()
    reader.feed(page.decode().partition("</style>")[2])
    return "\n".join(" ".join(part.split()) for part in reader.parts)


def wrong(said: str) -> list[str]:
    return [said[max(0, m.start() - 30) : m.end() + 20] for m in ONE_OF_SEVERAL.finditer(said)]


@pytest.fixture
def lonely() -> tuple[RecordedRun, ...]:
    """Runs of one repeat, one query, one token, one node, one lane and one sample."""
    one = fake_run("one", [np.full(1, MS)])
    one = RecordedRun(replace(one.record, verdict=judge(one)), one.samples)
    words = text()
    figures = words.record.summary.text_generation
    assert figures is not None
    figures = replace(figures, prompt_tokens=1, generated_tokens=1)
    summary = replace(words.record.summary, text_generation=figures)
    plan = replace(words.record.plan, scenario=Scenario("single-stream", 1, 1))
    words = RecordedRun(replace(words.record, plan=plan, summary=summary), words.samples)
    lanes = vision("lanes")
    plan = replace(lanes.record.plan, scenario=Scenario("offline", lanes=1))
    lanes = RecordedRun(replace(lanes.record, plan=plan), lanes.samples)
    chip = judged(emulated(), lost=False)
    quality = chip.record.quality
    assert quality is not None
    quality = replace(quality, dataset=replace(quality.dataset, samples=1))
    record = replace(chip.record, placement=PlacementSummary("HTP", {"HTP": 1}, {"HTP": 1}), quality=quality)
    return one, words, lanes, RecordedRun(record, chip.samples)


@pytest.mark.parametrize("several", [False, True])
def test_a_report_counts_one_as_one(several: bool, lonely: tuple[RecordedRun, ...]) -> None:
    """In every format, of one run and of four."""
    runs = lonely if several else lonely[:1]
    refused = [RefusedRecord("x", "edited")]
    pages: Sequence[str] = (
        read(HtmlReport(refused).render(runs)),
        MarkdownReport(refused).render(runs).decode(),
        TerminalReport(refused=refused).render(runs).decode(),
    )
    assert [[], [], []] == [wrong(page) for page in pages]


@pytest.mark.parametrize("render", [html.render, markdown.render, terminal.render])
def test_a_comparison_of_single_processes_makes_no_test(render: Callable[[Findings], bytes]) -> None:
    """One pair of one process a side: the method says that there was no test, not that there were 0."""
    base, new = (fake_run(name, [np.full(20, ns)]) for name, ns in (("b", MS), ("n", 2 * MS)))
    page = render(Findings(0.03, (compare(base, new),)))
    said = " ".join(read(page).split()) if page.startswith(b"<!doctype") else " ".join(page.decode().split())
    assert [] == wrong(said)
    assert "No test was made: with one process on a side" in said
    assert "0 tests" not in said


def test_a_count_and_its_noun() -> None:
    """One, none and several; a plural of its own; a number as it is to be written."""
    assert ["1 run", "0 runs", "2 runs"] == [counted(n, "run") for n in (1, 0, 2)]
    assert ["1 query", "2 queries"] == [counted(n, "query", "queries") for n in (1, 2)]
    assert "1,234 repeats" == counted(1234, "repeat", shown="1,234")
