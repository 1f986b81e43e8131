"""One run in full: everything behind a cell of the matrix."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from bench.printable import counted
from bench.record.quality import QualityMetric
from bench.record.record import Reason, Record
from bench.record.shown_command import shown_command
from bench.reports.view.lm_tables import agreement_table, text_table
from bench.reports.view.machines import conditions
from bench.reports.view.quality import quality_table
from bench.reports.view.rows import Numbered, Table, agreement, placed_count
from bench.reports.view.tables import (
    cold_start_table,
    corrections_table,
    energy_table,
    fidelity_table,
    inputs_table,
    latency_table,
    memory_table,
    options_table,
    placement_table,
    repeats_table,
)
from bench.reports.words import figures
from bench.reports.words.causes import (
    DOUBTED,
    STATUS_SIGNS,
    STATUS_WORDS,
    Cause,
    Status,
    causes,
    emulated,
    outputs_wrong,
    status,
)
from bench.reports.words.plans import ran_in, repeats_words, rule_words
from bench.reports.words.quality import between as quality_between
from bench.reports.words.quality import leading, title
from bench.reports.words.quality import value as shown
from bench.reports.words.scenarios import scenario_words
from bench.scenarios import kind_of
from bench.words import units

EMULATED_TIMES = "the emulator's, not the device's"


class Fact(Struct, frozen=True):
    """``doubted``: the run is not valid, so the value is shown small and struck."""

    label: str
    value: str
    note: str = ""
    doubted: bool = False


class Detail(Struct, frozen=True):
    """``facts`` are the figures to see first, ``method`` how they came about. ``place``: the target, and of an emulated
    one the chip. ``causes``: ``reasons`` by what they come of."""

    number: int
    model: str
    target: str
    place: str
    folder: str
    device_name: str
    scenario: str
    status: Status
    failure: tuple[Fact, ...]
    reasons: tuple[Reason, ...]
    causes: tuple[Cause, ...]
    facts: tuple[Fact, ...]
    tables: tuple[Table, ...]
    method: tuple[Fact, ...]
    command: str
    log_tail: tuple[str, ...]

    @property
    def word(self) -> str:
        return STATUS_WORDS[self.status]

    @property
    def sign(self) -> str:
        return STATUS_SIGNS[self.status]


def detail(item: Numbered) -> Detail:
    """Everything that the writers show of one run, in words."""
    record = item.record
    plan = record.plan
    return Detail(
        number=item.number,
        model=item.model,
        target=units.clean(plan.target.id),
        place=item.place,
        folder=item.folder,
        device_name=units.clean(plan.target.device_name or ""),
        scenario=scenario_words(plan.model.task, plan.scenario),
        status=status(record),
        failure=_failure(record),
        reasons=reasons(record),
        causes=causes(reasons(record)),
        facts=_facts(record) if record.status == "ok" else (),
        tables=(*filter(None, (corrections_table(item.run.corrections),)), *_tables(record)),
        method=_method(record),
        command=shown_command(plan.command),
        log_tail=tuple(units.clean(line) for line in record.log_tail),
    )


def reasons(record: Record) -> tuple[Reason, ...]:
    """The verdict's reasons, those that make the run invalid first; none of a failed run, whose failure is shown."""
    found = record.verdict.reasons if record.verdict is not None and record.status == "ok" else ()
    return tuple(
        Reason(units.clean(r.code), units.clean(r.message), units.clean(r.remedy), r.invalidates)
        for r in sorted(found, key=lambda r: not r.invalidates)
    )


def _failure(record: Record) -> tuple[Fact, ...]:
    found = record.failure
    if found is None:
        return ()
    parts = (("Kind", found.kind), ("Phase", found.phase), ("Message", found.message), ("What to do", found.remedy))
    return tuple(Fact(label, units.clean(text)) for label, text in parts if text)


def _facts(record: Record) -> tuple[Fact, ...]:
    """The main figures of a run. An emulated run has placement and fidelity, and no times."""
    if emulated(record):
        return _proofs(record)
    speeds = _speeds(record)
    if status(record) in DOUBTED:
        speeds = tuple(replace(fact, doubted=True) for fact in speeds)
    return (*speeds, *_costs(record), *_proofs(record))


def _speeds(record: Record) -> tuple[Fact, ...]:
    summary = record.summary
    text, latency = summary.text_generation, summary.latency_ns
    if text is not None:
        return (
            _timed_fact(record, "ttft_ns", units.counted(text.prompt_tokens, "prompt token")),
            _timed_fact(record, "tpot_ns", units.counted(text.generated_tokens, "token")),
            Fact(_title("decode_tokens_per_s"), figures.shown(record, "decode_tokens_per_s")),
        )
    if latency is None:
        return ()
    known = figures.between(record, "latency_p50_ns")
    per_second = units.number(figures.figure(record, "throughput_per_s"), "/s")
    rate = Fact(_title("throughput_per_s"), per_second, units.counted(latency.n, "query", "queries"))
    median = Fact(
        "Latency, p50", figures.shown(record, "latency_p50_ns"), f"{known} (95 %)" if known else "no interval"
    )
    return (rate, median) if kind_of(record.plan.scenario).overlapping else (median, rate)


