"""Comparisons as Markdown, for a pull request."""

import re
from collections.abc import Iterator, Sequence

from bench.compare_folders import Findings
from bench.comparison import Comparison
from bench.reports import units
from bench.reports.comparison_words import COLUMNS, count_words, method, rows, sentences, title

_SPECIAL = re.compile(r"([\\`*_\[\]|~#&$])")


def render(findings: Findings) -> bytes:
    """UTF-8; text from records is escaped, so that it cannot become markup."""
    return ("\n".join(_page(findings)).rstrip() + "\n").encode()


def _page(findings: Findings) -> Iterator[str]:
    yield from ("# Compared", "", _escape(count_words(findings)), "")
    for comparison in findings.comparisons:
        yield from _comparison(comparison)
    if findings.unmatched:
        yield from ("## Records without a partner", "")
        header = ("Side", "Model", "Target", "Scenario", "Why", "Record")
        cells = [(u.side, u.model, u.target, u.scenario, u.reason, u.record_id) for u in findings.unmatched]
        yield from _table(header, cells)
    if findings.problems:
        yield from ("## Not read", "")
        yield from (f"- {_escape(f'{problem.message} {problem.remedy}'.strip())}" for problem in findings.problems)
        yield ""
    if any(comparison.changes for comparison in findings.comparisons):
        yield _escape(method(findings.tolerance))


def _comparison(comparison: Comparison) -> Iterator[str]:
    yield from (f"## {_escape(title(comparison))}", "")
    yield from (f"- **{_escape(s.strong)}** {_escape(s.rest)}".rstrip() for s in sentences(comparison))
    yield ""
    found = rows(comparison)
    if found:
        cells = [(*row.cells[:5], f"{row.sign} {row.cells[5]}", row.cells[6]) for row in found]
        yield from _table(COLUMNS, cells)
    yield from (f"Base: {_escape(comparison.base.record_id)}. New: {_escape(comparison.new.record_id)}.", "")


def _table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _line(header)
    yield _line(["---"] * len(header))
    yield from (_line([_escape(cell) for cell in row]) for row in cells)
    yield ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """One line of text that no Markdown reader takes for more."""
    return _SPECIAL.sub(r"\\\1", units.clean(text)).replace("\\&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
