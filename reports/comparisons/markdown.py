"""Comparisons as Markdown, for a pull request."""

from collections.abc import Iterator, Sequence

from bench.comparison.comparison import Comparison
from bench.comparison.folders import Findings
from bench.printable import visible
from bench.reports.comparisons.certainty import method
from bench.reports.comparisons.overview import COLUMNS as OVERVIEW
from bench.reports.comparisons.overview import overview
from bench.reports.comparisons.words import (
    COLUMNS,
    UNMATCHED,
    count_words,
    heads,
    result_words,
    rows,
    sentences,
    title,
    unmatched_rows,
)
from bench.reports.words.markdown import escape, table_row
from bench.words import say


def render(findings: Findings) -> bytes:
    """UTF-8; text from records is escaped, so that it cannot become markup."""
    return visible("\n".join(_page(findings)).rstrip() + "\n").encode()


def _page(findings: Findings) -> Iterator[str]:
    yield from (f"# {escape(say('comparison.heading'))}", "")
    yield from (f"**{escape(f'{count_words(findings)} {result_words(findings)}')}**", "")
    if len(findings.comparisons) > 1:
        found = overview(findings)
        yield from _table(heads(OVERVIEW), [(*row.cells[:4], f"{row.sign} {row.cells[4]}") for row in found])
    for comparison in findings.comparisons:
        yield from _comparison(comparison)
    if findings.unmatched:
        yield from (f"## {escape(say('comparison.heading.unmatched'))}", "")
        yield from _table(heads(UNMATCHED), unmatched_rows(findings))
    if findings.problems:
        yield from (f"## {escape(say('comparison.heading.not_read'))}", "")
        yield from (f"- {escape(f'{problem.message} {problem.remedy}'.strip())}" for problem in findings.problems)
        yield ""
    if any(comparison.changes for comparison in findings.comparisons):
        yield escape(method(findings))


def _comparison(comparison: Comparison) -> Iterator[str]:
    yield from (f"## {escape(title(comparison))}", "")
    yield from (f"- **{escape(s.strong)}** {escape(s.rest)}".rstrip() for s in sentences(comparison))
    yield ""
    found = rows(comparison)
    if found:
        cells = [(*row.cells[:5], f"{row.sign} {row.cells[5]}", row.cells[6]) for row in found]
        yield from _table(heads(COLUMNS), cells)
    records = say("comparison.records", base=comparison.base.record_id, new=comparison.new.record_id)
    yield from (escape(records), "")


def _table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    yield table_row([escape(head) for head in header])
    yield table_row(["---"] * len(header))
    yield from (table_row([escape(cell) for cell in row]) for row in cells)
    yield ""
