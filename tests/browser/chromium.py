"""A headless Chromium for the tests of pages, driven by Playwright over the DevTools protocol.

What is missing skips the test that asks for it. With ``ODB_BROWSER=required`` it fails instead: ``.ci/run`` sets that
where it has installed all of it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# --no-sandbox: a container's root may not make one. No host has an address: what a page asks for is seen all the same.
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]


class Shown(NamedTuple):
    """An open page. ``said``: what its console printed, and errors; ``asked``: every address that it asked for."""

    page: Any
    said: list[str]
    asked: list[str]


def missing(reason: str) -> NoReturn:
    if os.environ.get("ODB_BROWSER") == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextmanager
def started() -> Iterator[Any]:
    """A browser, for many pages."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing("needs chromium (apt install chromium)")
    if find_spec("playwright") is None:
        missing("needs Playwright (pip install -e '.[browser]')")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def shown(browser: Any, path: Path, width: int, scheme: str = "light", media: str = "screen") -> Iterator[Shown]:
    """The page of the file at ``path`` in a window ``width`` pixels wide."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.emulate_media(media=media)
    found = Shown(page, [], [])
    page.on("console", lambda message: found.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.said.append(f"error: {error}"))
    page.on("request", lambda request: found.asked.append(request.url))
    page.goto(path.as_uri())
    yield found
    context.close()


def axe() -> str:
    """The source of axe-core, which ``ODB_AXE`` names."""
    path = Path(os.environ.get("ODB_AXE", "axe.min.js"))
    if not path.is_file():
        missing("needs axe-core: set ODB_AXE to its axe.min.js (CONTRIBUTING.md)")
    return path.read_text(encoding="utf-8")
