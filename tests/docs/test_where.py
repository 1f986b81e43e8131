"""docs/architecture.md says where things are, in places that exist, and the README leads there."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from doc_pages import DOCS, ROOT, text_of

LINK = re.compile(r"\[`[^`]*`\]\(([^)\s]+)\)")
NAME = re.compile(r"`([\w.]+)`")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under ``heading``, a line of the page."""
    after = text_of("architecture").partition(f"\n{heading}\n")[2]
    lines = after[after.index("\n|") :].lstrip("\n").split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


PLACES = rows("## Where things are")
PARTS = rows("To add a part:")


def defined(file: Path) -> set[str]:
    """What a module defines at its top, or the codes of a catalogue."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".po":
        return set(re.findall(r'^msgid "(.+)"$', text, re.MULTILINE))
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def entry_points() -> set[str]:
    return set(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"])


@pytest.mark.parametrize("row", [*PLACES, *PARTS], ids=lambda row: row[0])
def test_every_place_that_is_named_is_there(row: list[str]) -> None:
    """The files and folders of a row exist, and define the names that stand in it."""
    linked = [(DOCS / link).resolve() for link in LINK.findall(" ".join(row[1:]))]
    assert linked
    assert [] == [path for path in linked if not path.exists()]
    known = entry_points().union(*(defined(path) for path in linked if path.suffix in (".py", ".po")))
    named = NAME.findall(LINK.sub("", " ".join(row[1:])))
    assert [] == [name for name in named if name not in known]


def test_a_wrong_name_would_be_seen() -> None:
    """The check above can fail: a loop does not define what it does not."""
    loop = ROOT / "bench" / "measure" / "loop.py"
    assert ("time_queries" in defined(loop), "frobnicate" in defined(loop)) == (True, False)


def test_what_a_stranger_looks_for_has_a_row() -> None:
    """The timed loop, the rule for "faster", the words of a verdict, and the place of a new sensor."""
    answers = {row[0]: row[1] for row in (*PLACES, *PARTS)}
    assert "bench/measure/loop.py" in answers["the timed loop"]
    assert "bench/comparison/comparison.py" in answers['the rule for "faster"']
    assert "the words of a verdict" in answers
    assert "bench/machine/sensors/" in answers["sensor"]


def test_it_comes_first_and_the_readme_leads_to_it() -> None:
    """The first heading of the page, and a link in the README with its anchor."""
    headings = re.findall(r"^## (.+)$", text_of("architecture"), re.MULTILINE)
    assert "Where things are" == headings[0]
    assert "(docs/architecture.md#where-things-are)" in (ROOT / "README.md").read_text(encoding="utf-8")
