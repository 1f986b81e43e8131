"""Comparisons as text, Markdown, JSON and a page: the same said everywhere, and no markup from a record."""

import json
import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
from msgspec.structs import replace

from bench.comparison.comparison import Comparison, compare
from bench.comparison.folders import Findings, Problem
from bench.comparison.matching import Unmatched
from bench.record.record import Failure, Reason, Scenario, Verdict
from bench.reports.comparisons import charts, html, markdown, overview, terminal
from bench.reports.comparisons import json as comparison_json
from bench.reports.comparisons import words as comparison_words
from bench.testing.records import MODEL, TARGET, fake_run
from bench.words import units

MS = 1_000_000
WRITERS: dict[str, Callable[[Findings], bytes]] = {
    "text": terminal.render,
    "markdown": markdown.render,
    "json": comparison_json.render,
    "page": html.render,
}


def compared(new_ms: float = 4.2, processes: int = 5, **plan: object) -> Comparison:
    """Processes half a per cent apart; the new ones take a tenth less memory."""
    sides = []
    for name, p50, rss in (("base", 4.0, 1e8), ("new", new_ms, 9e7)):
        latency = [np.full(20, round(p50 * MS * (1 + 0.005 * i))) for i in range(processes)]
        figures = [{"peak_rss_bytes": rss + 1e4 * i} for i in range(processes)]
        sides.append(fake_run(name, latency, figures=figures, **plan))
    return compare(*sides)


def findings(*comparisons: Comparison) -> Findings:
    return Findings(0.03, comparisons or (compared(),))


def refused() -> Comparison:
    base, new = (fake_run(name, [np.full(20, MS)] * 3) for name in ("base", "new"))
    plan = replace(new.record.plan, preset="strict")
    return compare(base, replace(new, record=replace(new.record, plan=plan)))


def broken() -> Comparison:
    base, new = (fake_run(name, [np.full(20, MS)] * 3) for name in ("base", "new"))
    failure = Failure("compile", "crashed", "the compiler crashed", "")
    return compare(base, replace(new, record=replace(new.record, status="failed", failure=failure)))


@pytest.mark.parametrize("write", [WRITERS["text"], WRITERS["markdown"], WRITERS["page"]])
def test_every_writer_says_the_answer(write: Callable[[Findings], bytes]) -> None:
    """Which is better, by how much, how sure, and why it may be believed."""
    text = re.sub(r"<[^>]+>|\\|\*", "", write(findings()).decode()).replace("&#39;", "'")
    text = " ".join(text.split())
    for words in (
        "fake on null:cpu: slower than base, assuming the machine's speed did not change",
        "Latency p50: 4.04 ms → 4.24 ms, +5.0 %, slower.",
        "95 % interval +3.8 % to +6.2 %.",
        "Worse: throughput −4.8 %.",
        "Better: peak RSS −10.0 %.",
        "5 fresh processes of base, 5 of new;",
        "Both valid: converged, steady, undisturbed",
        "Comparable. Nothing known differs. The same: record's schema, task, model, model file, input,",
    ):
        assert words in text


@pytest.mark.parametrize("name", list(WRITERS))
def test_nothing_is_stated_of_what_may_not_be_compared(name: str) -> None:
    """The reason is given, and neither a percentage of change nor a drawing."""
    text = WRITERS[name](findings(refused())).decode()
    assert "rule_differs" in text.replace("\\", "")
    assert re.search(r"[+−]\d[\d.]* %", text) is None
    assert "<svg" not in text


def test_what_no_longer_works_is_the_title() -> None:
    """A failed new run of what was measured before."""
    assert "fake on null:cpu: no longer works" == comparison_words.title(broken())
    assert any("the compiler crashed" in sentence.text for sentence in comparison_words.sentences(broken()))


def judged(*codes: tuple[str, bool]) -> Comparison:
    """A new record with these reasons, each whether it makes the verdict negative; the base has none."""
    base, new = (fake_run(name, [np.full(20, MS)] * 5) for name in ("base", "new"))
    reasons = tuple(Reason(code, "It is so.", invalidates=weighs) for code, weighs in codes)
    verdict = Verdict(not any(weighs for _, weighs in codes), False, reasons)
    return compare(base, replace(new, record=replace(new.record, verdict=verdict)))


