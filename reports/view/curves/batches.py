"""The runs of one model at several batch sizes, side by side."""

from collections.abc import Sequence

from msgspec.structs import replace

from bench.record.record import Record
from bench.reports.view.rows import Cell, Numbered, Table, columns, options_words
from bench.reports.words import figures
from bench.reports.words.causes import DOUBTED, emulated, status
from bench.scenarios.batches import batch_size
from bench.words import say, units

SUBJECT = tuple[str, str, str, str]


def by_subject(items: Sequence[Numbered]) -> dict[SUBJECT, list[tuple[int, Numbered]]]:
    """Folder, model, precision and target -> its batch sizes in order, each with its run, of those that were measured
    at two sizes or more."""
    found: dict[SUBJECT, dict[int, Numbered]] = {}
    for item in items:
        record = item.record
        size = batch_size(record.plan.scenario)
        if size is not None and record.status == "ok" and not emulated(record):
            found.setdefault(_subject(item), {})[size] = item
    return {subject: sorted(runs.items()) for subject, runs in found.items() if len(runs) > 1}


def _subject(item: Numbered) -> SUBJECT:
    plan = item.record.plan
    target = f"{units.clean(plan.target.id)} {options_words(item.record)}".strip()
    return item.folder, item.model, units.clean(plan.model.precision or ""), target


def batch_table(items: Sequence[Numbered]) -> Table | None:
    """``None`` where no model was measured at two sizes."""
    rows = []
    for (_, model, precision, target), runs in by_subject(items).items():
        smallest, first = runs[0]
        for size, item in runs:
            record = item.record
            mark = f"{Cell('', status(record)).sign} " if status(record) in DOUBTED else ""
            rows.append(
                (
                    Cell(str(item.number), run=item.number),
                    Cell(f"{model} {precision}".strip()),
                    Cell(target),
                    Cell(units.grouped(size)),
                    _figure(record, "latency_p50_ns", mark),
                    _figure(record, "samples_per_s", mark),
                    Cell(units.MISSING if size == smallest else _times(record, first.record)),
                    _figure(record, "cpu_seconds_per_inference", mark),
                )
            )
    heads = columns("run", "model", "target", "batch_size", "p50", "samples_per_s", "over_smallest", "cpu_a_sample")
    return Table(say("report.batches.caption"), heads, tuple(rows), say("report.batches.note")) if rows else None


def _figure(record: Record, name: str, mark: str) -> Cell:
    value, between = figures.shown(record, name), figures.between(record, name)
    found = Cell(value if value == units.MISSING else f"{mark}{value}")
    return replace(found, notes=(between,)) if between else found


def _times(record: Record, smallest: Record) -> str:
    """How many times as many samples a second."""
    rate, least = (figures.figure(one, "samples_per_s") for one in (record, smallest))
    return units.MISSING if not rate or not least else units.figure(rate / least, "ratio")
