"""What a report is made of: its title, when, by what and on which machines, and each record's checksum."""

from collections.abc import Sequence

from bench.record.refused import RefusedRecord
from bench.reports.view.machines import machines
from bench.reports.view.rows import Cell, Numbered, Table, folder_cells, placed
from bench.reports.words.causes import compiled, edited, emulated
from bench.words import units

SHORT = 12
"""Characters of a checksum that is given in full elsewhere."""


def title(items: Sequence[Numbered], refused: Sequence[RefusedRecord] = ()) -> str:
    """What was run, after ``Measured``, ``Emulated`` or ``Nothing measured``."""
    if not items:
        return "No runs" if not refused else "No record that could be read"
    models: dict[str, set[str]] = {}
    for item in items:
        models.setdefault(item.model, set()).update(filter(None, (item.record.plan.model.sha256,)))
    files = sum(max(1, len(hashes)) for hashes in models.values())
    targets = dict.fromkeys(units.clean(i.record.plan.target.id) for i in items)
    model = next(iter(models)) if files == 1 else units.counted(files, "model")
    places = next(iter(targets)) if len(targets) == 1 else units.counted(len(targets), "target")
    chips = {i.chip for i in items if emulated(i.record)}
    if len(targets) == 1 and len(chips) > 1:
        places += f", {units.counted(len(chips), 'chip')}"
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
    found = f", {changed} edited and sealed again" if changed else ""
    left = f", {len(refused)} refused" if refused else ""
    return f"{len(items)}, {every}{found}{left}"


def _folder(name: str, items: Sequence[Numbered]) -> str:
    return f"{name}: {units.counted(sum(i.folder == name for i in items), 'run')}"


def _runs(items: Sequence[Numbered]) -> str:
    """``2 measured on devices, 1 emulated, 1 compiled and then failed, 1 skipped``: what became of each run."""
    records = [item.record for item in items]
    worked = [emulated(r) for r in records if r.status == "ok"]
    failed = [compiled(r) for r in records if r.status == "failed"]
    told = (
        (worked.count(False), "measured on devices"),
        (worked.count(True), "emulated"),
        (failed.count(True), "compiled and then failed"),
        (failed.count(False), "failed"),
        (sum(r.status == "skipped" for r in records), "skipped"),
    )
    counted = ", ".join(f"{n} {what}" for n, what in told if n)
    if worked and all(worked):
        return f"{counted}: no time in this report is a device's"
    return counted if worked else f"none completed: {counted}"


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
        "record_sha256 covers everything else in a record.json. It shows that a file is the one that this report was "
        "made from. It does not show that the figures are true; for that, look at the samples and repeat the run."
    )
    return Table("Records", columns, rows, note)


def short_hashes(items: Sequence[Numbered]) -> str:
    """``1 2637f6811234, 2 …``, for a terminal."""
    return ", ".join(
        f"{i.number} {units.clean(i.record.record_sha256)[:SHORT] if i.record.record_sha256 else 'not sealed'}"
        for i in items
    )
