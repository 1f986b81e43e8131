"""All pairs of a comparison in one table: pair, change, word. It stands on top where there are several."""

from bench.comparison.comparison import Comparison
from bench.comparison.folders import Findings
from bench.reports.comparisons.row import SIGNS, Row
from bench.reports.comparisons.words import answer, interval, leading, moved, name, status, value
from bench.words import units

COLUMNS = ("pair", "change", "interval", "figures", "answer")


def overview(findings: Findings) -> tuple[Row, ...]:
    """One row a pair, of its leading metric; a pair that may not be compared has no figures."""
    return tuple(_row(comparison) for comparison in findings.comparisons)


def _row(comparison: Comparison) -> Row:
    lead = leading(comparison)
    said = answer(comparison)
    if lead is None or comparison.comparability.refused:
        return Row((name(comparison), *[units.MISSING] * 3, said), "failed", SIGNS["failed"])
    state = "failed" if comparison.worse else status(lead)
    figures = f"{lead.title} {value(lead, lead.base)} → {value(lead, lead.new)}"
    cells = (name(comparison), moved(lead) or units.MISSING, interval(lead), figures, said)
    return Row(cells, state, SIGNS[state])
