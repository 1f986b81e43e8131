"""Comparisons as one self-contained HTML page: the answer first, then what stands behind it."""

from msgspec import Struct

from bench.comparison.comparison import Comparison, Side
from bench.comparison.folders import Findings
from bench.printable import visible
from bench.reports.charts.svg import Figure
from bench.reports.comparisons.certainty import method
from bench.reports.comparisons.charts import figures
from bench.reports.comparisons.overview import COLUMNS as OVERVIEW
from bench.reports.comparisons.overview import overview
from bench.reports.comparisons.row import SIGNS, Row
from bench.reports.comparisons.words import (
    COLUMNS,
    UNMATCHED,
    capital,
    count_words,
    heads,
    leading,
    result_words,
    rows,
    sentences,
    status,
    title,
    unmatched_rows,
)
from bench.reports.templates import template
from bench.reports.view.sentences import Sentence
from bench.reports.words.causes import Status
from bench.words import say, units

_STATES = {True: "valid", False: "not_valid", None: "no_verdict"}


class Fact(Struct, frozen=True):
    """``code``: whether it is a command to copy."""

    label: str
    text: str
    code: bool = False


class Section(Struct, frozen=True):
    """One pair on the page. ``state``: the colour of its answer."""

    name: str
    title: str
    state: Status
    sentences: tuple[Sentence, ...]
    figures: tuple[Figure, ...]
    rows: tuple[Row, ...]
    sides: tuple[tuple[str, tuple[Fact, ...]], ...]


def render(findings: Findings) -> bytes:
    """The page, UTF-8. Follows the reader's light or dark scheme; prints; runs no script."""
    sections = [_section(comparison, f"c{i}") for i, comparison in enumerate(findings.comparisons, start=1)]
    several = say("comparison.heading.pairs", pairs=len(sections))
    page: str = template("comparison.html.j2").render(
        title=sections[0].title if len(sections) == 1 else several,
        sections=sections,
        signs=SIGNS,
        columns=tuple(zip(COLUMNS, heads(COLUMNS), strict=True)),
        overview=list(zip(overview(findings), sections, strict=True)),
        overview_columns=heads(OVERVIEW),
        counts=_counts(findings),
        method=method(findings),
        unmatched=[(cells[-1], cells[:-1]) for cells in unmatched_rows(findings)],
        unmatched_columns=heads((UNMATCHED[-1], *UNMATCHED[:-1])),
        problems=findings.problems,
        clean=units.clean,
    )
    return visible(page).encode()


def _counts(findings: Findings) -> str:
    """The counts and the exit status; of one pair alone the title states what the counts would."""
    alone = len(findings.comparisons) == 1 and not findings.unmatched and not findings.problems
    return result_words(findings) if alone else f"{count_words(findings)} {result_words(findings)}"


def _section(comparison: Comparison, name: str) -> Section:
    return Section(
        name,
        title(comparison),
        _state(comparison),
        sentences(comparison),
        figures(comparison, name),
        rows(comparison),
        (
            (capital(say("compare.side.base")), _facts(comparison.base)),
            (capital(say("compare.side.new")), _facts(comparison.new)),
        ),
    )


def _state(comparison: Comparison) -> Status:
    if comparison.recheck is not None:
        return "failed" if comparison.worse else "valid" if comparison.recheck.known else "unjudged"
    lead = leading(comparison)
    return status(lead) if lead is not None else "failed"


def _facts(side: Side) -> tuple[Fact, ...]:
    options = ", ".join(f"{k}={v}" for k, v in side.options.items())
    facts = {
        "record": side.record_id,
        "made": units.when(side.created_utc),
        "model": side.model,
        "target": " · ".join(filter(None, (side.target, str(side.device or ""), options))),
        "verdict": say(f"comparison.state.{_STATES[side.valid]}"),
        "reproduce": side.command,
    }
    return tuple(
        Fact(say(f"comparison.fact.{key}"), units.clean(text), key == "reproduce")
        for key, text in facts.items()
        if text
    )
