"""Comparisons for a terminal, as plain text."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from bench.compare.comparison import Comparison
from bench.compare.folders import Findings
from bench.reports.comparisons.row import Row
from bench.reports.comparisons.words import COLUMNS, count_words, method, result_words, rows, sentences, title
from bench.words import units

WIDTH = 110
INTERVAL = COLUMNS.index("95 % interval")


def render(findings: Findings, width: int = WIDTH) -> bytes:
    """UTF-8, no line longer than ``width`` except for long names. A table that is too wide omits intervals; a line says
    so."""
    width = min(width, WIDTH)
    lines = [line for comparison in findings.comparisons for line in _comparison(comparison, width)]
    if findings.unmatched:
        lines += ["Unmatched records", *_unmatched(findings), ""]
    for problem in findings.problems:
        lines += _wrapped(f"Not read: {units.clean(problem.message.rstrip('.'))}. {units.clean(problem.remedy)}", width)
    if any(comparison.changes for comparison in findings.comparisons):
        lines += [*_wrapped(method(findings), width), ""]
    return ("\n".join([*lines, count_words(findings), *_wrapped(result_words(findings), width)]) + "\n").encode()


def _comparison(comparison: Comparison, width: int) -> Iterator[str]:
    yield from _wrapped(title(comparison), width)
    yield f"  base {units.clean(comparison.base.record_id)}"
    yield f"  new  {units.clean(comparison.new.record_id)}"
    for sentence in sentences(comparison):
        yield from _wrapped(f"  {sentence.text}", width)
    table = [(f"{row.sign} {row.cells[0]}", *row.cells[1:-1]) for row in rows(comparison)]
    if table:
        yield ""
        whole = [(f"  {COLUMNS[0]}", *COLUMNS[1:-1]), *table]
        lines = list(_aligned(whole))
        if max(map(len, lines)) > width:
            lines = [*_aligned([row[:INTERVAL] + row[INTERVAL + 1 :] for row in whole])]
            lines += _wrapped(f"  Not shown at this width: {COLUMNS[INTERVAL]}.", width)
        yield from lines
        yield from _notes(rows(comparison), width)
    yield ""


def _notes(found: Sequence[Row], width: int) -> Iterator[str]:
    """The notes of the last column, each once, with the metrics that have it."""
    about: dict[str, list[str]] = {}
    for row in found:
        if row.cells[-1]:
            about.setdefault(row.cells[-1], []).append(row.cells[0])
    for note, names in about.items():
        yield from _wrapped(f"  {', '.join(names)}: {note}", width)


def _unmatched(findings: Findings) -> list[str]:
    header = ("  Side", "Model", "Target", "Scenario", "Why", "Record")
    cells = [
        tuple(units.clean(str(text)) for text in (u.side, u.model, u.target, u.scenario, u.reason, u.record_id))
        for u in findings.unmatched
    ]
    return list(_aligned([header, *((f"  {first}", *rest) for first, *rest in cells)]))


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    text = units.together(text)
    lines = wrap(text, width, subsequent_indent=f"{indent}  ", break_on_hyphens=False, break_long_words=False)
    return [line.replace(units.NO_BREAK, " ") for line in lines]
