"""The tables of one run, each from one part of its record; ``None`` if the record lacks that part."""

from collections.abc import Callable, Sequence

from bench.record.energy import RepeatEnergy
from bench.record.memory import MemoryPoint
from bench.record.part import Correction
from bench.record.record import OutputFidelity, Record
from bench.reports.view.rows import MISSING_CELL, Cell, Table
from bench.reports.words.figures import between, figure, interval, metrics, shown
from bench.reports.words.precision import needed_words, spread_words
from bench.reports.words.quality import inputs_words
from bench.words import units

PHASES = (
    ("process_start", "process start (harness)"),
    ("runtime_import", "runtime import"),
    ("read", "read"),
    ("compile", "compile"),
    ("first_inference", "first inference"),
)


def latency_table(record: Record) -> Table | None:
    """Over all repeats; a percentile that needs more samples says how many."""
    found = record.summary.latency_ns
    if found is None:
        return None
    rows = [plain_row("minimum", units.duration(found.min), "")]
    for metric in metrics().values():
        if metric.path[0] != "latency_ns":
            continue
        note = ""
        if figure(record, metric.name) is None:
            note = f"needs {units.counted(metric.samples, 'sample')} for 99 % confidence"
        elif interval(record, metric.name) is not None:
            note = f"95 % interval {between(record, metric.name)}"
        rows.append(plain_row(metric.short, shown(record, metric.name), note))
    rows.append(plain_row("maximum", units.duration(found.max), ""))
    rows.append(plain_row("mean", units.duration(found.mean), ""))
    return Table(
        f"Latency of {units.counted(found.n, 'query', 'queries')}", ("Statistic", "Value", "Note"), tuple(rows)
    )


def repeats_table(record: Record) -> Table | None:
    """One row for each repeat; the spread between repeats is the spread between processes."""
    if not record.repeats:
        return None
    medians = record.summary.latency_ns.repeat_p50 if record.summary.latency_ns is not None else ()
    rows = []
    for i, repeat in enumerate(record.repeats):
        warmup = units.MISSING
        if repeat.warmup is not None:
            steady = "steady" if repeat.warmup.steady else "not steady"
            warmup = f"{units.grouped(repeat.warmup.queries)}, {units.duration(repeat.warmup.duration_ns)}, {steady}"
        queries = repeat.samples.queries if repeat.samples is not None else None
        converged = {True: "yes", False: "no", None: units.MISSING}[repeat.converged]
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
    columns = ("Repeat", "p50", "Queries", "Steady state", "Warm-up (excluded)", "Converged", "CPU busy with others")
    note = f"The {spread_words(record)}. Needed: {needed_words(record)}." if spread_words(record) else ""
    return Table("Repeats, each in a fresh process", columns, tuple(rows), note)


def cold_start_table(record: Record) -> Table | None:
    phases = [r.phases_ns for r in record.repeats]
    if not phases:
        return None
    rows = []
    for field, name in PHASES:
        values: list[int | None] = [getattr(p, field) for p in phases]
        if any(v is not None for v in values):
            rows.append(plain_row(name, units.span(values, units.duration)))
    if not rows:
        return None
    metric = metrics()["cold_start_ns"]
    rows.append(plain_row(f"{metric.title}, {metric.rule.how}", shown(record, metric.name)))
    return Table("Cold start", ("Phase", _range_heading(len(phases))), tuple(rows))


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
        rows.append(plain_row(units.clean(name).replace("_", " "), *shown))
    note = "USS: private to the process. PSS: USS and a proportional part of shared pages. RSS: all resident pages."
    if any(p.peak_is_of_phase for r in record.repeats for p in r.memory_bytes.values()):
        note += " A peak is that of the phase."
    else:
        note += " A peak is that of the process up to the end of the phase."
    if summary is not None:
        note += (
            f" Model (USS after compiling minus USS before reading): {units.size(summary.model)}. Inference (USS in "
            f"the steady state minus USS when ready): {units.size(summary.inference)}. Artifact on disk: "
            f"{units.size(summary.artifact)}."
        )
    return Table("Memory by phase", ("End of phase", *(title for title, _ in _MEMORY)), tuple(rows), note)


