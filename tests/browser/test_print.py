"""On paper nothing of a page is cut: it is printed on A4 and read back."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chromium import missing, shown
from made_pages import IN_LANGUAGES
from page_checks import LABELS, MARGIN_PX, TEXTS, WIDE

pytestmark = [pytest.mark.real, pytest.mark.process]

A4_PX = 703  # 186 mm between the margins, at 96 px an inch


@pytest.mark.parametrize(("name", "language"), IN_LANGUAGES)
def test_a_print_holds_every_text(
    name: str, language: str, browser: Any, page_file: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Nothing is left to a scroll bar, or to a part that opens, which paper does not have."""
    reader = shutil.which("pdftotext") or missing("needs pdftotext (apt install poppler-utils)")
    pdf = tmp_path / "page.pdf"
    with shown(browser, page_file(name, language), A4_PX, media="print") as it:
        texts = it.page.evaluate(TEXTS)
        it.page.pdf(path=pdf, format="A4", prefer_css_page_size=True, print_background=True)
    text = subprocess.run([reader, "-raw", str(pdf), "-"], capture_output=True, check=True, timeout=60).stdout.decode()
    printed = _squeezed(text)
    assert len(texts) > 20
    assert [] == [one for one in texts if not _whole(_squeezed(one), printed)]


@pytest.mark.parametrize(("name", "language"), IN_LANGUAGES)
def test_nothing_leaves_the_paper(
    name: str, language: str, browser: Any, page_file: Callable[[str, str], Path]
) -> None:
    """Nothing is wider than the space between the margins."""
    with shown(browser, page_file(name, language), A4_PX, media="print") as it:
        assert ([], []) == (it.page.evaluate(WIDE, A4_PX), it.page.evaluate(LABELS, MARGIN_PX))


def _whole(text: str, printed: str) -> bool:
    """Whether ``printed`` holds ``text``, in one piece or where a page ends in pieces of a few words or more."""
    while text not in printed:
        end = next((end for end in range(len(text), 11, -1) if text[:end] in printed), None)
        if end is None:
            return False
        text = text[end:]
    return True


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\u202f\u00ad]+", "", text)
