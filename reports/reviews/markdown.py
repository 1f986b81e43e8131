"""A review in Markdown."""

from collections.abc import Iterator

from bench.printable import visible
from bench.reports.reviews.contents import Contents, contents
from bench.reports.view.rows import Table
from bench.reports.words.markdown import escape, table_row
from bench.review.review import Review
from bench.words import sentence


class MarkdownReview:
    summary = sentence("review.format.md")
    suffix = ".md"

    def render(self, review: Review) -> bytes:
        """UTF-8; what applicants wrote is escaped."""
        return visible("\n".join(_page(contents(review))).rstrip() + "\n").encode()


def _page(found: Contents) -> Iterator[str]:
    yield from (f"# {escape(found.title)}", "", escape(found.summary), "")
    for table in (found.refused, found.shared):
        if table is not None:
            yield from _table(table, "##")
    yield from _table(found.submissions, "##")
    for section in found.sections:
        yield from (f"## {escape(section.title)}", "", escape(section.about), "")
        for table in (*section.groups, *([section.apart] if section.apart is not None else [])):
            yield from _table(table, "###")
    for note in found.notes:
        yield from (escape(note), "")


def _table(table: Table, level: str) -> Iterator[str]:
    yield from (f"{level} {escape(table.caption)}", "")
    if table.note:
        yield from (escape(table.note), "")
    yield table_row([escape(title) for title in table.titles])
    yield table_row(["---"] * len(table.columns))
    for row in table.rows:
        yield table_row(["<br>".join([escape(cell.value), *map(escape, cell.notes)]) for cell in row])
    yield ""
