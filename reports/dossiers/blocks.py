"""A dossier as data: sections of blocks, in words. Every writer draws these and nothing else.

All text is plain: one line, without control characters, and never markup.
"""

from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from bench.printable import visible
from bench.reports.charts.svg import Figure
from bench.reports.view.rows import Table

State = Literal["met", "not_met", "cannot_tell"]


class Text(Struct, frozen=True, tag="text"):
    """A paragraph. ``style``: ``note`` is small, ``warning`` is framed."""

    words: str
    style: Literal["plain", "note", "warning"] = "plain"


class Fact(Struct, frozen=True):
    label: str
    value: str
    note: str = ""


class Facts(Struct, frozen=True, tag="facts"):
    """Labels and values. ``prominent``: figures to see first."""

    facts: tuple[Fact, ...]
    prominent: bool = False


class Steps(Struct, frozen=True, tag="steps"):
    """What is done, in this order."""

    steps: tuple[str, ...]


class Shell(Struct, frozen=True, tag="shell"):
    """Commands, one a line, to be copied as they are."""

    commands: tuple[str, ...]


class Grid(Struct, frozen=True, tag="grid"):
    """A table. ``titled``: with its caption above."""

    table: Table
    titled: bool = True


class Drawings(Struct, frozen=True, tag="drawings"):
    """Charts."""

    figures: tuple[Figure, ...]


class Target(Struct, frozen=True, kw_only=True):
    """A row of the table of targets (정량적 목표 달성표). ``doubt``: why ``measured`` may not be used; it is shown
    before it."""

    number: int
    title: str
    metric: str
    unit: str
    weight: str
    target: str
    proposed: str
    measured: str
    measured_note: str
    doubt: str
    achievement: str
    state: State
    word: str
    sign: str
    reason: str
    method: str
    conditions: str
    record_id: str
    sha256: str


class Targets(Struct, frozen=True, tag="targets"):
    """``heads``: titles of the nine columns, in the form's order."""

    heads: tuple[str, ...]
    rows: tuple[Target, ...]
    totals: tuple[Fact, ...]
    note: str = ""


Block = Text | Facts | Steps | Shell | Grid | Drawings | Targets


class Section(Struct, frozen=True):
    """``level``: 2, or 3 of a part of the section before it. ``emulated``: set apart from what was measured."""

    id: str
    title: str
    blocks: tuple[Block, ...]
    level: Literal[2, 3] = 2
    emulated: bool = False


class Rung(Struct, frozen=True):
    """A step of the ladder of proof. ``state``: reached, not reached, or not known."""

    title: str
    meaning: str
    state: Literal["reached", "not_reached", "unknown"]
    word: str
    sign: str
    reason: str


class Contents(Struct, frozen=True, kw_only=True):
    """The whole document. ``notice``: what it is not, above everything else. ``ladder``: empty of a test scenario."""

    language: str
    kind: str
    title: str
    notice: str
    notice_note: str
    facts: tuple[Fact, ...]
    ladder: tuple[Rung, ...]
    sections: tuple[Section, ...]
    footer: str


NOT_OF_A_LINE = dict.fromkeys(map(ord, "\n\t\ufffe\uffff"), " ")
"""What ``visible`` lets through and a line, or XML, does not hold."""


def cleaned(value: Any) -> Any:
    """``value`` with every text in it on one line and without characters that act; drawings stay as they are."""
    if isinstance(value, str):
        return visible(value).translate(NOT_OF_A_LINE)
    if isinstance(value, tuple):
        return tuple(cleaned(one) for one in value)
    if isinstance(value, Struct) and not isinstance(value, Figure):
        return replace(value, **{name: cleaned(getattr(value, name)) for name in value.__struct_fields__})
    return value


def kind_of(block: Block) -> str:
    """The tag of a block, for templates."""
    return str(block.__struct_config__.tag)
