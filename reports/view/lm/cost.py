"""What quantisation costs a language model, next to its speed and size: one line a run; and where its greedy texts part
from those of float32."""

from collections.abc import Sequence

from bench.record.quality import PromptDivergence, Quality, QualityMetric
from bench.record.record import Record
from bench.reports.view.rows import MISSING_CELL, Cell, Numbered, Table, columns, out_of
from bench.reports.words.causes import DOUBTED, STATUS_SIGNS, emulated, status
from bench.reports.words.figures import shown
from bench.reports.words.imports import import_words
from bench.reports.words.plans import ran_in
from bench.reports.words.quality import OF_TEXT, between, change, value
from bench.words import say, units

SHOWN = 5
_COLUMNS = (
    *("run", "model", "target", "perplexity", "against_float32", "kl_divergence", "equal_prefix"),
    *("choices", "tpot", "memory"),
)


def cost_table(items: Sequence[Numbered]) -> Table | None:
    """Every run of a language model that was evaluated on a dataset; ``None`` if there is none."""
    judged = [item for item in items if _quality(item.record) is not None]
    if not judged:
        return None
    records = [item.record for item in judged]
    rows = tuple(_line(item, import_words(item.record, records)) for item in judged)
    limits = dict.fromkeys(str(told) for item in judged for told in _limits(item.record))
    note = say("report.cost.note")
    if limits:
        note = say("report.cost.limited_note", note=note, limits="; ".join(limits))
    return Table(say("report.cost.caption"), columns(*_COLUMNS), rows, units.clean(note))


def cost_listing(items: Sequence[Numbered]) -> Table | None:
    """The same for a narrow terminal."""
    whole = cost_table(items)
    if whole is None:
        return None
    kept = [i for i, name in enumerate(_COLUMNS) if name not in ("memory", "equal_prefix")]
    rows = tuple(tuple(Cell(row[i].value, run=row[i].run) for i in kept) for row in map(_named, whole.rows))
    records = [item.record for item in items]
    told = [(item.number, import_words(item.record, records)) for item in items if _quality(item.record) is not None]
    named = [say("report.import.of_run", run=number, said=words) for number, words in told if words]
    note = " ".join((say("report.cost.listing_note"), *named))
    return Table(whole.caption, tuple(whole.columns[i] for i in kept), rows, note)


