"""What a report is made of: its title, when, by what and on which machines, and each record's checksum."""

from collections.abc import Sequence

from bench.record.refused import RefusedRecord
from bench.reports.view.machines import machines
from bench.reports.view.rows import Cell, Numbered, Table, columns, folder_cells, placed
from bench.reports.words.causes import compiled, edited, emulated
from bench.words import say, units

SHORT = 12
"""Characters of a checksum that is given in full elsewhere."""


def title(items: Sequence[Numbered], refused: Sequence[RefusedRecord] = ()) -> str:
    """What was run, after ``Measured``, ``Emulated`` or ``Nothing measured``."""
    if not items:
        return say("report.title.none_read" if refused else "report.title.none")
    models: dict[str, set[str]] = {}
    for item in items:
        models.setdefault(item.model, set()).update(filter(None, (item.record.plan.model.sha256,)))
    files = sum(max(1, len(hashes)) for hashes in models.values())
    targets = dict.fromkeys(units.clean(i.record.plan.target.id) for i in items)
    model = next(iter(models)) if files == 1 else units.counted(files, "model")
    places = next(iter(targets)) if len(targets) == 1 else units.counted(len(targets), "target")
    chips = {i.chip for i in items if emulated(i.record)}
    if len(targets) == 1 and len(chips) > 1:
        places = say("report.title.chips", target=places, chips=len(chips))
    return say("report.title", kind=_kind(items), model=model, target=places)


def _kind(items: Sequence[Numbered]) -> str:
    worked = [emulated(i.record) for i in items if i.record.status == "ok"]
    if not worked:
        return say("report.title.nothing")
    if all(worked):
        return say("report.title.emulated")
    return say("report.title.both" if any(worked) else "report.title.measured")


def facts(items: Sequence[Numbered], refused: Sequence[RefusedRecord] = ()) -> tuple[tuple[str, str], ...]:
    """Label and value; nothing of an empty report."""
    if not items:
        return ()
    tools = dict.fromkeys(f"{units.clean(i.record.tool.name)} {units.clean(i.record.tool.version)}" for i in items)
    folders = dict.fromkeys(i.folder for i in items if i.folder)
    found = [
        (say("report.fact.made"), period(items)),
        (say("report.fact.tool"), ", ".join(tools)),
        (say("report.fact.records"), _records(items, refused)),
        (say("report.fact.folders"), "; ".join(_folder(f, items) for f in folders)),
        (say("report.fact.runs"), _runs(items)),
        *((m.name, m.line or say("report.unknown")) for m in machines(items)),
    ]
    return tuple((label, value) for label, value in found if value)


def _records(items: Sequence[Numbered], refused: Sequence[RefusedRecord]) -> str:
    sealed = sum(i.record.record_sha256 is not None for i in items)
    every = "all_sealed" if sealed == len(items) else "some_sealed" if sealed else "none_sealed"
    changed = sum(edited(i.record) for i in items)
    parts = [say(f"report.records.{every}", count=len(items), sealed=sealed)]
    parts += [say("report.records.edited", count=changed)] if changed else []
    parts += [say("report.records.refused", count=len(refused))] if refused else []
    return say("report.parts", parts=parts)


def _folder(name: str, items: Sequence[Numbered]) -> str:
    return say("report.folder_runs", folder=name, runs=sum(i.folder == name for i in items))


def _runs(items: Sequence[Numbered]) -> str:
    """``2 measured on devices, 1 emulated, 1 compiled and then failed, 1 skipped``: what became of each run."""
    records = [item.record for item in items]
    worked = [emulated(r) for r in records if r.status == "ok"]
    failed = [compiled(r) for r in records if r.status == "failed"]
    told = (
        (worked.count(False), "measured"),
        (worked.count(True), "emulated"),
        (failed.count(True), "compiled"),
        (failed.count(False), "failed"),
        (sum(r.status == "skipped" for r in records), "skipped"),
    )
    parts = [say(f"report.became.{what}", count=n) for n, what in told if n]
    if worked and all(worked):
        return say("report.runs.no_device", parts=parts)
    return say("report.parts" if worked else "report.runs.none_completed", parts=parts)


def period(items: Sequence[Numbered]) -> str:
    moments = sorted(i.record.created_utc for i in items)
    if not moments:
        return ""
    first, last = units.when(moments[0]), units.when(moments[-1])
    return first if first == last else say("unit.from_to", low=first, high=last)


def records_table(items: Sequence[Numbered]) -> Table | None:
    """Each run's record with its whole checksum, which ties a page or a print to a file."""
    if not items:
        return None
    rows = tuple(
        (
            Cell(str(item.number), run=item.number),
            *folder_cells(item, placed(items)),
            Cell(units.clean(item.record.record_id)),
            Cell(units.clean(item.record.record_sha256 or say("report.not_sealed"))),
        )
        for item in items
    )
    heads = columns("run", *(("folder",) if placed(items) else ()), "record", "record_sha256")
    return Table(say("report.fact.records"), heads, rows, say("report.records.note"))


def short_hashes(items: Sequence[Numbered]) -> str:
    """``1 2637f6811234, 2 …``, for a terminal."""
    return ", ".join(
        f"{i.number} {units.clean(i.record.record_sha256 or '')[:SHORT] or say('report.not_sealed')}" for i in items
    )
