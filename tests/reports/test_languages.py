"""What of a report follows the language, and what does not."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from jinja2 import Environment, nodes
from msgspec.structs import replace

from bench.record.record import Failure, RecordedRun
from bench.reports.runs.csv import CsvReport
from bench.reports.runs.json import JsonReport
from bench.reports.runs.terminal import TerminalReport
from bench.words import current, sentence, speaking

TEMPLATES = sorted((Path(__file__).resolve().parents[2] / "reports").glob("*.j2"))


def test_json_is_the_same_in_every_language(runs: Sequence[RecordedRun]) -> None:
    """A script reads codes and figures."""
    with speaking("ko"):
        korean = JsonReport().render(runs)
    assert JsonReport().render(runs) == korean


def test_of_csv_only_the_message_of_a_failure_follows_the_language(runs: Sequence[RecordedRun]) -> None:
    """Names of columns, codes and figures stay."""
    kept = runs[3].record
    failure = Failure("plan", "unavailable", sentence("error.unknown", what="x", name="y"), "")
    run = replace(runs[3], record=replace(kept, failure=failure))
    with speaking("ko"):
        korean = row(run)
    english = row(run)
    assert {"failure_message"} == {column for column in english if english[column] != korean[column]}
    assert ("unknown x: y", "알 수 없는 x: y") == (english["failure_message"], korean["failure_message"])


def row(run: RecordedRun) -> dict[str, str]:
    (found,) = csv.DictReader(io.StringIO(CsvReport().render([run]).decode()))
    return found


def test_columns_are_left_out_of_a_narrow_terminal_in_every_language(runs: Sequence[RecordedRun]) -> None:
    """They are found by their keys, and named in the language spoken."""
    narrow = TerminalReport().at_terminal(88, color=False)
    english = narrow.render(runs[:3]).decode()
    with speaking("ko"):
        korean = narrow.render(runs[:3]).decode()
    assert "Not shown at this width: Cold start" in english
    assert "화면 폭 때문에 표시하지 않은 열: 콜드 스타트" in korean
    assert max(map(cells, korean.splitlines())) <= 88


def cells(line: str) -> int:
    from rich.cells import cell_len

    return cell_len(line)


def said(template: Path) -> Iterator[tuple[str, frozenset[str]]]:
    """Every ``say`` of a template with a code that is written out, and the figures that it gives."""
    tree: Any = Environment(autoescape=True).parse(template.read_text(encoding="utf-8"))
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "say":
            (code,) = call.args
            if isinstance(code, nodes.Const):
                yield code.value, frozenset(word.key for word in call.kwargs)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_says_has_words_and_its_figures(template: Path) -> None:
    """As the code's sentences: each is in the catalogue, with the figures that its words ask for."""
    wrong = []
    for code, given in said(template):
        words = current().template(code)
        asked = frozenset(name for _, name, _, _ in Formatter().parse(words or "") if name is not None)
        wrong += [(code, sorted(asked ^ given))] if words is None or asked != given else []
    assert [] == wrong
