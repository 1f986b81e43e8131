"""The page is whole, safe, self-contained and readable without colour or script."""

import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from bench.record.record import Record, RecordedRun
from bench.reports.runs.html import HtmlReport
from bench.reports.templates import pasted, unbroken

VOID = {"meta", "br", "wbr"}


class Outline(HTMLParser):
    """Every tag with its attributes, and what was closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    found.close()
    return found


@pytest.fixture(scope="module")
def page(runs: Sequence[RecordedRun]) -> str:
    return HtmlReport().render(runs).decode()


def test_emulated_cells_carry_their_column_for_narrow_screens(page: str) -> None:
    """A phone shows the row as a list, with the column before each value."""
    panel = page[page.index('<section class="panel emulated"') :]
    row = panel[panel.index("<tbody>") : panel.index("</tr>", panel.index("<tbody>"))]
    expected = ["Run", "Model", "Chip", "Compiles", "On HTP", "Outputs", "Ran in", "Verdict"]
    assert expected == re.findall(r'data-target="([^"]*)"', row)


def test_every_element_is_closed_in_order(page: str) -> None:
    """The page is well formed."""
    found = outline(page)
    assert ([], []) == (found.wrong, found.open)


def test_a_hostile_record_leaves_the_page_well_formed(hostile_run: RecordedRun) -> None:
    """Text of a record adds no element: the page has the same tags whatever the names are."""
    found = outline(HtmlReport().render([hostile_run]).decode())
    assert ([], [], set()) == (
        found.wrong,
        found.open,
        {t for t, _ in found.tags} & {"script", "iframe", "img", "link", "object", "base", "form"},
    )


def test_the_page_loads_nothing(page: str) -> None:
    """No address but a place in the page itself, and a policy that forbids all else."""
    tags = outline(page).tags
    addresses = {v for _, a in tags for k, v in a.items() if k in ("src", "href", "action", "data", "xlink:href")}
    policies = [a["content"] for t, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert {True} == {bool(v) and str(v).startswith("#") for v in addresses}
    assert ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"] == policies
    assert [] == re.findall(r"url\(|@import|https?:|\bon[a-z]+=", page)


def test_ids_are_unique_and_every_link_and_label_has_its_place(page: str) -> None:
    """Drawings share no id, and no cell of the matrix leads nowhere."""
    tags = outline(page).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    targets = {str(a["href"])[1:] for _, a in tags if "href" in a}
    labels = {i for _, a in tags for i in str(a.get("aria-labelledby") or "").split()}
    assert (len(ids), set()) == (len(set(ids)), (targets | labels) - set(ids))


def test_every_drawing_is_xml_with_a_title_and_a_description(page: str) -> None:
    """A reader who cannot see the figure is told what it shows."""
    drawings = [ElementTree.fromstring(s) for s in re.findall(r'<svg viewBox="0 0 400.*?</svg>', page, re.DOTALL)]
    assert 20 < len(drawings)
    assert {("title", "desc")} == {(d[0].tag, d[1].tag) for d in drawings}
    assert all(d[0].text and d[1].text for d in drawings)


def test_every_table_has_headers_with_a_scope(page: str) -> None:
    """Each header says whether it is of a row or a column."""
    headers = [a for t, a in outline(page).tags if t == "th"]
    assert {"row", "col"} == {a.get("scope") for a in headers}


def test_the_scheme_follows_the_reader_and_print_has_rules(page: str) -> None:
    """Light, dark, paper and phone each have their part of the style sheet."""
    asked = ("prefers-color-scheme: dark", "@media print", "max-width: 760px", "prefers-reduced-motion")
    assert [] == [a for a in asked if a not in page]


def test_an_emulated_run_is_drawn_without_time(page: str) -> None:
    """Of an emulated run only the placement is drawn, and its tables say whose time they hold."""
    article = page.partition('id="run-8"')[2].partition("</article>")[0]
    assert ["Where it ran"] == re.findall(r"<figcaption><h3>(.*?)</h3>", article)
    assert "Cold start (the emulator&#39;s, not the device&#39;s)" in article


def test_a_cut_axis_is_said(page: str) -> None:
    """A figure that leaves samples out names the greatest."""
    article = page.partition('id="run-1"')[2].partition("</article>")[0]
    notes = re.findall(r"<p>.*?(Cut at .*?)</p>", article)
    assert ["Cut at 6.75\N{NO-BREAK SPACE}ms; the slowest took 12.4\N{NO-BREAK SPACE}ms."] == notes


def test_no_number_is_parted_from_its_unit(page: str) -> None:
    """Wherever a line ends, on a phone or on paper: in text, tables, figures and notes, but for commands."""
    shown = re.sub(r"<pre.*?</pre>|<style.*?</style>", "", page, flags=re.DOTALL)
    assert [] == re.findall(r".{12}[0-9] (?:ns|µs|ms|s|KiB|MiB|GiB|mJ|J|W|%|×)(?![\w-]).{9}", shown)
    assert "95\N{NO-BREAK SPACE}%" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2.98 ms", "2.98~ms"),
        ("+12.5 %, slower", "+12.5~%, slower"),
        ("8.33 – 9.71 ms", "8.33 – 9.71~ms"),
        ("in 12 s.", "in 12~s."),
        ("<b>3 MiB</b>", "<b>3~MiB</b>"),
        ("2 s.onnx", "2 s.onnx"),
        ("-n 128 -s single-stream", "-n 128 -s single-stream"),
        ("3 sessions, 4 s-shaped", "3 sessions, 4 s-shaped"),
    ],
)
def test_units_stay_beside_their_numbers(text: str, shown: str) -> None:
    """A unit, and no word that begins like one; nothing in a command that is copied."""
    assert shown.replace("~", "\N{NO-BREAK SPACE}") == unbroken(text)
    assert "odb run -m '3 ms %.onnx' -n 2 %" == unbroken(pasted("odb run -m '3 ms %.onnx' -n 2 %")).striptags()


def test_runs_of_two_machines_are_told_apart(make_record: Callable[..., Record]) -> None:
    """Records of another machine stand under its own name."""
    one = make_record("a:x", 1)
    two = replace(one, environment=replace(one.environment, host={"cpu": "Snapdragon X Elite"}))
    text = HtmlReport().render([RecordedRun(one, {}), RecordedRun(two, {})]).decode()
    assert "<dt>Machine B</dt><dd>Snapdragon X Elite</dd>" in text


def test_a_page_can_be_made_without_samples(runs: Sequence[RecordedRun]) -> None:
    """A record whose samples are not at hand is shown without the figures that need them."""
    text = HtmlReport().render([RecordedRun(runs[0].record, {})]).decode()
    expected = ["Cold start", "Memory at the end of each phase", "Where it ran"]
    assert expected == re.findall(r"<figcaption><h3>(.*?)</h3>", text)


def test_many_repeats_are_drawn_in_one_style(runs: Sequence[RecordedRun]) -> None:
    """More repeats than line styles are drawn alike and named as a group."""
    run = runs[0]
    many = replace(run, record=replace(run.record, repeats=run.record.repeats * 2))
    assert "6 repeats, one line each" in HtmlReport().render([many]).decode()