def _named(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """``row`` with the model's precision behind its name."""
    run, model, *rest = row
    return (run, Cell(" ".join((model.value, *model.notes))), *rest)


def _quality(record: Record) -> Quality | None:
    found = record.quality if record.status == "ok" else None
    return found if found is not None and found.dataset.task in OF_TEXT else None


def _limits(record: Record) -> Sequence[object]:
    found = _quality(record)
    return () if found is None else found.dataset.limits


def _line(item: Numbered, imported: str) -> tuple[Cell, ...]:
    record, plan = item.record, item.record.plan
    quality = _quality(record)
    assert quality is not None
    metrics = {metric.name: metric for metric in quality.metrics}
    ran, state = ran_in(plan.target), status(record)
    mark = f"{STATUS_SIGNS[state]} " if state in DOUBTED else ""
    timed = not emulated(record)
    return (
        Cell(str(item.number), state, run=item.number),
        Cell(item.name, notes=(units.clean(plan.model.precision or ""),)),
        Cell(units.clean(plan.target.id), notes=(say("report.ran_in", precision=units.clean(ran)),) if ran else ()),
        _figure(metrics.get("perplexity")),
        _change(quality, imported),
        _divergence(metrics),
        _prefix(metrics, quality),
        _choices(metrics),
        Cell(f"{mark}{shown(record, 'tpot_ns')}") if timed else MISSING_CELL,
        Cell(shown(record, "peak_rss_bytes") if timed else units.MISSING, notes=_sizes(record)),
    )


def _sizes(record: Record) -> tuple[str, ...]:
    """Bytes of the weights, and of a token in the KV cache, in the types that it was kept in where they are known."""
    text, weights = record.summary.text_generation, record.plan.model.weight_bytes
    notes = [] if weights is None else [say("report.cost.weights", size=weights)]
    cache = None if text is None else text.kv_cache
    size = None if cache is None else cache.executed_bytes_per_token or cache.bytes_per_token
    if size is not None:
        notes.append(say("report.cost.cache", size=size))
    return tuple(notes)


def _figure(metric: QualityMetric | None) -> Cell:
    if metric is None:
        return MISSING_CELL
    notes = (between(metric.interval95, metric.unit),) if metric.interval95 is not None else ()
    return Cell(value(metric.value, metric.unit), notes=notes)


def _change(quality: Quality, imported: str) -> Cell:
    """Perplexity over that of the reference, with its interval and what follows; ``imported``: what the runtime's own
    import has to do with it."""
    pair = next((one for one in quality.paired if one.metric == "perplexity"), None)
    if pair is None or pair.ratio is None:
        reason = quality.reference.reason if quality.reference is not None else ""
        return Cell(units.MISSING, notes=(units.clean(str(reason)),) if reason else ())
    notes = [say(f"report.pair.{pair.word}")]
    if pair.ratio_interval95 is not None:
        low, high = (change(end) for end in pair.ratio_interval95)
        notes.insert(0, say("unit.from_to", low=low, high=high))
    notes += [imported] if imported else []
    return Cell(change(pair.ratio), notes=tuple(notes))


def _divergence(metrics: dict[str, QualityMetric]) -> Cell:
    mean = metrics.get("kl_divergence")
    if mean is None:
        return MISSING_CELL
    tail, most = metrics.get("kl_divergence_p99"), metrics.get("kl_divergence_max")
    notes = [between(mean.interval95, mean.unit)] if mean.interval95 is not None else []
    if tail is not None and most is not None:
        notes.append(say("report.cost.tail", p99=value(tail.value, ""), most=value(most.value, "")))
    if (same := metrics.get("top1_agreement")) is not None:
        notes.append(say("report.cost.same_token", fraction=same.value))
    return Cell(value(mean.value, mean.unit), notes=tuple(notes))


def _prefix(metrics: dict[str, QualityMetric], quality: Quality) -> Cell:
    prefix, equal = metrics.get("equal_prefix"), metrics.get("prompts_equal")
    if prefix is None or equal is None:
        return MISSING_CELL
    most = max((one.compared for one in quality.divergences), default=0)
    said = say("report.cost.prefix", tokens=units.digits(prefix.value), compared=most)
    notes = [say("report.cost.prompts_equal", equal=round(equal.value * equal.n), prompts=equal.n)]
    if (temperature := quality.dataset.options.get("temperature")) is not None:
        notes.append(say("report.cost.drawn", temperature=units.clean(temperature)))
    fdt, sdt, explained = (metrics.get(name) for name in ("fdt", "sdt", "divergences_explained"))
    if explained is not None:
        count = round(explained.value * explained.n)
        notes.append(say("report.cost.explained", explained=count, divergences=explained.n))
    if fdt is not None and sdt is not None:
        notes.append(say("report.cost.wwb", fdt=units.digits(fdt.value), sdt=units.digits(sdt.value)))
    return Cell(said, notes=tuple(notes))


def _choices(metrics: dict[str, QualityMetric]) -> Cell:
    right, per_byte = metrics.get("choice_accuracy"), metrics.get("choice_accuracy_per_byte")
    if right is None:
        return MISSING_CELL
    notes = [between(right.interval95, right.unit), say("report.cost.questions", questions=right.n)]
    if per_byte is not None:
        notes.append(say("report.cost.per_byte", accuracy=value(per_byte.value, per_byte.unit)))
    return Cell(value(right.value, right.unit), notes=tuple(notes))


def divergence_table(record: Record) -> Table | None:
    """The prompts of one run after which its text parts first from the reference's."""
    quality = record.quality
    parted = [one for one in quality.divergences if one.token is not None] if quality is not None else []
    if quality is None or not quality.divergences:
        return None
    worst = sorted(parted, key=lambda one: one.token_prefix)[:SHOWN]
    rows = tuple(_parted(one) for one in worst)
    note = say("report.divergences.note", parted=len(parted), prompts=len(quality.divergences))
    if quality.logit_error_p99 is not None:
        note = say("report.divergences.note_error", note=note, error=quality.logit_error_p99)
    if drawn := [f"{name}={value}" for name, value in quality.dataset.options.items()]:
        note = say("report.divergences.note_drawn", note=note, options=units.clean(", ".join(drawn)))
    heads = columns("prompt", "equal_before", "reference_said", "run_said", "logit_margin", "logit_error")
    return Table(say("report.divergences.caption"), heads, rows, note)


def _parted(one: PromptDivergence) -> tuple[Cell, ...]:
    def said(token: int | None, text: str) -> Cell:
        return Cell(units.MISSING if token is None else str(token), notes=(units.clean(text),) if text else ())

    return (
        Cell(str(one.prompt), notes=(units.counted(one.prompt_tokens, "token"),)),
        Cell(out_of(one.token_prefix, one.compared)),
        said(one.reference_token, one.reference_text),
        said(one.token, one.text),
        Cell(units.MISSING if one.logit_gap is None else units.digits(one.logit_gap)),
        Cell(units.MISSING if one.logit_error is None else units.digits(one.logit_error)),
    )
