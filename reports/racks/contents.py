"""What a page of a rack shows, as matrices and tables in the language that is spoken."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bench.racks.rack import Entry, Gap, Rack, Row
from bench.record.record import Record
from bench.reports.view.matrix import cell
from bench.reports.view.rows import Cell, Column, Numbered, Table
from bench.reports.words.causes import doubt, status
from bench.reports.words.scenarios import scenario_of_plan
from bench.words import say, units

ABREAST = 5
"""Devices of one table, so that it fits a page."""
LISTED = 6
"""Runs or devices that a cell of a table names; of more it states the number."""


class Placed(Struct, frozen=True):
    """A run or a gap, and its target, which tells it from others of the same device; empty where it is not known."""

    target: str
    cell: Cell


class RackRow(Struct, frozen=True):
    """``cells``: of each device of the block, the runs and the gaps that belong there, by target."""

    name: str
    notes: tuple[str, ...]
    cells: tuple[tuple[Placed, ...], ...]


class Block(Struct, frozen=True):
    """Some of the devices, side by side."""

    devices: tuple[str, ...]
    rows: tuple[RackRow, ...]


class Section(Struct, frozen=True):
    """One scenario."""

    caption: str
    blocks: tuple[Block, ...]


class Contents(Struct, frozen=True):
    """``tables``: devices, what is missing, what may be compared, what is not valid; those that have rows."""

    title: str
    summary: str
    note: str
    sections: tuple[Section, ...]
    tables: tuple[Table, ...]


def contents(rack: Rack) -> Contents:
    """Everything that the page and Markdown show."""
    tables = (_devices(rack), _missing(rack), _comparable(rack), _doubted(rack))
    records = [one.run.record for one in rack.entries]
    counts = Counter(_kind(record) for record in records)
    left_out = sum(_is_left_out(gap) for gap in rack.gaps)
    gaps = {"missing": len(rack.gaps) - left_out, "left_out": left_out}
    return Contents(
        title=say("rack.title", models=len({row.model for row in rack.rows}), devices=len(rack.devices)),
        summary=say("rack.summary", runs=len(records), **gaps, **_counted(counts)),
        note=say("rack.note"),
        sections=tuple(_sections(rack)),
        tables=tuple(table for table in tables if table.rows),
    )


def _kind(record: Record) -> str:
    if record.status != "ok":
        return "not_measured"
    return "valid" if status(record) in ("valid", "emulated") else "doubted"


def _counted(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in ("valid", "doubted", "not_measured")}


def _heads(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, say(f"rack.column.{name}")) for name in names)


# ------------------------------------------------------------------------------------------------------ matrices


def _sections(rack: Rack) -> Iterator[Section]:
    devices = [one for one in rack.devices if any(one in row.entries or one in row.gaps for row in rack.rows)]
    by_scenario: dict[str, list[Row]] = {}
    for row in rack.rows:
        by_scenario.setdefault(row.scenario, []).append(row)
    for scenario, rows in by_scenario.items():
        plans = (one.run.record.plan for row in rows for of_one in row.entries.values() for one in of_one)
        plan = next(plans, None)
        caption = units.clean(scenario) if plan is None else scenario_of_plan(plan)
        made = [_row(row, devices) for row in rows]
        blocks = tuple(
            Block(
                devices=tuple(units.clean(devices[place]) for place in places),
                rows=tuple(
                    RackRow(name, notes, tuple(cells[place] for place in places)) for name, notes, cells in made
                ),
            )
            for places in _abreast(len(devices))
        )
        yield Section(caption, blocks)


def _abreast(devices: int) -> Iterator[range]:
    """Places of the devices of each block, of which no two differ by more than a device."""
    blocks = -(-devices // ABREAST)
    for block in range(blocks):
        yield range(block * devices // blocks, (block + 1) * devices // blocks)


def _row(row: Row, devices: Sequence[str]) -> tuple[str, tuple[str, ...], tuple[tuple[Placed, ...], ...]]:
    """Its name, notes, and the cells of each device."""
    every = [one for of_one in row.entries.values() for one in of_one]
    cells = {id(one): cell(Numbered(0, one.run)) for one in every}
    top: dict[int | None, float] = {}
    for one in every:
        top[one.group] = max(top.get(one.group, 0.0), cells[id(one)].weight or 0.0)
    several = sum(one.group is not None for one in every) > 1
    with_target = {device for device, of_one in row.entries.items() if len(of_one) > 1}
    found = []
    for device in devices:
        runs = [_run(one, cells[id(one)], top[one.group], several, with_target) for one in row.entries.get(device, ())]
        gaps = [_gap(gap) for gap in row.gaps.get(device, ())]
        found.append(tuple(sorted((*runs, *gaps), key=lambda one: one.target)))
    anywhere = tuple(_gap_words(gap) for gap in row.gaps.get("", ()))
    return units.clean(row.model), anywhere, tuple(found)


def _run(one: Entry, shown: Cell, top: float, several: bool, with_target: Collection[str]) -> Placed:
    told = (compared_words(one, one.against in with_target),) if several and one.group is not None else ()
    bar = shown.weight / top if shown.weight is not None and top > 0 and several else None
    target = units.clean(one.run.record.plan.target.id)
    return Placed(target, replace(shown, notes=(*shown.notes, *told), bar=bar))


def compared_words(one: Entry, with_target: bool = False) -> str:
    """``comparable with board-1, 2 caveats``. ``with_target``: the device has several runs, and its target tells which
    is meant."""
    if one.answer is None:
        return say("rack.compared.first")
    against = _against(one) if with_target else units.clean(one.against)
    if one.answer == "not_comparable":
        return say("rack.compared.not_comparable", device=against, reason=units.clause(one.reasons[0].sentence))
    if one.reasons:
        return say("rack.compared.comparable_with_caveats", device=against, caveats=len(one.reasons))
    return say("rack.compared.comparable", device=against)


def _is_left_out(gap: Gap) -> bool:
    """It was never ordered: a device measures only what it has the target for, which is no loss."""
    return gap.state == "left_out"


def _gap(gap: Gap) -> Placed:
    notes = filter(None, (units.clean(str(gap.reason)),))
    return Placed(units.clean(gap.target), Cell(say(f"rack.state.{gap.state}"), notes=tuple(notes)))


def _gap_words(gap: Gap) -> str:
    """Of a gap that is no device's own."""
    word, reason = say(f"rack.state.{gap.state}"), units.clause(gap.reason) if gap.reason else ""
    return say("rack.gap", what=word, target=units.clean(gap.target) or units.MISSING, reason=reason or units.MISSING)