def test_what_is_to_be_known_of_valid_runs_is_said() -> None:
    """Valid is not undisturbed: the codes that were only said stand beside the word."""
    found = judged(("on_battery", False), ("host_busy", False))
    (told,) = [s for s in comparison_words.sentences(found) if s.strong.startswith("Both valid")]
    assert "Both valid, with notes: new host_busy, on_battery." == told.text


def test_a_caveat_is_not_called_nothing() -> None:
    """What differs and is flagged is not said to differ in nothing."""
    base, new = (fake_run(name, [np.full(20, MS)] * 5) for name in ("base", "new"))
    moved = replace(new.record, environment=replace(new.record.environment, power_source="battery"))
    home = replace(base.record, environment=replace(base.record.environment, power_source="ac"))
    found = compare(replace(base, record=home), replace(new, record=moved))
    (told,) = [s for s in comparison_words.sentences(found) if s.strong.startswith("Comparable")]
    assert told.rest.startswith("Nothing known differs, except for what is listed below.")


def test_what_computes_something_else_is_worse() -> None:
    """Right in the base and wrong in the new: no speed makes up for it."""
    found = judged(("output_mismatch", True))
    assert ("fake on null:cpu: outputs are now wrong", True) == (comparison_words.title(found), found.worse)
    assert not judged(("host_busy", True)).worse
    assert found.base.valid
    for base in (
        replace(found.base, remarks=("output_unchecked",)),
        replace(found.base, doubts=("output_mismatch",), valid=False),
        replace(found.base, valid=None),
    ):
        assert not replace(found, base=base).wrong


@pytest.mark.parametrize("name", ["text", "markdown", "page"])
def test_records_without_a_partner_and_unreadable_ones_are_listed(name: str) -> None:
    """Both kinds, and their count."""
    found = Findings(
        0.03,
        (compared(),),
        (Unmatched("new", "r7", "net", "a:cpu", "offline", "base has no record of it"),),
        (Problem("x/record.json: not JSON", "Run again."),),
    )
    text = WRITERS[name](found).decode()
    for words in (
        "base has no record of it",
        "x/record.json: not JSON",
        "1 record unmatched; 1 record unreadable",
    ):
        assert words in text


def test_json_is_the_comparison() -> None:
    """Figures in the record's units, one a process; null where there is none."""
    found = json.loads(comparison_json.render(findings(compared(processes=1))))
    (change, *_) = found["comparisons"][0]["changes"]
    assert ("cannot_tell", None, [4_000_000]) == (change["word"], change["ratio"], change["base_values"])
    assert ([], 0.03, False) == (found["comparisons"][0]["base"]["curves"], found["tolerance"], found["worse"])


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.052, "+5.2 %"),
        (0.9521, "−4.8 %"),
        (1.0, "+0.00 %"),
        (1 - 1e-9, "+0.00 %"),
        (1.0042, "+0.42 %"),
        (2.41, "2.41×"),
        (None, "–"),
    ],
)
def test_changes_in_words(ratio: float | None, words: str) -> None:
    """Per cent up to twofold, then times; a proper minus sign."""
    assert words == units.percent_change(ratio)


@pytest.mark.parametrize(
    ("plan", "metric"), [({}, "latency_p50_ns"), ({"scenario": Scenario("offline", lanes=2)}, "throughput_per_s")]
)
def test_the_leading_metric_is_the_scenarios(plan: dict[str, object], metric: str) -> None:
    """Latency for one query at a time, throughput for several."""
    lead = comparison_words.leading(compared(**plan))
    assert lead is not None
    assert metric == lead.metric


def test_text_is_led_by_the_time_per_token() -> None:
    """What a reader of generated text waits for."""
    tokens = [np.tile(7 * MS + 2 * MS * np.arange(5), (6, 1)) + i for i in range(3)]
    runs = [fake_run(name, [array[:, -1] for array in tokens], tokens) for name in ("base", "new")]
    lead = comparison_words.leading(compare(*runs))
    assert lead is not None
    assert "tpot_ns" == lead.metric


