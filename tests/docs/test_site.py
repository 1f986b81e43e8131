"""The documentation as a site: its pages hold what their sources hold, links lead somewhere, all is served from it."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
from doc_pages import PAGES, ROOT, text_of

TOP = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
SHOWN = [*PAGES, *(ROOT / name for name in TOP)]
BLOCKS = frozenset("h1 h2 h3 h4 ul ol li table tr th td pre code em strong blockquote p img".split())
FETCHED = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src",),
    "audio": ("src",),
    "object": ("data",),
    "embed": ("src",),
}
API_ROW = re.compile(r"^\| \[`(bench[\w.]*)`\]\([^)]+\) \| .+ \| (.+) \|$", re.MULTILINE)


def api_rows() -> dict[str, list[str]]:
    """The table of docs/api.md, which tests/bench/test_public_surface.py checks: the names of each module."""
    return {name: re.findall(r"`(\w+)`", names) for name, names in API_ROW.findall(text_of("api"))}


# ------------------------------------------------------------------------------------------------ the built site


class Page(NamedTuple):
    """What is read of one page: blocks of its article, links, anchors, and what a browser fetches for it."""

    blocks: Counter[str]
    links: tuple[str, ...]
    anchors: frozenset[str]
    fetched: tuple[str, ...]


class Reader(HTMLParser):
    """Collects a page. ``whole``: the text is the article itself."""

    def __init__(self, whole: bool) -> None:
        super().__init__()
        self.inside = whole
        self.blocks: Counter[str] = Counter()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.inside = self.inside or tag == "article"
        if self.inside and tag in BLOCKS:
            self.blocks[tag] += 1
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        self.anchors |= {known[name] for name in ("id", "name") if name in known}
        if tag != "link" or known.get("rel") not in ("canonical", "prev", "next"):
            self.fetched += [known[name] for name in FETCHED.get(tag, ()) if name in known]
        self.fetched += re.findall(r"url\(([^)]*)\)", known.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self.inside = False


def read(html: str, whole: bool = False) -> Page:
    reader = Reader(whole)
    reader.feed(html)
    return Page(reader.blocks, tuple(reader.links), frozenset(reader.anchors), tuple(reader.fetched))


def built(project: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Builds the site of a project with ``--strict``."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(
        command,
        check=False,
        cwd=project,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )


def needs_mkdocs() -> None:
    missing = [name for name in ("mkdocs", "material", "mkdocstrings_handlers") if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs the extra docs: pip install -e '.[docs]' ({', '.join(missing)} not installed)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site: that of ``ODB_SITE``, which .ci/run built, or one built here."""
    if given := os.environ.get("ODB_SITE"):
        return Path(given)
    needs_mkdocs()
    folder = tmp_path_factory.mktemp("site")
    result = built(ROOT, folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: read(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


@pytest.mark.process
@pytest.mark.parametrize("source", SHOWN, ids=lambda page: page.name)
def test_a_page_has_the_blocks_of_its_source(source: Path, site: Path, pages: dict[Path, Page]) -> None:
    """As many headings, lists, cells and blocks of code as CommonMark finds in it, which the web view follows."""
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").enable("table").render(source.read_text(encoding="utf-8"))
    assert read(html, whole=True).blocks == pages[site / f"{source.stem}.html"].blocks


@pytest.mark.process
def test_links_of_the_site_lead_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    """Every relative link of every page, those of listings and of the API too, with its anchor."""
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or path.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            known = target.exists() and (
                not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors
            )
            if not known:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


@pytest.mark.process
def test_links_to_sources_stay_in_the_site(site: Path, pages: dict[Path, Page]) -> None:
    """A link to a file of the repository leads to its listing; the listing holds the file's text."""
    listed = site / "source" / "bench" / "measure" / "loop.py.html"
    assert "source/bench/measure/loop.py.html" in pages[site / "measuring.html"].links
    text = re.sub(r"<[^>]+>", "", listed.read_text(encoding="utf-8"))
    assert "def time_queries(" in text
    assert "CHANGELOG.html" in pages[site / "index.html"].links


def outside(references: Iterator[str] | tuple[str, ...]) -> list[str]:
    """The references that another host would answer."""
    stripped = [one.strip("\"' ") for one in references]
    return [one for one in stripped if one.startswith("//") or re.match(r"(?!data:)[a-z][a-z0-9+.-]*:", one)]


@pytest.mark.process
def test_no_page_fetches_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    """No script, style, font, picture or frame of another host, in any page or style sheet."""
    assert {} == {path: found for path, page in pages.items() if (found := outside(page.fetched))}
    sheets = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.css")}
    assert sheets
    used = {path: re.findall(r"url\(([^)]*)\)|@import\s+[\"']([^\"']+)", text) for path, text in sheets.items()}
    assert {} == {path: found for path, pairs in used.items() if (found := outside(tuple(a or b for a, b in pairs)))}


def test_a_script_of_another_host_would_be_seen() -> None:
    """The check above can fail: by a scheme, without one, and by a font in a style."""
    html = '<script src="https://cdn.example/a.js"></script><link rel="stylesheet" href="//cdn.example/a.css">'
    html += '<p style="background: url(https://cdn.example/a.png)"><img src="a.png">'
    assert ["https://cdn.example/a.js", "//cdn.example/a.css", "https://cdn.example/a.png"] == outside(
        read(html).fetched
    )


@pytest.mark.process
def test_every_public_name_is_on_a_page_of_the_api(site: Path, pages: dict[Path, Page]) -> None:
    """Each has a heading, and the table leads to the page."""
    for module, names in api_rows().items():
        anchors = {anchor.rpartition(".")[2] for anchor in pages[site / "api" / f"{module}.html"].anchors}
        assert [] == [name for name in names if name not in anchors]
        assert f"api/{module}.html" in pages[site / "api.html"].links


@pytest.mark.process
def test_a_strict_build_finds_broken_links(tmp_path: Path) -> None:
    """A missing page, a missing source file and a missing anchor each fail the build, by name."""
    needs_mkdocs()
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    for name in (*TOP, "README.md", "pyproject.toml", "bench", "models", "targets", "reports", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    broken = "\n[a](missing.md) [b](../bench/missing.py) [c](targets.md#missing) [d](../CHANGELOG.md#missing)\n"
    page = tmp_path / "docs" / "privacy.md"
    page.write_text(page.read_text(encoding="utf-8") + broken, encoding="utf-8")
    result = built(tmp_path, tmp_path / "site")
    assert result.returncode == 1
    found = re.findall(r"contains a link '([^']+)'", result.stderr)
    assert ["../bench/missing.py", "CHANGELOG.md#missing", "missing.md", "targets.md#missing"] == sorted(found)


@pytest.mark.process
def test_the_search_works_from_a_folder(site: Path, tmp_path: Path) -> None:
    """A browser that opens the site from disk finds the page that describes a code, without a server."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("needs chromium")
    options = f"--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --user-data-dir={tmp_path}".split()
    address = f"{(site / 'index.html').as_uri()}?q=cached_results"
    command = [browser, *options, "--virtual-time-budget=20000", "--dump-dom", address]
    dom = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    assert re.search(r'href="file://[^"]*/verdicts\.html[^"]*" class="md-search-result__link"', dom)