# -------------------------------------------------------------------------------------------------------- tables


def _devices(rack: Rack) -> Table:
    """A row a device: what it is, and what came of its runs."""
    records: dict[str, list[Record]] = {device: [] for device in rack.devices}
    for one in rack.entries:
        records[one.run.record.device].append(one.run.record)
    gaps = Counter((gap.device, _is_left_out(gap)) for gap in rack.gaps)
    rows = tuple(
        (
            Cell(units.clean(device) or say("rack.no_device")),
            *_device(records[device], gaps[device, False], gaps[device, True]),
        )
        for device in rack.devices
    )
    columns = _heads("device", "processor", "system", "valid", "doubted", "not_measured", "missing", "left_out")
    return Table(say("rack.devices"), columns, rows)


def _device(records: Sequence[Record], *gaps: int) -> tuple[Cell, ...]:
    hosts = [record.environment.host for record in records]
    cpu = next((str(host["cpu"]) for host in hosts if host.get("cpu")), units.MISSING)
    system = next((" ".join(str(host[n]) for n in ("os", "os_version") if host.get(n)) for host in hosts), "")
    counts = _counted(Counter(_kind(record) for record in records))
    numbers = (Cell(str(count)) for count in (*counts.values(), *gaps))
    return (Cell(units.clean(cpu)), Cell(units.clean(system) or units.MISSING), *numbers)


