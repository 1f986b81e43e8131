"""Rows as aligned text. Much lighter to import than a drawing library, which `odb list` would pay for each time."""

import os
import sys
from collections.abc import Collection, Sequence

from bench.words.cells import cells, padded, wrapped

GAP = "  "
NARROWEST = 12
"""Cells below which no column is wrapped."""


def terminal_width() -> int:
    """As ``shutil.get_terminal_size``, whose module imports every compressor: ``COLUMNS``, else the columns of the
    terminal, else 80."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated):
        return int(stated)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # closed, detached or no terminal
        return 80


def columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int, wrapping: Collection[int] | None = None
) -> str:
    """A table no wider than ``width`` where that can be: the widest of the columns ``wrapping`` are wrapped; by default
    all but the first may be."""
    narrowed = range(1, len(header)) if wrapping is None else wrapping
    table = [tuple(header), *map(tuple, rows)]
    widths = [max(cells(row[i]) for row in table) for i in range(len(header))]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        widest = max(narrowed, key=lambda i: widths[i], default=None)
        if widest is None or widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return "\n".join(line for row in table for line in _lines(row, widths))


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = [wrapped(cell, size) if cells(cell) > size else [cell] for cell, size in zip(row, widths, strict=True)]
    height = max(map(len, parts))
    filled = [[*part, *[""] * (height - len(part))] for part in parts]
    return [
        GAP.join(padded(part, w) for part, w in zip(line, widths, strict=True)).rstrip()
        for line in zip(*filled, strict=True)
    ]
