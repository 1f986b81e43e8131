"""One browser for the tests of a file, and the pages that they open."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import started


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as found:
        yield found


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """``page_file(name, language)``: the file of that page of ``made_pages``, as its writer gives it."""
    from made_pages import pages

    folder = tmp_path_factory.mktemp("pages")
    made: dict[str, dict[str, bytes]] = {}

    def file(name: str, language: str) -> Path:
        if language not in made:
            made[language] = pages(language)
        path = folder / f"{name}.{language}.html"
        path.write_bytes(made[language][name])
        return path

    return file
