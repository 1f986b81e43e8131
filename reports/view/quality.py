"""How good the answers are, in tables: of all runs, and of one."""

from collections.abc import Sequence

from bench.record.quality import Quality, QualityMetric
from bench.record.record import Record
from bench.reports.view.rows import MISSING_CELL, Cell, Numbered, Table, fidelity_words
from bench.reports.words.quality import (
    against_reference,
    between,
    chance,
    inputs_words,
    signed,
    title,
    value,
    verdict_words,
)
from bench.words import units


def quality_overview(items: Sequence[Numbered]) -> Table | None:
    """Quality, its certainty, the loss against the reference and fidelity, of every run that was carried out; nothing
    where none was judged on a dataset."""
    carried_out = [item for item in items if item.record.status == "ok"]
    if not any(item.record.quality is not None for item in carried_out):
        return None
    rows = [row for item in carried_out for row in _overview_rows(item)]
    return Table(
        "Quality and fidelity",
        ("Run", "Model", "Target", "Metric", "Value", "95 % interval", "Against the reference", "Outputs"),
        tuple(rows),
        "Quality was evaluated on the file and the target that were measured, and the reference on the same samples. "
        "Fractions have Wilson's interval and McNemar's exact test; other metrics the bootstrap and a randomisation "
        "test. Outputs of an emulator count as the device's; its times do not.",
    )


def quality_listing(items: Sequence[Numbered]) -> Table | None:
    """The same for a narrow terminal, of the runs that were judged."""
    rows = [
        (
            Cell(str(item.number), run=item.number),
            Cell(item.name),
            Cell(item.place),
            Cell(title(metric.name)),
            Cell(value(metric.value, metric.unit), notes=(between(metric.interval95, metric.unit),)),
            *_loss_cells(metric, item.record.quality),
        )
        for item in items
        if item.record.status == "ok" and item.record.quality is not None
        for metric in item.record.quality.metrics
    ]
    if not rows:
        return None
    columns = ("Run", "Model", "Target", "Metric", "Value", "Against reference", "p", "Result")
    return Table("Quality", columns, tuple(rows), "The 95 % interval is below each figure.")


def _loss_cells(metric: QualityMetric, quality: Quality) -> tuple[Cell, ...]:
    pair = next((p for p in quality.paired if p.metric == metric.name), None)
    if pair is None:
        return MISSING_CELL, MISSING_CELL, Cell("not tested")
    bounds = " to ".join(signed(end, metric.unit) for end in pair.interval95) if pair.interval95 else units.MISSING
    points = " points" if metric.unit == "share" else ""
    return (
        Cell(f"{signed(pair.difference, metric.unit)}{points}", notes=(bounds,)),
        Cell(chance(pair.p_value).removeprefix("p = ").removeprefix("p ")),
        Cell(verdict_words(pair.difference, pair.word, metric.unit)),
    )


def _overview_rows(item: Numbered) -> list[tuple[Cell, ...]]:
    record, plan = item.record, item.record.plan
    head = Cell(str(item.number), run=item.number), Cell(item.name), Cell(units.clean(plan.target.id))
    outputs = Cell(fidelity_words(record).removeprefix("fidelity: "), notes=_against(record))
    if record.quality is None:
        return [(*head, Cell("no dataset"), MISSING_CELL, MISSING_CELL, MISSING_CELL, outputs)]
    rows = []
    for index, metric in enumerate(record.quality.metrics):
        front = head if index == 0 else (Cell("", run=None), Cell(""), Cell(""))
        rows.append((*front, *_metric_cells(metric, record.quality), outputs if index == 0 else Cell("")))
    return rows


def _against(record: Record) -> tuple[str, ...]:
    found = record.fidelity
    if found is None:
        return ()
    inputs = "" if found.token_prefix is not None else f", {inputs_words(record)}"
    return (f"compared with {units.clean(found.reference)}{inputs}",)


def _metric_cells(metric: QualityMetric, quality: Quality) -> tuple[Cell, ...]:
    samples = f"{units.counted(quality.dataset.samples, 'sample')} of {units.clean(quality.dataset.name)}"
    return (
        Cell(title(metric.name), notes=(samples,)),
        Cell(value(metric.value, metric.unit)),
        Cell(between(metric.interval95, metric.unit)),
        Cell(against_reference(metric, quality)),
    )


def quality_table(record: Record) -> Table | None:
    """One run's metrics and its reference's, with the samples left out of the dataset."""
    found = record.quality
    if found is None:
        return None
    theirs = {metric.name: metric for metric in found.reference.metrics} if found.reference is not None else {}
    rows = []
    for metric in found.metrics:
        reference = theirs.get(metric.name)
        shown = MISSING_CELL if reference is None else Cell(value(reference.value, metric.unit))
        ours = Cell(value(metric.value, metric.unit)), Cell(between(metric.interval95, metric.unit))
        rows.append((Cell(title(metric.name)), *ours, shown, Cell(against_reference(metric, found))))
    columns = ("Metric", "Value", "95 % interval", "Reference", "Against the reference")
    return Table("Quality", columns, tuple(rows), _dataset_words(found))


def _dataset_words(found: Quality) -> str:
    facts = found.dataset
    options = ", ".join(f"{k}={v}" for k, v in facts.options.items())
    parts = [
        f"Dataset {facts.name} ({facts.task}): {units.counted(facts.samples, 'sample')}, SHA-256 {facts.sha256[:12]}",
        f"options {options}" if options else "",
        f"images {facts.preprocessing}" if facts.preprocessing else "",
        f"reference: {found.reference.name}" if found.reference is not None else "",
    ]
    said = f"{'; '.join(filter(None, parts))}."
    if facts.left_out:
        told = "; ".join(f"{one.file}: {one.reason} ({one.field})" for one in facts.left_out[:10])
        more = "; …" if len(facts.left_out) > 10 else ""
        said += f" Left out: {told}{more}."
    return units.clean(said)
