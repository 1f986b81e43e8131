"""Records that were refused, on the page itself: without them, a reader would take the report for complete."""

from collections.abc import Sequence

from bench.record.refused import RefusedRecord
from bench.reports.view.rows import Cell, Table
from bench.words import units


def refused_table(refused: Sequence[RefusedRecord]) -> Table:
    """One row a record, with its folder where there are several."""
    placed = any(one.folder for one in refused)
    rows = tuple(
        (
            *((Cell(units.clean(one.folder)),) if placed else ()),
            Cell(units.clean(one.name)),
            Cell(units.clean(one.message), notes=tuple(filter(None, (units.clean(one.remedy),)))),
        )
        for one in refused
    )
    columns = (*(("Folder",) if placed else ()), "Record", "Why")
    count = f"{units.counted(len(refused), 'record')} refused"
    return Table(f"✕ {count}", columns, rows, "Nothing in a refused record is shown, counted or compared below.")
