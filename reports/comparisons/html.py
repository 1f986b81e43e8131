"""Comparisons as one self-contained HTML page: the answer first, then what stands behind it."""

from msgspec import Struct

from bench.compare.comparison import Comparison, Side
from bench.compare.folders import Findings
from bench.printable import counted, visible
from bench.reports.charts.svg import Figure
from bench.reports.comparisons.charts import figures
from bench.reports.comparisons.overview import COLUMNS as OVERVIEW
from bench.reports.comparisons.overview import SIGNS, overview
from bench.reports.comparisons.row import Row
from bench.reports.comparisons.words import (
    COLUMNS,
    count_words,
    leading,
    method,
    result_words,
    rows,
    sentences,
    status,
    title,
)
from bench.reports.templates import template
from bench.reports.view.headline import Sentence
from bench.reports.words.causes import Status
from bench.words import units


class Section(Struct, frozen=True):
    """One pair on the page. ``state``: the colour of its answer."""

    name: str
    title: str
    state: Status
    sentences: tuple[Sentence, ...]
    figures: tuple[Figure, ...]
    rows: tuple[Row, ...]
    sides: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def render(findings: Findings) -> bytes:
    """The page, UTF-8. Follows the reader's light or dark scheme; prints; runs no script."""
    sections = [_section(comparison, f"c{i}") for i, comparison in enumerate(findings.comparisons, start=1)]
    page: str = template("comparison.html.j2").render(
        title=sections[0].title if len(sections) == 1 else f"{counted(len(sections), 'pair')} of records compared",
        sections=sections,
        signs=SIGNS,
        columns=COLUMNS,
        overview=list(zip(overview(findings), sections, strict=True)),
        overview_columns=OVERVIEW,
        counts=_counts(findings),
        method=method(findings),
        unmatched=findings.unmatched,
        unmatched_columns=("Record", "Side", "Model", "Target", "Scenario", "Why"),
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
        (("Base", _facts(comparison.base)), ("New", _facts(comparison.new))),
    )


def _state(comparison: Comparison) -> Status:
    if comparison.recheck is not None:
        return "failed" if comparison.worse else "valid" if comparison.recheck.known else "unjudged"
    lead = leading(comparison)
    return status(lead) if lead is not None else "failed"


def _facts(side: Side) -> tuple[tuple[str, str], ...]:
    options = ", ".join(f"{k}={v}" for k, v in side.options.items())
    verdict = {True: "valid", False: "not valid", None: "no verdict"}[side.valid]
    facts = (
        ("record", side.record_id),
        ("made", units.when(side.created_utc)),
        ("model", side.model),
        ("target", " · ".join(filter(None, (side.target, side.device, options)))),
        ("verdict", verdict),
        ("reproduce", side.command),
    )
    return tuple((label, units.clean(text)) for label, text in facts if text)
