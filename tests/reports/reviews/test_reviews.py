"""The same review in every format, in both languages."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from submissions.good import good, run

from bench.reports.reviews.csv import COLUMNS, CsvReview
from bench.reports.reviews.html import HtmlReview
from bench.reports.reviews.json import JsonReview
from bench.reports.reviews.markdown import MarkdownReview
from bench.review.entry import Entry, entry_of
from bench.review.review import Review, Shared
from bench.review.standings import standings
from bench.submission.texts import Texts
from bench.words import speaking


def entry(name: str, slower: float = 1.0, **fields: Any) -> Entry:
    made = good()._replace(runs=(run(f"record-{name}", slower),))
    found = made.checked()
    entry = entry_of(found.assessment, found.findings, name, Path(name), "a" * 64)
    return replace(entry, track="inspection-drone", **fields)


@pytest.fixture(scope="module")
def found() -> Review:
    """Three submissions, one of them refused; what an applicant wrote is markup."""
    entries = (
        entry("first", project=Texts(ko="균열 탐지", en="Crack finder")),
        entry("second", 1.5, project="<script>alert(1)</script>", applicant="=cmd|x"),
        Entry(name="broken", path="broken.zip", problem="no zip", remedy="pack it again"),
    )
    return Review(entries=entries, standings=standings(entries), tracks=("inspection-drone",))


def test_a_row_for_each_criterion_of_each_submission(found: Review) -> None:
    """And one for a submission that could not be read; a formula is text."""
    rows = list(csv.DictReader(io.StringIO(CsvReview().render(found).decode())))
    assert list(rows[0]) == list(COLUMNS)
    assert [
        (row["submission"], row["criterion"], row["rank"]) for row in rows if row["criterion"] in ("latency", "")
    ] == [
        ("first", "latency", "1"),
        ("second", "latency", "2"),
        ("broken", "", ""),
    ]
    latency = next(row for row in rows if row["criterion"] == "latency")
    assert (latency["unit"], float(latency["value"])) == ("ms", pytest.approx(4, rel=0.1))
    assert {row["applicant"] for row in rows if row["submission"] == "second"} == {"'=cmd|x"}
    assert rows[-1]["problem"] == "no zip"


@pytest.mark.parametrize(
    ("language", "signs", "project"), [("ko", "? 확인 전", "균열 탐지"), ("en", "? not known", "Crack finder")]
)
def test_the_signs_are_explained_above_the_submissions(found: Review, language: str, signs: str, project: str) -> None:
    """Before the first of them, and once."""
    with speaking(language):
        pages = [HtmlReview().render(found).decode(), MarkdownReview().render(found).decode()]
    for page in pages:
        assert page.count(signs) == 1
        assert page.index(signs) < page.index(project)


def test_the_document_is_the_same_in_every_language(found: Review) -> None:
    """It names submissions by their index."""
    with speaking("ko"):
        korean = JsonReview().render(found)
    assert korean == JsonReview().render(found)
    document = json.loads(korean)
    assert [one["name"] for one in document["submissions"]] == ["first", "second", "broken"]
    (latency,) = (one for one in document["standings"] if one["criterion"] == "latency")
    assert [place["entry"] for place in latency["groups"][0]["places"]] == [0, 1]


@pytest.mark.parametrize("writer", [HtmlReview(), MarkdownReview()])
def test_markup_of_an_applicant_is_text(writer: Any, found: Review) -> None:
    """In the page and in Markdown."""
    page = writer.render(found).decode()
    assert "<script>" not in page
    assert "alert(1)" in page
    assert "no zip" in page


@pytest.mark.parametrize("writer", [HtmlReview(), MarkdownReview()])
def test_the_korean_page_is_korean(writer: Any, found: Review) -> None:
    """No two English words in a row but names, codes and what applicants wrote."""
    plain = replace(found, entries=(found.entries[0], replace(found.entries[1], project="", applicant="")))
    with speaking("ko"):
        page = writer.render(replace(plain, standings=standings(plain.entries))).decode()
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    left = [pair for pair in re.findall(r"\b[A-Za-z]{3,} [A-Za-z]{3,}\b", text) if "ondevice" not in pair]
    assert left == []
    assert "인스펙션 드론" in text


def test_nothing_outside_is_loaded(found: Review) -> None:
    """The page is one file, and is the same twice."""
    page = HtmlReview().render(found)
    assert page == HtmlReview().render(found)
    assert not re.search(rb"(src|href)=.https?:", page)


def test_records_that_two_submissions_share_are_shown(found: Review) -> None:
    """In every format, with both names; of the others nothing is said."""
    record = found.entries[0].rows[0].record_id
    told = replace(found, shared=(Shared((0, 1), (record,)),))
    for writer in (HtmlReview(), MarkdownReview()):
        assert "same records" in writer.render(told).decode()
        assert "same records" not in writer.render(found).decode()
    assert json.loads(JsonReview().render(told))["shared"] == [{"submissions": [0, 1], "records": [record]}]
    rows = list(csv.DictReader(io.StringIO(CsvReview().render(told).decode())))
    sharing = {row["record_shared_with"] for row in rows if row["record_id"] == record}
    assert sharing == {"second"}
    assert {row["record_shared_with"] for row in rows if row["record_id"] != record} == {""}


def test_a_very_long_text_is_cut_on_the_page(found: Review) -> None:
    """So that one submission does not take the room of the others; CSV and JSON have the whole text."""
    long = "가" * 2000
    one, *others = found.entries
    told = replace(found, entries=(replace(one, project=long, applicant=long, device=long), *others))
    for writer in (HtmlReview(), MarkdownReview()):
        page = re.sub("<wbr>|\u200b", "", writer.render(told).decode())
        assert "가" * 80 + "…" in page
        assert "가" * 81 not in page
    for data in (CsvReview().render(told), JsonReview().render(told)):
        assert long in data.decode()
