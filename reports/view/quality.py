"""How good the answers are, in tables: of all runs, and of one."""

from collections.abc import Sequence

from bench.record.quality import Quality, QualityMetric
from bench.record.record import Record
from bench.reports.view.rows import MISSING_CELL, Cell, Numbered, Table, columns, fidelity_found
from bench.reports.words.imports import import_words
from bench.reports.words.names import known
from bench.reports.words.quality import (
    against_reference,
    between,
    chance_figure,
    inputs_words,
    samples_words,
    shown_metrics,
    signed,
    title,
    value,
    verdict_words,
)
from bench.words import say, units


def quality_overview(items: Sequence[Numbered]) -> Table | None:
    """Quality, its certainty, the loss against the reference and fidelity, of every run that was carried out; nothing
    where none was judged on a dataset."""
    carried_out = [item for item in items if item.record.status == "ok"]
    if not any(item.record.quality is not None for item in carried_out):
        return None
    records = [item.record for item in carried_out]
    rows = [row for item in carried_out for row in _overview_rows(item, records)]
    return Table(
        say("report.quality.overview"),
        columns("run", "model", "target", "metric", "value", "interval95", "against_reference", "outputs"),
        tuple(rows),
        say("report.quality.overview_note"),
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
        for metric in shown_metrics(item.record.quality)
    ]
    if not rows:
        return None
    heads = columns("run", "model", "target", "metric", "value", "against_short", "p_value", "result")
    return Table(say("report.quality.caption"), heads, tuple(rows), say("report.quality.listing_note"))


def _loss_cells(metric: QualityMetric, quality: Quality) -> tuple[Cell, ...]:
    pair = next((p for p in quality.paired if p.metric == metric.name), None)
    if pair is None:
        return MISSING_CELL, MISSING_CELL, Cell(say("report.not_tested"))
    bounds = units.MISSING
    if pair.interval95 is not None:
        low, high = (signed(end, metric.unit) for end in pair.interval95)
        bounds = say("unit.from_to", low=low, high=high)
    difference = signed(pair.difference, metric.unit)
    if metric.unit == "share":
        difference = say("report.points", points=difference)
    return (
        Cell(difference, notes=(bounds,)),
        Cell(chance_figure(pair.p_value)),
        Cell(verdict_words(pair.difference, pair.word, metric.unit)),
    )


def _overview_rows(item: Numbered, records: Sequence[Record]) -> list[tuple[Cell, ...]]:
    record, plan = item.record, item.record.plan
    head = Cell(str(item.number), run=item.number), Cell(item.name), Cell(units.clean(plan.target.id))
    outputs = Cell(fidelity_found(record), notes=_against(record))
    if record.quality is None:
        return [(*head, Cell(say("report.no_dataset")), MISSING_CELL, MISSING_CELL, MISSING_CELL, outputs)]
    rows, imported = [], import_words(record, records)
    for index, metric in enumerate(shown_metrics(record.quality)):
        front = head if index == 0 else (Cell("", run=None), Cell(""), Cell(""))
        rows.append((*front, *_metric_cells(metric, record.quality, imported), outputs if index == 0 else Cell("")))
    return rows


def _against(record: Record) -> tuple[str, ...]:
    found = record.fidelity
    if found is None:
        return ()
    reference = units.clean(str(found.reference))
    if found.token_prefix is not None:
        return (say("report.compared_with", reference=reference),)
    return (say("report.compared_with_on", reference=reference, inputs=inputs_words(record)),)


def _metric_cells(metric: QualityMetric, quality: Quality, imported: str) -> tuple[Cell, ...]:
    facts = quality.dataset
    samples = say("report.samples_of", samples=samples_words(metric, facts.samples), dataset=units.clean(facts.name))
    return (
        Cell(title(metric.name), notes=(samples,)),
        Cell(value(metric.value, metric.unit)),
        Cell(between(metric.interval95, metric.unit)),
        Cell(_loss(metric, quality, imported)),
    )


def _loss(metric: QualityMetric, quality: Quality, imported: str) -> str:
    """Against the reference; of perplexity also what the runtime's own import (``imported``) has to do with it."""
    said = against_reference(metric, quality)
    return say("report.import.loss", said=said, imported=imported) if imported and metric.name == "perplexity" else said


def quality_table(record: Record) -> Table | None:
    """One run's metrics and its reference's, with the samples left out of the dataset."""
    found = record.quality
    if found is None:
        return None
    theirs = {metric.name: metric for metric in found.reference.metrics} if found.reference is not None else {}
    rows, imported = [], import_words(record)
    for metric in found.metrics:
        reference = theirs.get(metric.name)
        shown = MISSING_CELL if reference is None else Cell(value(reference.value, metric.unit))
        interval = () if metric.interval95 is None else (between(metric.interval95, metric.unit),)
        ours = Cell(value(metric.value, metric.unit), notes=interval)
        rows.append((Cell(title(metric.name)), ours, shown, Cell(_loss(metric, found, imported))))
    heads, note = columns("metric", "value", "reference", "against_reference"), _dataset_words(found)
    if any(metric.interval95 is not None for metric in found.metrics):
        note = say("text.sentences", parts=[say("report.quality.listing_note"), note])
    return Table(say("report.quality.caption"), heads, tuple(rows), note)


def _dataset_words(found: Quality) -> str:
    facts = found.dataset
    task = known(f"report.dataset_task.{facts.task}", facts.task)
    named = {"name": facts.name, "task": task, "samples": facts.samples, "sha256": facts.sha256[:12]}
    parts = [say("report.dataset", **named)]
    if facts.options:
        parts.append(say("report.dataset.options", options=[f"{k}={v}" for k, v in facts.options.items()]))
    if facts.preprocessing:
        parts.append(say("report.dataset.images", preprocessing=facts.preprocessing))
    if found.reference is not None:
        parts.append(say("report.dataset.reference", name=found.reference.name))
    said = [say("report.sentence", said="; ".join(parts))]
    if facts.decoding:
        said.append(str(facts.decoding))
    if facts.limits:
        said.append(say("report.dataset.limits", limits="; ".join(str(told) for told in facts.limits)))
    if facts.left_out:
        told = [str(one.told) for one in facts.left_out[:10]]
        told += ["…"] if len(facts.left_out) > 10 else []
        said.append(say("report.dataset.left_out", samples="; ".join(told)))
    return units.clean(" ".join(said))
