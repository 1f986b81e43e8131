"""Emulated runs, apart from all others: what they prove, without a single time."""

from collections.abc import Sequence

from bench.reports import units
from bench.reports.rows import (
    MISSING_CELL,
    Cell,
    Numbered,
    Table,
    emulated,
    fidelity_words,
    on_device,
    options_words,
    status,
)


def emulated_table(items: Sequence[Numbered]) -> Table | None:
    """What the emulated runs prove: compilation, placement, numerics. No times."""
    rows = tuple(_emulated_row(i) for i in items if emulated(i.record))
    if not rows:
        return None
    return Table(
        caption="Emulated: compilation, placement and numerics, not speed",
        columns=("Run", "Model", "Target", "Compiles", "Placement", "Fell back", "Fidelity", "Ran in", "Options"),
        rows=rows,
        note="An emulator stands in for the device here. What it says of compiling, of placement and of the outputs "
        "holds for the named chip; its times say nothing of the device's and are kept out of every comparison.",
    )


def _emulated_row(item: Numbered) -> tuple[Cell, ...]:
    record = item.record
    target, placement, good = record.plan.target, record.placement, record.status == "ok"
    kind = units.clean(record.failure.kind) if record.failure is not None else ""
    fell = MISSING_CELL if placement is None else Cell(units.grouped(len(placement.fallback)))
    return (
        Cell(str(item.number), run=item.number),
        Cell(units.clean(record.plan.model.id)),
        Cell(units.clean(target.id)),
        Cell("yes", "emulated") if good else Cell(record.status, status(record), (kind,) if kind else ()),
        Cell(on_device(placement)) if placement is not None else MISSING_CELL,
        fell,
        Cell(fidelity_words(record).removeprefix("fidelity: ")) if good else MISSING_CELL,
        Cell(units.clean(target.executed_precision or units.MISSING)),
        Cell(options_words(record) or units.MISSING),
    )