class TestCharts:
    def test_each_process_is_drawn(self) -> None:
        """A dot and a line for each of ten processes, and a whisker for each of three metrics."""
        svg = "".join(figure.svg for figure in charts.figures(compared(), "c"))
        assert (10, 10, 3) == (
            svg.count('<circle class="process'),
            len(re.findall(r'<path class="line s[12] process" d="M[^"]+L', svg)),
            svg.count('<circle class="estimate'),
        )

    @pytest.mark.parametrize("new_ms", [0.004, 3.9999, 4.0, 40.0, 4e4])
    @pytest.mark.parametrize("processes", [1, 2, 12])
    def test_drawings_are_well_formed_and_stay_inside(self, new_ms: float, processes: int) -> None:
        """However far apart or alike the sides are."""
        for figure in charts.figures(compared(new_ms, processes), "c"):
            root = ElementTree.fromstring(figure.svg)
            _, _, width, height = map(float, root.attrib["viewBox"].split())
            for dot in root.iter("circle"):
                assert 0 <= float(dot.attrib["cx"]) <= width
                assert 0 <= float(dot.attrib["cy"]) <= height
            assert "nan" not in figure.svg

    @pytest.mark.parametrize(
        ("plan", "unit"),
        [({}, "latency p50, ms"), ({"scenario": Scenario("offline", lanes=2)}, "queries/s")],
    )
    def test_processes_lie_on_an_axis(self, plan: dict[str, object], unit: str) -> None:
        """Their unit below it, and the round values between them."""
        (svg,) = [
            f.svg
            for f in charts.figures(compared(**plan), "c")
            if f.title.endswith("each process") and "dot" in f.title
        ]
        labels = re.findall(r'<text class="(?:tick|name)"[^>]*>([^<]+)</text>', svg)
        assert unit == labels[-1]
        assert len([float(text) for text in labels[:-1]]) >= 2

    def test_one_process_a_side_has_no_interval_to_draw(self) -> None:
        """The processes and their distributions are all there is."""
        titles = [figure.title for figure in charts.figures(compared(processes=1), "c")]
        assert ["Latency p50, one dot for each process", "Distribution in each process"] == titles


class TestPage:
    @pytest.mark.parametrize(
        ("new_ms", "title", "result"),
        [
            (4.1, "not decided yet", "Exit status 3. Not decided: 1 pair cannot-tell."),
            (4.2, "slower than base", "Exit status 1. Worse: 1 pair."),
        ],
    )
    def test_one_pair_is_told_once(self, new_ms: float, title: str, result: str) -> None:
        """The title is the answer of the pair; the line below it has the exit status and no count of one pair."""
        top = html.render(findings(compared(new_ms))).decode().partition("<ul")[0]
        assert title in top.partition("</h1>")[0]
        assert f'<p class="result">{result}' in top
        two = html.render(findings(compared(new_ms), compared())).decode()
        assert '<p class="result">2 pairs: ' in two

    @pytest.mark.parametrize(
        ("pairs", "accepted", "told"),
        [
            (
                (4.1, 4.1),
                (),
                "2 pairs: 2 not decided yet. Exit status 3: not everything was decided. "
                "To let that pass: --accept cannot-tell.",
            ),
            ((4.2, 4.1), (), "2 pairs: 1 with something worse, 1 not decided yet. Exit status 1: something is worse."),
            (
                (4.1, 4.0),
                ("cannot-tell",),
                "2 pairs: 1 not worse, 1 not decided yet. Exit status 0: nothing is worse; "
                "accepted by name: cannot-tell.",
            ),
        ],
    )
    def test_several_pairs_are_counted_once(
        self, pairs: tuple[float, ...], accepted: tuple[str, ...], told: str
    ) -> None:
        """In every format the counts stand before the exit status, which repeats none."""
        found = replace(findings(*(compared(new_ms) for new_ms in pairs)), accepted=accepted)
        page = html.render(found).decode()
        assert f'<p class="result">{told}</p>' in page
        assert f"**{told}**" in markdown.render(found).decode().replace("\\", "")
        assert told in " ".join(terminal.render(found).decode().split())

    def test_is_self_contained(self) -> None:
        """No script, no link out, no picture from elsewhere."""
        page = html.render(findings()).decode()
        assert [] == re.findall(r"<script|src=|href=\"(?!#)|url\(|@import", page)

    def test_ids_are_unique(self) -> None:
        """Several pairs on a page, each with drawings of its own."""
        page = html.render(findings(compared(), compared(3.0), refused())).decode()
        ids = re.findall(r'id="([^"]+)"', page)
        assert sorted(set(ids)) == sorted(ids)
        assert all(f'href="#c{i}"' in page for i in (1, 2, 3))

    def test_the_answer_comes_first(self) -> None:
        """The title is the answer, and what makes it believable stands before the first drawing."""
        page = html.render(findings()).decode()
        order = [
            page.index(words)
            for words in ("<h1>", "Certainty:", "Comparable.", "<figure>", '<table class="data stacked">')
        ]
        assert sorted(order) == order


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_hostile_record_stays_text(name: str) -> None:
    """Markup, escape sequences and table bars in names stay what they are."""
    bad = "<script>alert(1)</script>|\x1b[31m"
    target = replace(TARGET, id=bad, device_name=bad, options_requested={bad: bad})
    comparison = compared(model=replace(MODEL, id=bad), target=target)
    text = WRITERS[name](replace(findings(comparison), problems=(Problem(bad, bad),))).decode()
    assert "\x1b" not in text
    if name in ("markdown", "page"):
        assert "<script" not in text