def _timed_fact(record: Record, name: str, note: str) -> Fact:
    """A time with its interval; the note alone where it has none."""
    known = figures.between(record, name)
    return Fact(_title(name), figures.shown(record, name), f"{known} (95 %), {note}" if known else note)


def _title(name: str) -> str:
    title = figures.metrics()[name].title
    return title[:1].upper() + title[1:]


def _costs(record: Record) -> tuple[Fact, ...]:
    summary = record.summary
    found = [Fact(_title("cold_start_ns"), figures.shown(record, "cold_start_ns"), "import to first output")]
    if summary.memory_bytes is not None:
        note = f"model {units.size(summary.memory_bytes.model)}"
        found.append(Fact("Memory, peak RSS", figures.shown(record, "peak_rss_bytes"), note))
    if summary.energy is not None and figures.figure(record, "joules_per_inference") is not None:
        source = units.clean(summary.energy.sensor_channel or "")
        note = f"{units.clean(summary.energy.tier or '')} {source}".strip()
        found.append(Fact("Energy, a query", figures.shown(record, "joules_per_inference"), note))
    elif summary.energy is not None:
        spent = figures.shown(record, "cpu_seconds_per_inference")
        found.append(Fact("CPU time, a query", spent, "activity; energy was not measured"))
    return tuple(found)


def _proofs(record: Record) -> tuple[Fact, ...]:
    placement = record.placement
    ran = ran_in(record.plan.target)
    stored = record.plan.model.precision
    found = [
        Fact("Ran in", units.clean(ran or "unknown"), f"weights {units.clean(stored)}" if stored else ""),
        Fact(
            "Placement",
            "unknown" if placement is None else placed_count(placement),
            "the runtime does not report it" if placement is None else f"nodes on {units.clean(placement.requested)}",
        ),
    ]
    word, figure = agreement(record)
    found.append(Fact("Outputs", "≠ wrong" if outputs_wrong(record) else word, figure))
    first = leading(record)
    if first is not None:
        found.append(Fact(f"Quality, {title(first.name)}", shown(first.value, first.unit), _certainty(first)))
    return tuple(found)


def _certainty(metric: QualityMetric) -> str:
    return (
        f"{quality_between(metric.interval95, metric.unit)} (95 %)" if metric.interval95 is not None else "no interval"
    )


def _tables(record: Record) -> tuple[Table, ...]:
    makers: tuple[Callable[[Record], Table | None], ...] = (
        latency_table,
        text_table,
        repeats_table,
        cold_start_table,
        memory_table,
        energy_table,
    )
    measured = [t for t in (make(record) for make in makers) if t is not None]
    if emulated(record):
        measured = [Table(f"{t.caption} ({EMULATED_TIMES})", t.columns, t.rows, t.note) for t in measured]
    makers = (quality_table, placement_table, inputs_table, fidelity_table, agreement_table, options_table)
    proven = (*(make(record) for make in makers), conditions(record.environment))
    return (*measured, *(t for t in proven if t is not None))


def _quantity(value: int | None, noun: str) -> str:
    return f"{noun}s unknown" if value is None else counted(value, noun, shown=units.quantity(value))


def _method(record: Record) -> tuple[Fact, ...]:
    plan, model = record.plan, record.plan.model
    facts = [
        Fact("Preset", units.clean(plan.preset), repeats_words(record)),
        Fact("Rule", rule_words(plan.rule)),
        Fact("Seed", str(plan.seed)),
    ]
    if model.sha256 is not None:
        stored = ", ".join(filter(None, (model.format, model.precision, units.size(model.size_bytes))))
        facts.append(Fact("Model file", units.clean(stored), f"SHA-256 {units.clean(model.sha256)}"))
    size = (
        f"{_quantity(model.parameters, 'parameter')}, {_quantity(model.macs, 'MAC')}",
        f"weights {units.size(model.weight_bytes)}, activations: widest operator "
        f"{units.size(model.peak_activation_bytes)}, alive at once {units.size(model.live_activation_bytes)}",
    )
    if any(v is not None for v in (model.parameters, model.macs, model.weight_bytes)):
        facts.append(Fact("Model size", *size))
    if plan.inputs is not None:
        shapes = ", ".join(f"{units.clean(k)} [{', '.join(map(str, v))}]" for k, v in plan.inputs.shapes.items())
        made = " · ".join(filter(None, (units.clean(plan.inputs.source), units.clean(plan.inputs.preprocessing))))
        facts.append(Fact("Inputs", f"{shapes} ({made})", f"SHA-256 {units.clean(plan.inputs.sha256)}"))
    if plan.command and not shown_command(plan.command):
        facts.append(Fact("Command", "not shown", "the record's command is more than an `odb run` of plain words"))
    if plan.strict_placement:
        facts.append(Fact("Placement", "strict: a fallback makes the run invalid"))
    if record.status == "ok":
        overhead = record.harness.loop_overhead_ns
        facts.append(Fact("Harness", units.duration(overhead), "a query: overhead of the loop, on a null session"))
    versions = ", ".join(f"{units.clean(k)} {units.clean(v)}" for k, v in record.environment.runtime.items())
    facts.append(Fact("Versions", versions or units.MISSING))
    facts.append(Fact("Record", units.clean(record.record_id), f"made {units.when(record.created_utc)}"))
    facts.append(Fact("Record SHA-256", units.clean(record.record_sha256 or "none: the record is not sealed")))
    return tuple(facts)
