"""The pages in a real browser, on a screen and on a phone: whole, quiet, apart from the network, and accessible."""

import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from chromium import Shown, axe, shown
from made_pages import IN_LANGUAGES, NAMES, REPORTS, SITE, TRANSLATED, pages
from page_checks import AXE, BROKEN_WORDS, LABELS, LINKS, MARGIN_PX, WIDE

pytestmark = [pytest.mark.real, pytest.mark.process]

WINDOWS = {"screen": (1280, "light"), "phone": (390, "dark")}
ONE_PART = ("no records", "comparison, no pair", "comparison, one pair", "comparison, one pair of a long name")


OPENED = [(name, language, window) for (name, language), window in product(IN_LANGUAGES, WINDOWS)]


@pytest.fixture(scope="module", params=OPENED, ids=", ".join)
def opened(
    request: pytest.FixtureRequest, browser: Any, page_file: Callable[[str, str], Path]
) -> Iterator[tuple[str, int, Shown]]:
    """The name of a page, the width of the window in pixels, and the page in it."""
    name, language, window = request.param
    width, scheme = WINDOWS[window]
    with shown(browser, page_file(name, language), width, scheme) as found:
        yield name, width, found


def faults(found: dict[str, Any]) -> list[str]:
    return [
        f"{rule['impact']} {rule['id']}: {node['html'][:160]}" for rule in found["violations"] for node in rule["nodes"]
    ]


def test_every_page_is_made() -> None:
    """The names by which the tests of this folder are parametrised."""
    assert sorted(NAMES) == sorted(pages())
    assert set(TRANSLATED) <= set(NAMES)


def test_it_is_quiet_and_asks_for_nothing(opened: tuple[str, int, Shown]) -> None:
    """No error or warning in the console, no address asked for but its own, and every link leads to a place on it."""
    name, _, it = opened
    it.page.wait_for_load_state("networkidle")
    assert ([], [it.page.url]) == (it.said, it.asked)
    links = it.page.evaluate(LINKS)
    to_pages = re.compile(r"(\.\./index|series/[\w.-]+)\.html") if name in SITE else re.compile("(?!)")
    assert [] == [address for address, found in links if not found and not to_pages.fullmatch(address)]
    assert links or name in ONE_PART or name == "comparison, one pair of an emulator"


def test_nothing_leaves_its_place(opened: tuple[str, int, Shown]) -> None:
    """Nothing scrolls sideways, neither the page nor a table on it; every label of a drawing is seen whole."""
    _, width, it = opened
    assert ([], []) == (it.page.evaluate(WIDE, width), it.page.evaluate(LABELS, MARGIN_PX))


def test_axe_finds_nothing(opened: tuple[str, int, Shown]) -> None:
    """None of its rules is broken: names, headings, landmarks, tables, contrast in the light and in the dark scheme."""
    _, _, it = opened
    it.page.evaluate(f"{axe()};0")
    assert [] == faults(it.page.evaluate(AXE))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", [name for name in TRANSLATED if name in (*REPORTS, *SITE)])
def test_no_korean_word_is_broken(name: str, width: int, browser: Any, page_file: Callable[[str, str], Path]) -> None:
    """A line ends between words, and the page states its language, by which a browser and a screen reader go."""
    with shown(browser, page_file(name, "ko"), width) as it:
        assert "ko" == it.page.evaluate("document.documentElement.lang")
        assert [] == it.page.evaluate(BROKEN_WORDS)


BROKEN = """<!doctype html><html lang="en"><head><title>t</title></head><body><main><h1>t</h1>
<div style="width:2000px">wide</div><a href="#nowhere" style="color:#aaa">pale</a>
<script>console.warn('said')</script><img src="https://example.com/x.png">
<figure><svg width="90" height="20"><title>s</title><text x="60" y="9">a long label</text><text x="62" y="9">b</text>
</svg></figure></main></body></html>"""


def test_each_fault_is_found(browser: Any, tmp_path: Path) -> None:
    """A page that has all of them: the checks of this file report each."""
    path = tmp_path / "broken.html"
    path.write_text(BROKEN, encoding="utf-8")
    with shown(browser, path, 390) as it:
        wide, labels, links = it.page.evaluate(WIDE, 390), it.page.evaluate(LABELS, 0), it.page.evaluate(LINKS)
        assert ["DIV : wide"] == [text for text in wide if text.startswith("DIV")]
        assert wide[0].startswith("the page is 20")
        assert ["s: a long label is cut", "s: a long label lies on b"] == labels
        assert [["#nowhere", False], ["https://example.com/x.png", False]] == links
        refused = "error: Failed to load resource: net::ERR_NAME_NOT_RESOLVED"
        assert ([refused, "warning: said"], "https://example.com/x.png") == (sorted(it.said), it.asked[1])
        it.page.evaluate(f"{axe()};0")
        found = {text.split(":")[0] for text in faults(it.page.evaluate(AXE))}
    assert {"serious color-contrast", "critical image-alt"} <= found
