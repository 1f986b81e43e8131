"""The writers of a search's result: what a page, a terminal and a script are told."""

import json
import re
from html.parser import HTMLParser

import msgspec
import pytest
from msgspec.structs import replace

from bench.comparison.comparison import Change
from bench.contracts import OwnConfiguration, Tunable
from bench.execution.tuning.question import axes_of
from bench.record.record import Fidelity
from bench.reports.tunings import words
from bench.reports.tunings.charts import figures
from bench.reports.tunings.html import HtmlTuning
from bench.reports.tunings.json import JsonTuning
from bench.reports.tunings.terminal import TerminalTuning
from bench.tuning.result import Confirmation, Tried, Tuning
from bench.words import sentence, speaking
from bench.words.cells import cells

TITLE = sentence("metric.latency_p50_ns.title")


def tried(options: dict[str, str], ratio: float, rate: float, db: float = 60.0, front: bool = False) -> Tried:
    """A setting with figures of both scenarios."""
    figures = {
        "latency_p50_ns": 2e6 * ratio,
        "throughput_per_s": rate,
        "peak_rss_bytes": (100 + 10 * len(options)) * 2**20,
        "sqnr_db": db,
    }
    interval = (ratio * 0.98, ratio * 1.02) if options else None
    fidelity = Fidelity("a reference", ok=True, sqnr_db_min=db)
    return Tried(
        options=options,
        state="measured",
        processes=8,
        ratio=ratio,
        interval=interval,
        figures=figures,
        fidelity=fidelity,
        on_front=front,
    )


def tuning(**parts: object) -> Tuning:
    """A search that found a setting; ``parts`` replace its fields."""
    found = {"threads": "4", "mode": "fast"}
    change = Change(
        "latency_p50_ns", TITLE, "ns", "faster", 2e6, 1.2e6, (2e6,), (1.2e6,), ratio=0.6, interval=(0.58, 0.62)
    )
    made = Tuning(
        created_utc="2026-05-04T10:11:12+00:00",
        version="0.1.0",
        goal="latency",
        metric="latency_p50_ns",
        scenario="single-stream",
        model="net <b>",
        target="chip:npu",
        device="a chip",
        fixed={"log": "0"},
        machine={"cpu": "a processor", "os": "an OS"},
        tolerance=0.03,
        seed=0,
        budget_ns=600_000_000_000,
        used_ns=412_000_000_000,
        search_ns=300_000_000_000,
        space=144,
        drawn=40,
        tunables=(
            Tunable(name="threads", values=("1", "2", "4")),
            Tunable(name="mode", values=("fast",), changes_outputs=True),
        ),
        axes=axes_of("tensor", "latency", 0.03),
        tried=(
            tried({}, 1.0, 500, 80.0, front=True),
            tried(found, 0.6, 900, 55.0, front=True),
            tried({"threads": "4"}, 0.7, 800, 80.0, front=True),
            tried({"threads": "1"}, 1.4, 450, 80.0),
            *(tried({"threads": "2", "odd": str(i)}, 1.0 + i / 100, 500 - i, 70.0) for i in range(30)),
            Tried(options={"mode": "wild"}, state="failed", reason=sentence("tune.without_figure", metric="<i>")),
            Tried(options={"mode": "rough"}, state="wrong_outputs", reason="the outputs are no longer right"),
            Tried(options={"mode": "late"}, state="left_out"),
        ),
        end="found",
        reason=sentence("tune.end.found", setting="threads=4 mode=fast", title=TITLE, ratio=0.6, low=0.58, high=0.62),
        best=found,
        confirmation=Confirmation(change=change, pairs=5, records=("base/a", "new/b")),
        own=OwnConfiguration(file_name="chip.json", text='{"threads": "<4>"}\n', use="Give it to the chip."),
    )
    return replace(made, **parts)


