"""What the two writers of office documents share: their libraries are an extra, and tables need widths."""

import math
from importlib import import_module
from typing import Any

from bench.errors import InputError
from bench.reports.templates import longest, width
from bench.reports.view.rows import Cell, Table
from bench.words import sentence

NARROWEST, WIDEST = 6, 36
"""Of a column, in signs."""
LINES = 3.0
TARGET_WIDTHS = (22, 9, 8, 12, 18, 14, 17)
"""Of the table of targets, in percent."""


def library(name: str, suffix: str) -> Any:
    """The module of that name. Raises ``InputError`` naming the extra where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        missing = sentence("dossier.library_missing", suffix=suffix, library=name)
        raise InputError(missing, sentence("dossier.library_missing.remedy")) from None


def weights(table: Table) -> tuple[int, ...]:
    """How wide each column is, relative to the others."""
    return tuple(
        _weight([column.title, *(text for row in table.rows for text in _texts(row[place]))])
        for place, column in enumerate(table.columns)
    )


def _weight(texts: list[str]) -> int:
    """As wide as the longest word, and wider for longer text, which takes several lines."""
    word = max((longest(text) for text in texts), default=0)
    whole = max((width(text) for text in texts), default=0)
    return min(max(NARROWEST, word + 2, round(LINES * math.sqrt(whole))), WIDEST)


def _texts(cell: Cell) -> tuple[str, ...]:
    return (cell_text(cell), *cell.notes)


def cell_text(cell: Cell) -> str:
    """A cell's value, or its status with its sign."""
    return cell.value
