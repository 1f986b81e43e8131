"""The tables of one run, each from one part of its record; ``None`` if the record lacks that part."""

from collections.abc import Callable, Sequence

from bench.record.memory import MemoryPoint
from bench.record.part import Correction
from bench.record.record import OutputFidelity, Record
from bench.reports.view.rows import MISSING_CELL, Cell, Column, Table, columns, out_of
from bench.reports.words.figures import between, figure, interval, metrics, shown
from bench.reports.words.names import phase
from bench.reports.words.precision import needed_words, spread_words
from bench.reports.words.quality import inputs_words
from bench.scenarios.kinds import kind_of
from bench.words import say, units

PHASES = ("process_start", "runtime_import", "read", "compile", "first_inference")
"""Of a cold start, in order."""


def phase_title(name: str) -> str:
    """``first inference``; the first is the harness' own."""
    return say("report.phase.process_start_harness") if name == "process_start" else phase(name)


def latency_table(record: Record) -> Table | None:
    """Over all repeats; a percentile that needs more samples says how many."""
    found = record.summary.latency_ns
    if found is None:
        return None
    rows = [plain_row(say("report.minimum"), units.duration(found.min), "")]
    for metric in metrics().values():
        if metric.path[:1] != ("latency_ns",):
            continue
        note = ""
        if figure(record, metric.name) is None:
            note = say("report.needs_samples", samples=metric.samples)
        elif interval(record, metric.name) is not None:
            note = say("report.between95", bounds=between(record, metric.name))
        rows.append(plain_row(str(metric.short), shown(record, metric.name), note))
    rows.append(plain_row(say("report.maximum"), units.duration(found.max), ""))
    rows.append(plain_row(say("report.mean"), units.duration(found.mean), ""))
    rounds = kind_of(record.plan.scenario).rounds
    caption = say("report.latency.rounds" if rounds else "report.latency.caption", queries=found.n)
    return Table(caption, columns("statistic", "value", "note"), tuple(rows))


def repeats_table(record: Record) -> Table | None:
    """One row for each repeat; the spread between repeats is the spread between processes."""
    if not record.repeats:
        return None
    medians = record.summary.latency_ns.repeat_p50 if record.summary.latency_ns is not None else ()
    rows = []
    for i, repeat in enumerate(record.repeats):
        warmup = units.MISSING
        if repeat.warmup is not None:
            code = "report.warmup.steady" if repeat.warmup.steady else "report.warmup.not_steady"
            warmup = say(code, queries=repeat.warmup.queries, duration_ns=repeat.warmup.duration_ns)
        queries = repeat.samples.queries if repeat.samples is not None else None
        converged = units.MISSING
        if repeat.converged is not None:
            converged = say("report.yes" if repeat.converged else "report.no")
        rows.append(
            plain_row(
                str(i + 1),
                units.duration(medians[i] if i < len(medians) else None),
                units.grouped(queries),
                units.duration(repeat.duration_ns),
                warmup,
                converged,
                units.percent(repeat.cpu_busy_share),
            )
        )
    heads = columns("repeat", "p50", "queries", "steady_state", "warmup", "converged", "cpu_busy")
    spread = spread_words(record)
    note = say("report.spread.note", spread=spread, needed=needed_words(record)) if spread else ""
    return Table(say("report.repeats.caption"), heads, tuple(rows), note)


def cold_start_table(record: Record) -> Table | None:
    phases = [r.phases_ns for r in record.repeats]
    if not phases:
        return None
    rows = []
    for field in PHASES:
        values: list[int | None] = [getattr(p, field) for p in phases]
        if any(v is not None for v in values):
            rows.append(plain_row(phase_title(field), units.span(values, units.duration)))
    if not rows:
        return None
    metric = metrics()["cold_start_ns"]
    rows.append(plain_row(f"{metric.title}, {metric.rule.how}", shown(record, metric.name)))
    heads = (*columns("phase"), Column("range", _range_heading(len(phases))))
    return Table(say("report.column.cold_start"), heads, tuple(rows))


def memory_table(record: Record) -> Table | None:
    """Each phase as the range over repeats; in the note, the differences between phases."""
    names = tuple(dict.fromkeys(k for r in record.repeats for k in r.memory_bytes))
    summary = record.summary.memory_bytes
    if not names and summary is None:
        return None
    rows = []
    for name in names:
        points = [r.memory_bytes[name] for r in record.repeats if name in r.memory_bytes]
        shown = (units.span([pick(p) for p in points], units.size) for _, pick in _MEMORY)
        rows.append(plain_row(phase(name), *shown))
    of_phase = any(p.peak_is_of_phase for r in record.repeats for p in r.memory_bytes.values())
    peak = say("report.memory.peak_of_phase" if of_phase else "report.memory.peak_so_far")
    notes = [say("report.memory.kinds"), peak]
    if summary is not None:
        parts = {"model": summary.model, "inference": summary.inference, "artifact": summary.artifact}
        notes.append(say("report.memory.parts", **parts))
    heads = columns("end_of_phase", *(key for key, _ in _MEMORY))
    return Table(say("report.memory.caption"), heads, tuple(rows), " ".join(notes))


_MEMORY: tuple[tuple[str, Callable[[MemoryPoint], int | None]], ...] = (
    ("uss", lambda p: p.uss_bytes),
    ("pss", lambda p: p.pss_bytes),
    ("rss", lambda p: p.rss_bytes),
    ("peak_rss", lambda p: p.peak_rss_bytes),
    ("mapped_files", lambda p: p.file_mapped_bytes),
)