class Outline(HTMLParser):
    """The tags of a page and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]


def page(found: Tuning) -> str:
    return HtmlTuning().render(found).decode()


def test_the_page_says_the_answer_first_and_draws_the_front() -> None:
    """The reason; five drawings, the ranking and pairs of figures; no script, nothing from elsewhere; every id once."""
    text = page(tuning())
    outline = Outline(text)
    assert text.index("Found threads=4") < text.index("<svg")
    assert 5 == outline.tags.count("svg") == len(figures(tuning()))
    assert "script" not in outline.tags
    assert "img" not in outline.tags
    assert not re.search(r"(?:src|href)=.?http", text)
    assert len(outline.ids) == len(set(outline.ids))


def test_text_from_elsewhere_is_text() -> None:
    """Names, reasons and configurations hold no tags."""
    text = page(tuning())
    assert "<b>" not in text.split("<h1>")[1].split("</h1>")[0]
    assert "&lt;i&gt;" in text
    assert "&lt;4&gt;" in text


def test_names_of_an_api_are_set_as_code() -> None:
    """Without the grave accents of the catalogue; one alone is a sign as any other."""
    own = OwnConfiguration(file_name="chip.json", text="{}", use="Give `set_<x>` its `threads`.")
    page = HtmlTuning().render(tuning(own=own)).decode()
    assert "Give <code>set_&lt;x&gt;</code> its <code>threads</code>." in page
    assert "5 o`clock" in HtmlTuning().render(tuning(own=replace(own, use="5 o`clock"))).decode()


def test_the_table_has_the_front_and_the_best_and_counts_the_rest() -> None:
    """33 measured settings and the default: 21 rows, 13 more in JSON."""
    table = words.table(tuning())
    assert 21 == len(table.rows)
    assert "13" in table.note
    assert ["0. the default", "1. threads=4 mode=fast"] == [row[0].value for row in table.rows[:2]]
    assert [True, True, True, False] == [bool(row[-1].value) for row in table.rows[:4]]


def test_what_failed_is_listed_with_its_reason_and_what_was_left_out_is_not() -> None:
    """Left out: nothing is known of it."""
    lost = words.lost_table(tuning())
    assert lost is not None
    assert [["mode=wild", "<i> was not measured"], ["mode=rough", "the outputs are no longer right"]] == [
        [cell.value for cell in row] for row in lost.rows
    ]
    assert words.lost_table(tuning(tried=tuning().tried[:3])) is None


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_lines_fit_the_terminal(columns: int, language: str) -> None:
    """In both languages; only what has no space may be longer."""
    with speaking(language):
        lines = TerminalTuning(columns).render(tuning()).decode().splitlines()
    assert [] == [line for line in lines if cells(line) > columns and " " in line.strip()]
    assert "threads=4 mode=fast" in " ".join(lines)


def test_a_pipe_has_80_columns() -> None:
    """As a terminal that does not say how wide it is."""
    assert TerminalTuning().render(tuning()) == TerminalTuning(80).render(tuning())


def test_the_terminal_shows_the_front_then_others_then_what_was_dropped() -> None:
    """In that order."""
    text = TerminalTuning(80).render(tuning()).decode()
    places = [text.index(part) for part in ("Found", "The front", "Other settings", "Dropped settings", "mode=wild")]
    assert places == sorted(places)
    assert "mode=late" not in text


def test_json_is_the_same_in_every_language_and_can_be_read_back() -> None:
    """Sentences are codes and figures."""
    data = JsonTuning().render(tuning())
    with speaking("ko"):
        assert data == JsonTuning().render(tuning())
    plain = json.loads(data)
    assert ("found", 144, 37) == (plain["end"], plain["space"], len(plain["tried"]))
    assert tuning() == msgspec.json.decode(data, type=Tuning)


def test_without_a_reference_there_is_no_quality_to_draw() -> None:
    """The front has three figures then: the ranking, latency with throughput, latency with memory."""
    axes = tuple(axis for axis in tuning().axes if axis.metric != "sqnr_db")
    assert 3 == len(figures(tuning(axes=axes)))
    assert 3 == Outline(page(tuning(axes=axes))).tags.count("svg")


def test_a_search_that_measured_nothing_has_a_page() -> None:
    """After an interrupt in the first heat."""
    reason = sentence("tune.end.interrupted.unmeasured", setting="", tried=0, why="")
    empty = tuning(tried=(Tried(options={}, state="measured", ratio=1.0),), axes=(), end="interrupted", reason=reason)
    assert "Interrupted" in page(empty)
    assert b"Interrupted" in TerminalTuning(80).render(empty)


def test_a_setting_far_behind_the_default_is_not_drawn_and_said() -> None:
    """It would press all others into one place."""
    slow = tried({"threads": "0"}, 30.0, 20)
    drawn = figures(tuning(tried=(*tuning().tried, slow)))
    assert ["1 setting" in figure.note for figure in drawn] == [False, True, True, False, False]
    assert all("1 setting" not in figure.note for figure in figures(tuning()))


def test_in_korean_the_page_has_no_english_sentence() -> None:
    """Only names and units stay."""
    with speaking("ko"):
        text = page(tuning(tried=tuning().tried[:5], own=None))
    shown = re.sub(r"<style.*?</style>|<[^>]+>", " ", text, flags=re.S)
    for word in ("front", "default", "setting", "interval", "the ", "measured"):
        assert word not in shown, word