def _missing(rack: Rack) -> Table:
    """Gaps with one reason are one row."""
    found: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in rack.gaps:
        found.setdefault((gap.state, str(gap.reason), str(gap.remedy)), []).append(gap)
    rows = tuple(
        (
            Cell(say(f"rack.state.{state}")),
            Cell(_several([units.clean(gap.device) or say("rack.any_device") for gap in gaps], "rack.devices_more")),
            Cell(_several([_asked(gap) for gap in gaps], "rack.runs_more")),
            Cell(units.clean(reason) or units.MISSING, notes=tuple(filter(None, (units.clean(remedy),)))),
        )
        for (state, reason, remedy), gaps in found.items()
    )
    return Table(say("rack.missing"), _heads("what", "device", "run", "reason"), rows, say("rack.missing.note"))


def _asked(gap: Gap) -> str:
    parts = (gap.model or say("rack.every_run"), gap.target, gap.scenario)
    return " · ".join(units.clean(part) for part in parts if part)


def _several(texts: Sequence[str], code: str) -> str:
    """Each once; of many the first, and how many more there are."""
    each = [*dict.fromkeys(texts)]
    if len(each) <= LISTED:
        return ", ".join(each)
    return say(code, first=each[:LISTED], more=len(each) - LISTED)


def _comparable(rack: Rack) -> Table:
    """Runs of a row with the same answer for the same reasons are one row."""
    found: dict[tuple[str, str, str, str, tuple[str, ...]], list[str]] = {}
    for row in rack.rows:
        for of_one in row.entries.values():
            for one in of_one:
                if one.answer is not None:
                    why = tuple(units.clean(str(reason.sentence)) for reason in one.reasons)
                    key = (row.model, row.scenario, _against(one), one.answer, why)
                    found.setdefault(key, []).append(_place(one.run.record))
    rows = tuple(
        (
            Cell(units.clean(model), notes=(units.clean(scenario),)),
            Cell(_several(places, "rack.devices_more")),
            Cell(against),
            Cell(say(f"rack.answer.{answer}")),
            Cell("" if why else units.MISSING, notes=why),
        )
        for (model, scenario, against, answer, why), places in found.items()
    )
    columns = _heads("model", "device", "against", "answer", "why")
    return Table(say("rack.comparable"), columns, rows, say("rack.comparable.note"))


def _place(record: Record) -> str:
    return _place_words(record.device, record.plan.target.id)


def _against(one: Entry) -> str:
    return _place_words(one.against, one.against_target)


def _place_words(device: str, target: str) -> str:
    """``board-1 (qnn:htp)``."""
    return say("rack.place", device=units.clean(device) or say("rack.no_device"), target=units.clean(target))


def _named(rack: Rack) -> Iterator[tuple[str, Record]]:
    """Each run's record with the name of its model, as the matrix has it."""
    for row in rack.rows:
        for entries in row.entries.values():
            yield from ((row.model, one.run.record) for one in entries)


def _doubted(rack: Rack) -> Table:
    """The runs whose figures must not be used, or that have none."""
    rows = tuple(
        (
            Cell(units.clean(model)),
            Cell(_place(record)),
            Cell(say(f"report.status.{status(record)}"), status(record)),
            Cell(_why(record), notes=tuple(_remedies(record))),
        )
        for model, record in _named(rack)
        if _kind(record) != "valid"
    )
    return Table(say("rack.doubted"), _heads("model", "device", "verdict", "reason"), rows, say("rack.doubted.note"))


def _why(record: Record) -> str:
    if record.failure is not None:
        return units.clean(record.failure.message)
    return doubt(record) or units.MISSING


def _remedies(record: Record) -> Iterator[str]:
    if record.failure is not None and record.failure.remedy:
        yield units.clean(record.failure.remedy)
    reasons = () if record.verdict is None or record.failure is not None else record.verdict.reasons
    told: Mapping[str, None] = dict.fromkeys(
        units.clean(reason.remedy) for reason in reasons if reason.invalidates and reason.remedy
    )
    yield from told