_MEMORY: tuple[tuple[str, Callable[[MemoryPoint], int | None]], ...] = (
    ("USS", lambda p: p.uss_bytes),
    ("PSS", lambda p: p.pss_bytes),
    ("RSS", lambda p: p.rss_bytes),
    ("Peak RSS", lambda p: p.peak_rss_bytes),
    ("Mapped files", lambda p: p.file_mapped_bytes),
)


def energy_table(record: Record) -> Table | None:
    """Power proxies by tier. Tiers are never added up or converted into each other."""
    found = record.summary.energy
    if found is None:
        return None
    why = units.clean(found.reason)
    sensed = f"channel {units.clean(found.sensor_channel)}" if found.sensor_channel else ""
    best = "meter" if found.tier == "meter" else "sensor"
    rows = [plain_row(best, "energy a query", shown(record, "joules_per_inference"), sensed or why)]
    rows += _channel_rows([r.energy for r in record.repeats], "a repeat")
    rows += _channel_rows([r.power_pass for r in record.repeats], "a separate pass")
    rows += [
        plain_row("activity", "CPU time a query", shown(record, "cpu_seconds_per_inference"), "all threads"),
        plain_row("activity", "cores busy", units.number(found.cores_busy), "CPU time over wall time"),
        plain_row("activity", "NPU busy a query", _seconds(found.npu_busy_seconds_per_inference), ""),
        plain_row("model", "multiply-accumulates a query", units.quantity(found.macs), "from the file"),
        plain_row("model", "bytes moved a query", units.size(found.bytes_moved), "estimate from the file"),
    ]
    note = f"Best tier measured: {units.clean(found.tier) if found.tier else 'none'}."
    return Table("Power proxies", ("Tier", "Quantity", "Value", "Note"), tuple(rows), f"{note} {why}".strip())


def _channel_rows(repeats: Sequence[RepeatEnergy | None], window: str) -> list[tuple[Cell, ...]]:
    channels = [c for energy in repeats if energy is not None for c in energy.channels]
    rows = []
    for sensor, name in dict.fromkeys((c.sensor, c.name) for c in channels):
        mine = [c for c in channels if (c.sensor, c.name) == (sensor, name)]
        label = f"{units.clean(sensor)} {units.clean(name)} ({units.clean(mine[0].domain)})"
        total = units.span([c.joules_total for c in mine], units.joules)
        idle = units.span([c.idle_watts for c in mine], lambda v: units.number(v, "W"))
        lost = "; lost during the run" if any(c.lost for c in mine) else ""
        if any(c.joules_total is not None or c.joules is not None for c in mine):
            above = units.span([c.joules for c in mine], units.joules)
            rows.append(plain_row("sensor", label, above, f"above idle, {window}; in all {total}; idle {idle}{lost}"))
        else:
            busy = units.span([c.busy_seconds for c in mine], lambda v: units.number(v, "s"))
            rows.append(plain_row("activity", label, busy, f"busy, {window}{lost}"))
    return rows


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
    note = f"Requested: {units.clean(found.requested)}. "
    note += f"Fell back: {', '.join(units.clean(f) for f in found.fallback)}." if found.fallback else "No fallback."
    if found.macs is None:
        note += " MACs are unknown: the executed nodes cannot be matched with those of the file."
    if found.source:
        note += f" Source: {units.clean(found.source)}."
    return Table("Placement", ("Device", "Nodes", "% of nodes", "MACs", "% of MACs"), tuple(rows), note)


