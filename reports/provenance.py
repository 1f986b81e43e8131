"""What a report is made of: its title, when, by what and on which machines, and each record's checksum."""

from collections.abc import Sequence

from bench.refused_record import RefusedRecord
from bench.reports import units
from bench.reports.causes import edited, emulated
from bench.reports.machines import machines
from bench.reports.rows import Cell, Numbered, Table, folder_cells, placed

SHORT = 12
"""Signs of a checksum where the whole one stands elsewhere."""


def title(items: Sequence[Numbered], refused: Sequence[RefusedRecord] = ()) -> str:
    """What was run and what became of it: ``Measured``, ``Emulated`` or neither stands before it."""
    if not items:
        return "No runs" if not refused else "No record that could be read"
    models: dict[str, set[str]] = {}
    for item in items:
        models.setdefault(item.model, set()).update(filter(None, (item.record.plan.model.sha256,)))
    files = sum(max(1, len(hashes)) for hashes in models.values())
    targets = dict.fromkeys(units.clean(i.record.plan.target.id) for i in items)
    model = next(iter(models)) if files == 1 else f"{files} models"
    places = next(iter(targets)) if len(targets) == 1 else f"{len(targets)} targets"
    chips = {i.chip for i in items if emulated(i.record)}
    if len(targets) == 1 and len(chips) > 1:
        places += f", {len(chips)} chips"
    return f"{_kind(items)}: {model} on {places}"


def _kind(items: Sequence[Numbered]) -> str:
    worked = [emulated(i.record) for i in items if i.record.status == "ok"]
    if not worked:
        return "Nothing measured"
    return "Emulated, not measured" if all(worked) else "Measured and emulated" if any(worked) else "Measured"


def facts(items: Sequence[Numbered], refused: Sequence[RefusedRecord] = ()) -> tuple[tuple[str, str], ...]:
    """Label and value; nothing of an empty report."""
    if not items:
        return ()
    tools = dict.fromkeys(f"{units.clean(i.record.tool.name)} {units.clean(i.record.tool.version)}" for i in items)
    folders = dict.fromkeys(i.folder for i in items if i.folder)
    found = [
        ("Made", period(items)),
        ("Tool", ", ".join(tools)),
        ("Records", _records(items, refused)),
        ("Folders", "; ".join(_folder(f, items) for f in folders)),
        ("Runs", _runs(items)),
        *((m.name, m.line or "unknown") for m in machines(items)),
    ]
    return tuple((label, value) for label, value in found if value)


def _records(items: Sequence[Numbered], refused: Sequence[RefusedRecord]) -> str:
    sealed = sum(i.record.record_sha256 is not None for i in items)
    every = "all sealed" if sealed == len(items) else "none sealed" if not sealed else f"{sealed} sealed"
    changed = sum(edited(i.record) for i in items)
    found = f", {changed} edited before it was sealed again" if changed else ""
    left = f", {len(refused)} refused" if refused else ""
    return f"{len(items)}, {every}{found}{left}"


def _folder(name: str, items: Sequence[Numbered]) -> str:
    there = sum(i.folder == name for i in items)
    return f"{name}: {there} run{'s' if there != 1 else ''}"


def _runs(items: Sequence[Numbered]) -> str:
    worked = [i for i in items if i.record.status == "ok"]
    played = sum(emulated(i.record) for i in worked)
    if not worked:
        return "none was carried out"
    if played == len(worked):
        return "all emulated: nothing here is a time of a device"
    lost = len(items) - len(worked)
    counted = ((len(worked) - played, "measured on devices"), (played, "emulated"), (lost, "not carried out"))
    return ", ".join(f"{n} {what}" for n, what in counted if n)


def period(items: Sequence[Numbered]) -> str:
    moments = sorted(i.record.created_utc for i in items)
    if not moments:
        return ""
    first, last = units.when(moments[0]), units.when(moments[-1])
    return first if first == last else f"{first} to {last}"


def records_table(items: Sequence[Numbered]) -> Table | None:
    """Each run's record with its whole checksum, which ties a page or a print to a file."""
    if not items:
        return None
    rows = tuple(
        (
            Cell(str(item.number), run=item.number),
            *folder_cells(item, placed(items)),
            Cell(units.clean(item.record.record_id)),
            Cell(units.clean(item.record.record_sha256 or "not sealed")),
        )
        for item in items
    )
    columns = ("Run", *(("Folder",) if placed(items) else ()), "Record", "SHA-256 (record_sha256)")
    note = (
        "record_sha256 covers everything else in a record.json. It shows that a file is the one this report was made "
        "of; whether its figures are true only its samples and a repetition tell."
    )
    return Table("Records", columns, rows, note)


def short_hashes(items: Sequence[Numbered]) -> str:
    """``1 2637f6811234, 2 …``, for a terminal."""
    return ", ".join(
        f"{i.number} {units.clean(i.record.record_sha256)[:SHORT] if i.record.record_sha256 else 'not sealed'}"
        for i in items
    )