@pytest.mark.parametrize("name", list(WRITERS))
def test_no_pairs_at_all(name: str) -> None:
    """Every record without a partner: still a document."""
    alone = Unmatched("base", "r1", "net", "a:cpu", "offline", "new has no record of it")
    assert b"net" in WRITERS[name](Findings(0.03, (), (alone,)))


def test_a_narrow_terminal_loses_the_intervals_and_no_more() -> None:
    """At 80 columns every line fits; the words and figures of the wide one are there, the interval's column is not."""
    wide, narrow = (terminal.render(findings(), width).decode() for width in (200, 80))
    assert (True, False) == ("95 % interval  Verdict" in wide.replace("     ", ""), "95 % interval  Verdict" in narrow)
    assert (110 >= max(map(len, wide.splitlines())), 80 >= max(map(len, narrow.splitlines()))) == (True, True)
    assert "Not shown at this width: 95 % interval." in narrow
    assert {"slower", "better"} <= set(narrow.split()) & set(wide.split())


def test_several_pairs_stand_in_one_table_on_top() -> None:
    """Pair, change, interval and answer, before any prose; a folder is called one."""
    found = compared(9.0)
    slower = replace(found, new=replace(found.new, folder="2"))
    told = findings(slower, refused())
    for name in ("page", "markdown"):
        text = re.sub(r"<[^>]+>", "", WRITERS[name](told).decode())
        top = text.partition("Certainty")[0].replace("\N{NO-BREAK SPACE}", " ")
        for words in (
            "Pair",
            "Change",
            "Answer",
            "2.25×",
            "p50 4.04 ms → 9.09 ms",
            "(folder 2)",
            "may not be compared",
        ):
            assert words in top, (name, words)
    first, second = overview.overview(told)
    assert ("fake on null:cpu (folder 2)", "2.25×", "slower") == (first.cells[0], first.cells[1], first.cells[4][:6])
    assert ("failed", "–") == (second.status, second.cells[1])


@pytest.mark.parametrize("width", range(40, 120, 7))
def test_no_line_at_a_terminal_begins_with_a_unit(width: int) -> None:
    """However wide it is; the spaces are plain ones."""
    text = terminal.render(findings(compared(8.4), compared(9.0)), width).decode()
    assert "\N{NO-BREAK SPACE}" not in text
    assert [] == [line for line in text.splitlines() if re.match(r"\s*(ns|µs|ms|s|MiB|%)(\W|$)", line)]


def test_the_result_is_one_line_on_top_of_markdown() -> None:
    """What a step summary of a pipeline shows first."""
    first = [line for line in WRITERS["markdown"](findings(compared(8.0))).decode().splitlines() if line][1]
    assert (True, True) == (first.startswith("**1 pair: 1 with something worse"), "Exit status 1" in first)