def inputs_table(record: Record) -> Table | None:
    """The values that each input was fed."""
    inputs = record.plan.inputs
    if inputs is None or not inputs.fed:
        return None
    rows = []
    for one in inputs.fed:
        shape = "×".join(map(str, inputs.shapes.get(one.name, ()))) or "one value"
        given = {"file": "given", "image": "given, an image"}
        made = given.get(one.source, units.clean(str(one.values)))
        decides = "determines the amount of work" if one.decides_work else ""
        rows.append(plain_row(units.clean(one.name), f"{units.clean(one.dtype)} {shape}", made, decides))
    seeded = any(one.source == "seeded" for one in inputs.fed)
    note = "Inputs that were not given are made up from the seed." if seeded else ""
    return Table("Inputs", ("Input", "Type and shape", "Fed", "Note"), tuple(rows), note)


def fidelity_table(record: Record) -> Table | None:
    """Each output against the reference, or the tokens that agree."""
    found = record.fidelity
    if found is None:
        return None
    inputs = f", {inputs_words(record)}" if found.inputs else ""
    worst = "; figures are those of the worst input" if found.inputs > 1 else ""
    against = f"Compared with {units.clean(found.reference)}{inputs}{worst}."
    note = " ".join(filter(None, (against, _sentence(found.rule), _sentence(found.reason))))
    if found.token_prefix is not None:
        tokens = plain_row("tokens", f"{found.token_prefix} of {found.tokens_compared}")
        return Table("Fidelity", ("Compared", "Equal before the first difference"), (tokens,), note)
    if not found.outputs:
        return Table("Fidelity", ("Compared", "Result"), (plain_row("nothing", units.MISSING),), note)
    return Table("Fidelity", _FIDELITY_COLUMNS, tuple(_output_row(o) for o in found.outputs), note)


def corrections_table(corrections: Sequence[Correction]) -> Table | None:
    """Figures stated in the record's file that differ from those computed from its content."""
    if not corrections:
        return None
    rows = tuple(
        plain_row(*(units.clean(str(told)) for told in (one.field, one.stated, one.found))) for one in corrections
    )
    note = "This report shows the computed figures. A figure computed from samples or repeats is correct only if these "
    note += "were not edited too."
    return Table("Corrected figures", ("Figure", "Stated in the file", "Computed from its content"), rows, note)


_FIDELITY_COLUMNS = ("Output", "Cosine", "SQNR", "Maximum error", "Agreement of labels or ranks")


def _output_row(output: OutputFidelity) -> tuple[Cell, ...]:
    error = "no error" if output.identical else units.number(output.sqnr_db, "dB")
    largest = units.MISSING if output.max_abs_error is None else f"{output.max_abs_error:.3g}"
    ranks = [f"{units.percent(output.equal_fraction)} equal"] if output.equal_fraction is not None else []
    ranks += [units.percent(share) for share in (output.top1_agreement, output.top5_agreement) if share is not None]
    return (
        Cell(units.clean(output.name)),
        Cell(units.similarity(output.cosine), notes=_quartile(output.cosine_quartile, units.similarity)),
        Cell(error, notes=_quartile(output.sqnr_db_quartile, lambda v: units.number(v, "dB"))),
        Cell(largest),
        Cell(", ".join(ranks) or units.MISSING),
    )


def _quartile(value: float | None, show: Callable[[float | None], str]) -> tuple[str, ...]:
    return () if value is None else (f"{show(value)} on ¾ of the inputs",)


def options_table(record: Record) -> Table | None:
    asked, held = record.plan.target.options_requested, record.plan.target.options_effective
    names = dict.fromkeys([*asked, *held])
    if not names:
        return None
    rows = (
        tuple(MISSING_CELL if x is None else Cell(units.clean(x) or '""') for x in (n, asked.get(n), held.get(n)))
        for n in names
    )
    return Table("Options of the runtime", ("Option", "Requested", "Effective"), tuple(rows))


def plain_row(*values: str) -> tuple[Cell, ...]:
    """Plain cells."""
    return tuple(Cell(v) for v in values)


def _seconds(value: float | None) -> str:
    return units.duration(None if value is None else value * 1e9)


def _sentence(text: str) -> str:
    said = units.clean(text)
    return said if not said or said.endswith(".") else f"{said}."


def _range_heading(count: int) -> str:
    return "Time" if count == 1 else f"Minimum – maximum of {count} repeats"
