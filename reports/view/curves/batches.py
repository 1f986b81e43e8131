"""The runs of one model at several batch sizes and sizes of its pictures, side by side."""

from collections.abc import Sequence

from msgspec.structs import replace

from bench.record.record import Record
from bench.reports.view.rows import Cell, Numbered, Table, columns, options_words
from bench.reports.words import figures
from bench.reports.words.causes import DOUBTED, emulated, status
from bench.scenarios.batches import batch_size, side_of
from bench.words import say, units

SUBJECT = tuple[str, str, str, str]
Sized = tuple[int, int]
"""Height and width of the pictures, 0 where they were not asked for; and the batch size."""


def by_subject(items: Sequence[Numbered]) -> dict[SUBJECT, list[tuple[Sized, Numbered]]]:
    """Folder, model, precision and target -> its sizes in order, each with its run, of those that were measured at two
    or more."""
    found: dict[SUBJECT, dict[Sized, Numbered]] = {}
    for item in items:
        record = item.record
        size, side = batch_size(record.plan.scenario), side_of(record.plan.scenario)
        if size is not None and record.status == "ok" and not emulated(record):
            found.setdefault(_subject(item), {})[side or 0, size] = item
    return {subject: sorted(runs.items()) for subject, runs in found.items() if len(runs) > 1}


def _subject(item: Numbered) -> SUBJECT:
    plan = item.record.plan
    target = f"{units.clean(plan.target.id)} {options_words(item.record)}".strip()
    return item.folder, item.model, units.clean(plan.model.precision or ""), target


def batch_table(items: Sequence[Numbered]) -> Table | None:
    """``None`` where no model was measured at two sizes."""
    rows, subjects = [], by_subject(items)
    sided = any(side for runs in subjects.values() for (side, _), _ in runs)
    for (_, model, precision, target), runs in subjects.items():
        smallest, first = runs[0]
        for size, item in runs:
            record = item.record
            mark = f"{Cell('', status(record)).sign} " if status(record) in DOUBTED else ""
            rows.append(
                (
                    Cell(str(item.number), run=item.number),
                    Cell(f"{model} {precision}".strip()),
                    Cell(target),
                    *([Cell(sides_text(size[0]))] if sided else []),
                    Cell(units.grouped(size[1])),
                    _figure(record, "latency_p50_ns", mark),
                    _figure(record, "samples_per_s", mark),
                    Cell(units.MISSING if size == smallest else _times(record, first.record)),
                    _figure(record, "cpu_seconds_per_inference", mark),
                )
            )
    sizes = ("picture", "batch_size") if sided else ("batch_size",)
    heads = columns("run", "model", "target", *sizes, "p50", "samples_per_s", "over_smallest", "cpu_a_sample")
    caption = say("report.batches.caption.sides" if sided else "report.batches.caption")
    return Table(caption, heads, tuple(rows), say("report.batches.note")) if rows else None


def sides_text(side: int) -> str:
    """Height and width of pictures."""
    return f"{side} × {side}" if side else units.MISSING


def _figure(record: Record, name: str, mark: str) -> Cell:
    value, between = figures.shown(record, name), figures.between(record, name)
    found = Cell(value if value == units.MISSING else f"{mark}{value}")
    return replace(found, notes=(between,)) if between else found


def _times(record: Record, smallest: Record) -> str:
    """How many times as many samples a second."""
    rate, least = (figures.figure(one, "samples_per_s") for one in (record, smallest))
    return units.MISSING if not rate or not least else units.figure(rate / least, "ratio")