def placement_table(record: Record) -> Table | None:
    found = record.placement
    if found is None:
        return None
    total = sum(found.nodes.values())
    macs = sum(found.macs.values()) if found.macs else None
    rows = []
    for device in dict.fromkeys([*found.nodes, *(found.macs or {})]):
        nodes = found.nodes.get(device, 0)
        row = [device, units.grouped(nodes), units.percent(nodes / total if total else None)]
        here = None if found.macs is None else found.macs.get(device, 0)
        row += [units.quantity(here), units.percent(here / macs if here is not None and macs else None)]
        rows.append(plain_row(*(units.clean(cell) for cell in row)))
    notes = [say("report.placement.requested", device=units.clean(found.requested))]
    fell = [units.clean(one) for one in found.fallback]
    notes.append(say("report.placement.fell_back", nodes=fell) if fell else say("report.placement.no_fallback"))
    notes += [] if found.macs is not None else [say("report.placement.macs_unknown")]
    notes += [say("report.placement.source", source=units.clean(str(found.source)))] if found.source else []
    heads = columns("device", "nodes", "nodes_percent", "macs", "macs_percent")
    return Table(say("report.placement"), heads, tuple(rows), " ".join(notes))


def inputs_table(record: Record) -> Table | None:
    """The values that each input was fed."""
    inputs = record.plan.inputs
    if inputs is None or not inputs.fed:
        return None
    rows = []
    for one in inputs.fed:
        shape = "×".join(map(str, inputs.shapes.get(one.name, ()))) or say("report.inputs.one_value")
        made = units.clean(str(one.values))
        if one.source != "seeded":
            made = say("report.inputs.fed_image" if one.source == "image" else "report.inputs.fed")
        decides = say("report.inputs.decides_work") if one.decides_work else ""
        rows.append(plain_row(units.clean(one.name), f"{units.clean(one.dtype)} {shape}", made, decides))
    seeded = any(one.source == "seeded" for one in inputs.fed)
    note = say("report.inputs.made_up") if seeded else ""
    return Table(say("report.inputs"), columns("input", "type_shape", "fed", "note"), tuple(rows), note)


def fidelity_table(record: Record) -> Table | None:
    """Each output against the reference, or the tokens that agree."""
    found = record.fidelity
    if found is None:
        return None
    code = "worst_of" if found.inputs > 1 else "on" if found.inputs else "nothing"
    against = say(
        f"report.fidelity.compared.{code}", reference=units.clean(str(found.reference)), inputs=inputs_words(record)
    )
    note = " ".join(filter(None, (against, _sentence(str(found.rule)), _sentence(str(found.reason)))))
    caption = say("report.fidelity.caption")
    if found.token_prefix is not None:
        equal = out_of(found.token_prefix, found.tokens_compared or 0)
        return Table(caption, columns("compared", "equal_before"), (plain_row(say("report.tokens"), equal),), note)
    if not found.outputs:
        nothing = plain_row(say("report.nothing"), units.MISSING)
        return Table(caption, columns("compared", "result"), (nothing,), note)
    heads = columns("output", "cosine", "sqnr", "maximum_error", "label_agreement")
    return Table(caption, heads, tuple(_output_row(o) for o in found.outputs), note).stated()


def corrections_table(corrections: Sequence[Correction]) -> Table | None:
    """Figures stated in the record's file that differ from those computed from its content."""
    if not corrections:
        return None
    rows = tuple(
        plain_row(*(units.clean(str(told)) for told in (one.field, one.stated, one.found))) for one in corrections
    )
    heads = columns("figure", "stated", "computed")
    return Table(say("report.corrections.caption"), heads, rows, say("report.corrections.note"))


def _output_row(output: OutputFidelity) -> tuple[Cell, ...]:
    error = say("report.no_error") if output.identical else units.number(output.sqnr_db, "dB")
    largest = units.MISSING if output.max_abs_error is None else f"{output.max_abs_error:.3g}"
    ranks = [say("report.equal_fraction", equal=output.equal_fraction)] if output.equal_fraction is not None else []
    ranks += [units.percent(share) for share in (output.top1_agreement, output.top5_agreement) if share is not None]
    return (
        Cell(units.clean(output.name)),
        Cell(units.similarity(output.cosine), notes=_quartile(output.cosine_quartile, units.similarity)),
        Cell(error, notes=_quartile(output.sqnr_db_quartile, lambda v: units.number(v, "dB"))),
        Cell(largest),
        Cell(", ".join(ranks) or units.MISSING),
    )


def _quartile(value: float | None, show: Callable[[float | None], str]) -> tuple[str, ...]:
    return () if value is None else (say("report.on_most_inputs", figure=show(value)),)


def options_table(record: Record) -> Table | None:
    asked, held = record.plan.target.options_requested, record.plan.target.options_effective
    names = dict.fromkeys([*asked, *held])
    if not names:
        return None
    rows = (
        tuple(MISSING_CELL if x is None else Cell(units.clean(x) or '""') for x in (n, asked.get(n), held.get(n)))
        for n in names
    )
    return Table(say("report.options.caption"), columns("option", "requested", "effective"), tuple(rows)).stated()


def plain_row(*values: str) -> tuple[Cell, ...]:
    """Plain cells."""
    return tuple(Cell(v) for v in values)


def _sentence(text: str) -> str:
    said = units.clean(text)
    return said if not said or said.endswith(".") else say("report.sentence", said=said)


def _range_heading(count: int) -> str:
    return say("report.column.time") if count == 1 else say("report.range", repeats=count)
