"""On paper and on a phone nothing of a page is cut: it is drawn by a browser, printed on A4 and read back."""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from report_parts import HTP, MS, OPENVINO
from report_runs import vision

from bench.compare.comparison import compare
from bench.compare.folders import Findings
from bench.record.record import Reason, Record, RecordedRun, Verdict
from bench.record.refused import RefusedRecord
from bench.reports.comparisons import html as comparison_page
from bench.reports.runs.html import HtmlReport
from bench.testing.records import fake_run

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
READER = shutil.which("pdftotext")
pytestmark = [
    pytest.mark.real,
    pytest.mark.process,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium (apt install chromium)"),
    pytest.mark.skipif(READER is None, reason="needs pdftotext (apt install poppler-utils)"),
]
A4_PX, PHONE_PX, SCREEN_PX = 703, 390, 1280  # 186 mm between the margins, at 96 px an inch; a usual phone and screen

OVERFLOWING = """<script>
addEventListener('load', () => {
  const wide = [...document.querySelectorAll('body *')].filter(e => {
    const style = getComputedStyle(e), inline = style.display === 'inline';
    return !inline && !e.closest('svg') && style.position !== 'absolute' && e.scrollWidth > e.clientWidth + 1
      && (style.overflowX !== 'visible' || e.getBoundingClientRect().right > LIMIT + 1);
  });
  const out = document.createElement('pre');
  out.id = 'found';
  out.textContent = wide.map(e => e.tagName + ' ' + e.className + ': ' + e.textContent.trim().slice(0, 60)).join('|');
  document.body.append(out);
});
</script>"""


class Cells(HTMLParser):
    """The text of every cell of the page's tables."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.inside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("td", "th"):
            self.inside += 1
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside -= tag in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += f" {data}"


def browse(*arguments: str, page: Path, profile: Path) -> str:
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    command = [str(BROWSER), *quiet, f"--user-data-dir={profile}", *arguments, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def pages(runs: Sequence[RecordedRun], make_record: Callable[..., Record]) -> dict[str, str]:
    """Runs of every kind; a sweep with wrong outputs and long options; two folders and a record that was refused."""
    wrong = Verdict(False, True, (Reason("output_mismatch", "cosine 0.7 is below 0.99"),))
    option = {
        "offload_graph_io_quantization": "0",
        "qnn_context_priority_with_a_long_name": "a_value_of_many_parts_" * 4,
    }
    sweep = [
        RecordedRun(
            make_record(
                "qnn:htp-emu",
                None,
                planned=replace(
                    HTP, device_name=f"Chip {n} HTP v73, emulated on a PC", options_requested={**option, "soc": str(n)}
                ),
                verdict=wrong if n == 2 else Verdict(True, True),
            ),
            {},
        )
        for n in range(9)
    ]
    many = {f"A_{i}_RUNTIME_OPTION_OF_A_LONG_NAME": "SOME_VALUE_OF_THE_RUNTIME" for i in range(40)}
    target = replace(OPENVINO, options_effective=many)
    two = [
        replace(vision("a", target), folder="startup-a"),
        replace(vision("b"), folder="another-startup-of-a-long-name"),
    ]
    refused = RefusedRecord("20260504T101112123Z-mobilenet-openvino-CPU-4f1a2b", "record.json: its content differs")
    sides = [
        [fake_run(f"{name}{i}", [np.full(20, ns)] * 5) for i in range(3)] for name, ns in (("b", MS), ("n", 2 * MS))
    ]
    compared = [compare(base, new) for base, new in zip(*sides, strict=True)]
    return {
        "every kind": HtmlReport().render(runs).decode(),
        "sweep": HtmlReport().render(sweep).decode(),
        "folders": HtmlReport([refused]).render(two).decode(),
        "comparison": comparison_page.render(Findings(0.03, tuple(compared))).decode(),
    }


@pytest.mark.parametrize("name", ["every kind", "sweep", "folders", "comparison"])
def test_a_print_holds_every_text_of_the_tables(name: str, pages: dict[str, str], tmp_path: Path) -> None:
    """Nothing is left to a scroll bar that paper does not have."""
    html = pages[name]
    page, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(html, encoding="utf-8")
    browse("--no-pdf-header-footer", f"--print-to-pdf={pdf}", page=page, profile=tmp_path / "profile")
    text = subprocess.run([str(READER), "-raw", str(pdf), "-"], capture_output=True, check=True).stdout.decode()
    printed = _squeezed(text)
    cells = Cells()
    cells.feed(html)
    assert len(cells.cells) > 20
    assert [] == [cell for cell in cells.cells if _squeezed(cell) not in printed]


@pytest.mark.parametrize("width", [A4_PX, PHONE_PX, SCREEN_PX])
@pytest.mark.parametrize("name", ["every kind", "sweep", "folders", "comparison"])
def test_nothing_is_wider_than_its_place(name: str, width: int, pages: dict[str, str], tmp_path: Path) -> None:
    """On paper, on a phone and on a screen nothing scrolls sideways or leaves the page."""
    script = OVERFLOWING.replace("LIMIT", str(width))
    html = pages[name].replace("default-src 'none';", "").replace("</body>", f"{script}</body>")
    if width == A4_PX:
        html = html.replace("@media print", "@media all").replace("@media screen and", "@media speech and")
    page = tmp_path / "page.html"
    page.write_text(f"<style>body{{width:{width}px}}</style>{html}" if width == PHONE_PX else html, encoding="utf-8")
    dom = browse(f"--window-size={max(width, 500)},900", "--dump-dom", page=page, profile=tmp_path / "profile")
    told = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    assert told is not None
    wide = [one for one in told.group(1).split("|") if one]
    assert [] == wide


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\u202f\u00ad]+", "", text)
