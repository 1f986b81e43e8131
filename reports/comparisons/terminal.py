"""Comparisons for a terminal, as plain text."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from bench.comparison.comparison import Comparison
from bench.comparison.folders import Findings
from bench.reports.comparisons.certainty import method
from bench.reports.comparisons.row import Row
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
from bench.words import say, units
from bench.words.cells import cells, narrowed, padded, widened

WIDTH = 110
INTERVAL = COLUMNS.index("interval")


def render(findings: Findings, width: int = WIDTH) -> bytes:
    """UTF-8, no line wider than ``width`` except for long names. A table that is too wide omits intervals; a line says
    so."""
    width = min(width, WIDTH)
    lines = [line for comparison in findings.comparisons for line in _comparison(comparison, width)]
    if findings.unmatched:
        lines += [say("comparison.heading.unmatched"), *_unmatched(findings), ""]
    for problem in findings.problems:
        told = say("comparison.not_read", problem=problem.sentence, remedy=problem.advice)
        lines += _wrapped(units.clean(told), width)
    if any(comparison.changes for comparison in findings.comparisons):
        lines += [*_wrapped(method(findings), width), ""]
    return ("\n".join([*lines, count_words(findings), *_wrapped(result_words(findings), width)]) + "\n").encode()


def _comparison(comparison: Comparison, width: int) -> Iterator[str]:
    yield from _wrapped(title(comparison), width)
    yield from _aligned(
        [
            (f"  {say('compare.side.base')}", units.clean(comparison.base.record_id)),
            (f"  {say('compare.side.new')}", units.clean(comparison.new.record_id)),
        ],
        " ",
    )
    for sentence in sentences(comparison):
        yield from _wrapped(f"  {sentence.text}", width)
    table = [(f"{row.sign} {row.cells[0]}", *row.cells[1:-1]) for row in rows(comparison)]
    if table:
        yield ""
        first, *others = heads(COLUMNS)[:-1]
        whole = [(f"  {first}", *others), *table]
        lines = list(_aligned(whole))
        if max(map(cells, lines)) > width:
            lines = [*_aligned([row[:INTERVAL] + row[INTERVAL + 1 :] for row in whole])]
            lines += _wrapped(f"  {say('comparison.not_shown', column=heads(COLUMNS)[INTERVAL])}", width)
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
        yield from _wrapped(f"  {say('comparison.note', names=names, note=note)}", width)


def _unmatched(findings: Findings) -> list[str]:
    table = [heads(UNMATCHED), *unmatched_rows(findings)]
    return list(_aligned([(f"  {first}", *rest) for first, *rest in table]))


def _aligned(table: Sequence[Sequence[str]], gap: str = "  ") -> Iterator[str]:
    widths = [max(map(cells, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield gap.join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    text = widened(units.together(text))
    lines = wrap(text, width, subsequent_indent=f"{indent}  ", break_on_hyphens=False, break_long_words=False)
    return [narrowed(line).replace(units.NO_BREAK, " ") for line in lines]
