"""Records that were refused, on the page itself: without them, a reader would take the report for complete."""

from collections.abc import Sequence

from bench.record.refused import RefusedRecord
from bench.reports.view.rows import Cell, Table, columns
from bench.words import say, units


def refused_table(refused: Sequence[RefusedRecord]) -> Table:
    """One row a record, with its folder where there are several."""
    placed = any(one.folder for one in refused)
    rows = tuple(
        (
            *((Cell(units.clean(one.folder)),) if placed else ()),
            Cell(units.clean(one.name)),
            Cell(units.clean(str(one.message)), notes=tuple(filter(None, (units.clean(str(one.remedy)),)))),
        )
        for one in refused
    )
    heads = columns(*(("folder",) if placed else ()), "record", "why")
    return Table(say("report.refused.caption", count=len(refused)), heads, rows, say("report.refused.note"))
