"""The pages of a history: what a reader finds on them, and that they are safe and small."""

import re
from xml.etree import ElementTree

import pytest
from made_trends import made_trend as trend
from msgspec.structs import replace

from bench.nights.point import Point
from bench.nights.series import Series
from bench.nights.trend import Shift, Trend
from bench.reports.trends.chart import trend_figure
from bench.reports.trends.site import overview, series_page
from bench.words import speaking


def drawn(found: Trend) -> ElementTree.Element:
    figure = trend_figure(found, "t")
    assert figure is not None
    return ElementTree.fromstring(figure.svg)


def test_a_night_that_does_not_count_is_a_cross_and_not_joined() -> None:
    svg = drawn(trend())
    (line,) = [p for p in svg.iter("path") if p.get("class") == "line s1"]
    (cross,) = [p for p in svg.iter("path") if p.get("class") == "cross"]
    assert line.get("d", "").count("L") + 1 == 19
    assert cross[0].text == "2026-01-03: host_busy"


def test_events_changes_of_level_and_the_base_are_marked() -> None:
    svg = drawn(trend())
    classes = [element.get("class") for element in svg.iter()]
    assert (classes.count("event"), classes.count("shift"), classes.count("base")) == (1, 1, 1)
    (event,) = [p for p in svg.iter("path") if p.get("class") == "event"]
    assert event[0].text == "2026-01-05: runtime ort"
    assert "+5.0 %" in [text.text for text in svg.iter("text")]


def test_a_page_lists_nights_events_and_what_changed() -> None:
    page = series_page(trend())
    text = page.data.decode().replace("\N{NO-BREAK SPACE}", " ")
    assert page.name == f"series/{trend().series.id}.html"
    for shown in (
        "host_busy",
        "runtime ort",
        "<s>4.00 ms</s>",
        "4.20 ms",
        "+5.0 %",
        "2026-01-20",
        "../index.html",
    ):
        assert shown in text
    assert "older nights" not in text
    assert "100 older nights" in series_page(trend(nights=300)).data.decode()


def test_the_overview_filters_without_a_script() -> None:
    """A choice hides the rows that do not have its class; what is not chosen hides nothing."""
    lines = [series_page(trend(model, target=target)).line for model in ("a", "b") for target in ("x:1", "y:2")]
    text = overview(lines, "2026-05-04").decode()
    assert "<script" not in text
    keys = {(row.split()[0], row.split()[1]) for row in re.findall(r'<tr class="([^"]*)">', text)}
    assert keys == {("mo0", "ta0"), ("mo0", "ta1"), ("mo1", "ta0"), ("mo1", "ta1")}
    assert "body:has(#model option[value=mo0]:checked) .series tbody tr:not(.mo0) { display: none; }" in text
    assert 'id="machine"' not in text, "one machine is nothing to choose from"
    assert "value=all]" not in text


def test_the_overview_counts_and_shows_what_moved_newest_first() -> None:
    older = Shift(metric="latency_p50_ns", record_id="r4", night="2026-01-05", change=-0.2, p_value=0.001)
    lines = [series_page(trend("old", shifts=(older,))).line, series_page(trend("newer")).line]
    text = overview(lines, "2026-05-04").decode()
    assert "2 series, 20 nights, 40 records" in text
    assert text.index("newer · ") < text.index("old · ")


def test_the_first_night_is_the_base_and_not_compared_with_itself() -> None:
    first = trend("net", nights=1)
    line = series_page(replace(first, base_id=first.points[0].record_id)).line
    assert line.since_base == "base"
    assert "1 series, 1 night, 1 record" in overview([line], "2026-05-04").decode()


def test_a_series_without_figures_has_a_page() -> None:
    series = Series(model="net", target="qnn:htp", scenario="single-stream")
    failed = Point(
        series=series,
        record_id="r",
        created_utc="2026-01-01T00:00:00+00:00",
        folder="",
        record_sha256="",
        status="failed",
        valid=None,
        codes=("crash",),
    )
    page = series_page(Trend(series=series, metric=None, points=(failed,)))
    assert "crash" in page.data.decode()
    assert "<svg" not in page.data.decode()
    assert page.line.figure == "–"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_names_are_text_on_every_page(language: str) -> None:
    hostile = "</style><script>alert(1)</script>"
    with speaking(language):
        page = series_page(trend(hostile))
        text = page.data.decode() + overview([page.line], hostile).decode()
    assert "<script" not in text


def test_the_same_history_gives_the_same_bytes() -> None:
    assert series_page(trend()).data == series_page(trend()).data


def test_five_hundred_series_fit_a_page_of_five_megabytes() -> None:
    """A line of the overview is no longer for more nights than its picture shows."""
    line = series_page(trend("a-model-with-a-long-name" * 3, nights=1000)).line
    assert len(overview([line] * 500, "2026-05-04")) < 5_000_000
