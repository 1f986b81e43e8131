"""Emulated runs, apart from all others: a row for each chip and what it proves, without times."""

from collections.abc import Sequence

from bench.reports.view.rows import (
    MISSING_CELL,
    Cell,
    Column,
    Numbered,
    Table,
    agreement,
    columns,
    folder_cells,
    placed,
    placed_count,
)
from bench.reports.words.causes import compiled, emulated, further_doubts, outputs_wrong, status, status_word
from bench.reports.words.names import failure_kind
from bench.reports.words.plans import ran_in
from bench.words import say, units


def emulated_table(items: Sequence[Numbered]) -> Table | None:
    """What the emulated runs prove: compilation, placement, outputs. No times."""
    theirs = [i for i in items if emulated(i.record)]
    if not theirs:
        return None
    common = _common_options(theirs)
    units_asked = {i.record.placement.requested for i in theirs if i.record.placement is not None}
    there = say("report.emulated.on_device")
    if len(units_asked) == 1:
        there = say("report.emulated.on", device=units.clean(next(iter(units_asked))))
    given = [f"{units.clean(k)}={units.clean(v)}" for k, v in common.items()]
    targets = list(dict.fromkeys(units.clean(i.record.plan.target.id) for i in theirs))
    note = say("report.emulated.target", targets=targets)
    if given:
        note = say("report.emulated.target_with", targets=targets, options=given)
    return Table(
        caption=say("report.emulated.caption"),
        columns=(
            *columns("run", *(("folder",) if placed(theirs) else ()), "model", "chip", "compiles"),
            Column("there", there),
            *columns("outputs", "ran_in", "verdict"),
        ),
        rows=tuple(_row(i, common, placed(theirs)) for i in theirs),
        note=f"{note} {say('report.emulated.note')}",
    )


def _common_options(items: Sequence[Numbered]) -> dict[str, str]:
    """The options that all runs were given alike."""
    asked = [i.record.plan.target.options_requested for i in items]
    return {k: v for k, v in asked[0].items() if len(items) > 1 and all(other.get(k) == v for other in asked)}


def _row(item: Numbered, common: dict[str, str], in_folder: bool) -> tuple[Cell, ...]:
    record = item.record
    target, found, good = record.plan.target, record.placement, record.status == "ok"
    state = status(record)
    kind = failure_kind(record.failure.kind) if record.failure is not None else ""
    own = [f"{k}={v}" for k, v in target.options_requested.items() if k not in common]
    named = bool(target.device_name)
    why = further_doubts(record) if good else ""
    verdict = Cell("", state)
    late = (kind,) if kind and compiled(record) else ()
    return (
        Cell(str(item.number), run=item.number),
        *folder_cells(item, in_folder),
        Cell(item.model),
        Cell(item.chip, notes=tuple(units.clean(o) for o in own) if named else ()),
        _compiles(item),
        _there(item) if found is not None else MISSING_CELL,
        _outputs(item) if good else MISSING_CELL,
        Cell(units.clean(ran_in(target) or units.MISSING)),
        Cell(f"{verdict.sign} {verdict.word}", state, (why,) if why else late),
    )


def _compiles(item: Numbered) -> Cell:
    record, state = item.record, status(item.record)
    if compiled(record):
        cache = record.plan.scenario.compile_cache
        notes = () if cache == "none" else (say("report.emulated.cache", cache=say(f"report.compile_cache.{cache}")),)
        return Cell(say("report.yes"), state if record.status == "ok" else "plain", notes)
    kind = failure_kind(record.failure.kind) if record.failure is not None else ""
    return Cell(say("report.emulated.not_compiled", status=status_word(state)), state, (kind,) if kind else ())


def _there(item: Numbered) -> Cell:
    placement = item.record.placement
    assert placement is not None
    fell = len(placement.fallback)
    notes = (say("report.emulated.fell_back", nodes=fell),) if fell else ()
    return Cell(placed_count(placement), notes=notes)


def _outputs(item: Numbered) -> Cell:
    code, figure = agreement(item.record)
    notes = (figure,) if figure else ()
    if outputs_wrong(item.record):
        return Cell(say("report.outputs_wrong"), "wrong", notes)
    return Cell(say(f"report.emulated.outputs.{code}"), notes=notes)
