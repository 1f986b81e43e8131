"""One run in full: everything behind a cell of the matrix."""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bench.record.inputs import ModelGraph, ModelSource, PlannedModel
from bench.record.quality import QualityMetric
from bench.record.record import Reason, Record
from bench.record.runner import OtherTool
from bench.record.shown.command import shown_command
from bench.reports.view.curves.table import curve_table
from bench.reports.view.lineage import lineage_lines
from bench.reports.view.lm.cost import divergence_table
from bench.reports.view.lm.tables import agreement_table, text_table
from bench.reports.view.machines import conditions
from bench.reports.view.open_loops.answers import answers_table
from bench.reports.view.operators import operator_tables
from bench.reports.view.power.tables import energy_table, meter_table
from bench.reports.view.quality import quality_table
from bench.reports.view.rows import Numbered, Table, agreement, placed_count
from bench.reports.view.staged.inputs import each_input_table
from bench.reports.view.staged.tables import stages_table
from bench.reports.view.tables import (
    cold_start_table,
    corrections_table,
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
    Cause,
    Status,
    causes,
    emulated,
    outputs_wrong,
    status,
    status_word,
)
from bench.reports.words.names import failure_kind, phase, source, tier
from bench.reports.words.plans import imported_words, ran_in, repeats_words, rule_words
from bench.reports.words.quality import between as quality_between
from bench.reports.words.quality import leading, title
from bench.reports.words.quality import value as shown
from bench.reports.words.scenarios import scenario_of_plan
from bench.scenarios.kinds import kind_of
from bench.settings import setting_words
from bench.words import say, units


class Fact(Struct, frozen=True):
    """``doubted``: the run is not valid, so the value is shown small and struck. ``key``: the stable name of a part of
    a failure (``kind``, ``phase``, ``message``, ``remedy``)."""

    label: str
    value: str
    note: str = ""
    doubted: bool = False
    key: str = ""


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
        return status_word(self.status)

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
        scenario=scenario_of_plan(plan),
        status=status(record),
        failure=_failure(record),
        reasons=reasons(record),
        causes=causes(reasons(record)),
        facts=_facts(record) if record.status == "ok" else (),
        tables=(
            *filter(None, (corrections_table(item.run.corrections),)),
            *_tables(record, each_input_table(item.run)),
        ),
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
    place = phase(found.phase) if found.phase else ""
    parts = (("kind", failure_kind(found.kind)), ("phase", place), ("message", found.message), ("remedy", found.remedy))
    return tuple(Fact(say(f"report.failed.{key}"), units.clean(text), key=key) for key, text in parts if text)


def _facts(record: Record) -> tuple[Fact, ...]:
    """The main figures of a run. An emulated run has placement and fidelity, and no times."""
    if emulated(record):
        return _proofs(record)
    speeds = (*_speeds(record), *_asked_for(record))
    if status(record) in DOUBTED:
        speeds = tuple(replace(fact, doubted=True) for fact in speeds)
    return (*speeds, *_costs(record), *_proofs(record))


def _speeds(record: Record) -> tuple[Fact, ...]:
    """The leading figure, those beside it, and the times of every run of its task."""
    summary, name = record.summary, figures.leading(record)
    text, latency = summary.text_generation, summary.latency_ns
    own = tuple(_own_fact(record, one) for one in (name, *figures.beside(record)) if _is_shown(record, one))
    if text is not None:
        return (
            *(fact for fact in own if fact.key not in ("ttft_ns", "tpot_ns")),
            _timed_fact(record, "ttft_ns", units.counted(text.prompt_tokens, "prompt token")),
            _timed_fact(record, "tpot_ns", units.counted(text.generated_tokens, "token")),
            Fact(_title("decode_tokens_per_s"), figures.shown(record, "decode_tokens_per_s")),
        )
    if latency is None:
        return ()
    if name != figures.P50 or kind_of(record.plan.scenario).open_loop:
        return own
    known = _within95(figures.between(record, name))
    per_second = units.number(figures.figure(record, "throughput_per_s"), "/s")
    rate = Fact(_title("throughput_per_s"), per_second, units.counted(latency.n, "query", "queries"))
    return (Fact(say("report.latency_p50"), figures.shown(record, name), known), rate, *own[1:])


def _is_shown(record: Record, name: str) -> bool:
    return name == figures.leading(record) or figures.figure(record, name) is not None


def _own_fact(record: Record, name: str) -> Fact:
    """With its interval; of a figure that has none, with how many queries it is of."""
    latency, bounded = record.summary.latency_ns, figures.metrics()[name].rule.interval is not None
    note = "" if latency is None else units.counted(latency.n, "query", "queries")
    note = _within95(figures.between(record, name)) if bounded else note
    return Fact(_title(name), figures.shown(record, name), note, key=name)


def _asked_for(record: Record) -> tuple[Fact, ...]:
    """The metrics that the run has because a setting asked for them."""
    found = []
    for metric in figures.asked_for(record):
        known = figures.between(record, metric.name)
        title = figures.asked_title(record, metric)
        found.append(Fact(f"{title[:1].upper()}{title[1:]}", figures.shown(record, metric.name), _within95(known)))
    return tuple(found)


def _timed_fact(record: Record, name: str, note: str) -> Fact:
    """A time with its interval; the note alone where it has none."""
    known = figures.between(record, name)
    return Fact(_title(name), figures.shown(record, name), f"{_within95(known)}, {note}" if known else note)


def _bounds(record: Record, name: str) -> str:
    """The 95 % interval of a metric; empty where it has none."""
    known = figures.between(record, name)
    return _within95(known) if known else ""


def _within95(bounds: str) -> str:
    return say("report.within95", bounds=bounds) if bounds else say("report.no_interval")


def _title(name: str) -> str:
    title = str(figures.metrics()[name].title)
    return title[:1].upper() + title[1:]


def _costs(record: Record) -> tuple[Fact, ...]:
    summary = record.summary
    found = [Fact(_title("cold_start_ns"), figures.shown(record, "cold_start_ns"), say("report.cold_start.of"))]
    if summary.memory_bytes is not None:
        note = say("report.memory.of_model", model=summary.memory_bytes.model)
        found.append(Fact(say("report.memory.peak_rss"), figures.shown(record, "peak_rss_bytes"), note))
    if summary.energy is not None and figures.figure(record, "joules_per_inference") is not None:
        note = f"{tier(summary.energy.tier or '')} {units.clean(summary.energy.sensor_channel or '')}".strip()
        note = "; ".join(filter(None, (_bounds(record, "joules_per_inference"), note)))
        found.append(Fact(say("report.energy_a_query"), figures.shown(record, "joules_per_inference"), note))
    if summary.energy is not None and figures.figure(record, "total_joules_per_inference") is not None:
        bounds = _bounds(record, "total_joules_per_inference")
        found.append(
            Fact(say("report.total_energy_a_query"), figures.shown(record, "total_joules_per_inference"), bounds)
        )
    elif summary.energy is not None and figures.figure(record, "joules_per_inference") is None:
        spent = figures.shown(record, "cpu_seconds_per_inference")
        found.append(Fact(say("report.cpu_time_a_query"), spent, say("report.energy.not_measured")))
    return tuple(found)


def _proofs(record: Record) -> tuple[Fact, ...]:
    placement = record.placement
    ran = ran_in(record.plan.target)
    stored = record.plan.model.precision
    weights = say("report.weights", precision=units.clean(stored)) if stored else ""
    placed, where = say("report.unknown"), say("report.placement.not_reported")
    if placement is not None:
        placed = placed_count(placement)
        where = say("report.placement.on", device=units.clean(placement.requested))
    code, figure = agreement(record)
    outputs = say("report.outputs_wrong") if outputs_wrong(record) else say(f"report.agreement.{code}")
    found = [
        Fact(say("report.column.ran_in"), units.clean(ran or say("report.unknown")), imported_words(record) or weights),
        Fact(say("report.placement"), placed, where),
        Fact(say("report.column.outputs"), outputs, figure),
    ]
    first = leading(record)
    if first is not None:
        label = say("report.quality_of", metric=title(first.name))
        found.append(Fact(label, shown(first.value, first.unit), _certainty(first)))
    return tuple(found)


def _certainty(metric: QualityMetric) -> str:
    return _within95("" if metric.interval95 is None else quality_between(metric.interval95, metric.unit))


def _tables(record: Record, inputs: Table | None) -> tuple[Table, ...]:
    makers: tuple[Callable[[Record], Table | None], ...] = (
        curve_table,
        answers_table,
        latency_table,
        stages_table,
        lambda _: inputs,
        text_table,
        repeats_table,
        cold_start_table,
        memory_table,
        energy_table,
        meter_table,
    )
    measured = [t for t in (make(record) for make in makers) if t is not None]
    if emulated(record):
        measured = [replace(t, caption=say("report.emulated.times", caption=t.caption)) for t in measured]
    texts = (agreement_table, divergence_table)
    makers = (quality_table, placement_table, inputs_table, fidelity_table, *texts, options_table)
    proven = (*operator_tables(record), *(make(record) for make in makers), conditions(record.environment))
    return (*measured, *(t for t in proven if t is not None))


def _quantity(value: int | None, noun: str) -> str:
    if value is None:
        return say(f"report.size_unknown.{noun}")
    return units.counted(value, noun, shown=units.quantity(value))


def _made_from(source: ModelSource, precision: str | None) -> Fact:
    """What the user named, and whether its weights kept their values."""
    facts = ", ".join((source.format, source.stored_as, units.size(source.size_bytes)))
    code = "kept" if source.kept else "rounded"
    weights = say(f"report.method.made_from.{code}", precision=units.clean(precision or ""))
    value = f"{units.clean(source.name)} ({units.clean(facts)}): {weights}"
    return Fact(say("report.method.made_from"), value, f"SHA-256 {units.clean(source.sha256)}")


def _graphs(graphs: Sequence[ModelGraph]) -> Fact:
    """The graphs that a decoder is made of, with when each runs and what the folder asks for it."""
    told = []
    for graph in graphs:
        runs = "both" if graph.on_prompt and graph.on_token else "prompt" if graph.on_prompt else "token"
        code = f"report.graphs.{runs}" + (".asks" if graph.provider else "")
        told.append(
            say(code, graph=units.clean(graph.file), bytes=graph.size_bytes, provider=units.clean(graph.provider))
        )
    return Fact(say("report.method.graphs"), say("report.graphs.count", n=len(graphs)), say("report.graphs", told=told))


def _other_tool(tool: OtherTool) -> Fact:
    """The program that measured, with the times that it printed; what it does not tell is a dash."""
    mean, median = (units.duration(ns) if ns is not None else "–" for ns in (tool.mean_ns, tool.p50_ns))
    count = "–" if tool.inferences is None else str(tool.inferences)
    figures = say("report.other_tool", mean=mean, p50=median, n=count)
    value = f"{units.clean(tool.name)}: {figures}"
    return Fact(say("report.method.other_tool"), value, say("report.other_tool.of", sha256=units.clean(tool.sha256)))


def _method(record: Record) -> tuple[Fact, ...]:
    plan, model = record.plan, record.plan.model
    own = (
        Fact(say("report.method.preset"), units.clean(plan.preset), repeats_words(record)),
        Fact(say("report.method.rule"), rule_words(plan.rule, plan.scenario)),
        Fact(say("report.method.seed"), str(plan.seed)),
    )
    facts = [_other_tool(record.other_tool)] if record.other_tool is not None else [*own]
    if model.sha256 is not None:
        stored = ", ".join(filter(None, (model.format, model.precision, units.size(model.size_bytes))))
        facts.append(Fact(say("report.method.model_file"), units.clean(stored), f"SHA-256 {units.clean(model.sha256)}"))
    if model.source is not None:
        facts.append(_made_from(model.source, model.precision))
    if model.graphs:
        facts.append(_graphs(model.graphs))
    facts += [Fact(*line) for line in lineage_lines(model.lineage)]
    if any(v is not None for v in (model.parameters, model.macs, model.weight_bytes)):
        parameters = _quantity(model.parameters, "parameter")
        stored = say("report.stored", parameters=parameters) if model.parameters is not None else parameters
        size = f"{stored}, {_quantity(model.macs, 'mac')}"
        facts.append(Fact(say("report.method.model_size"), size, _model_bytes(model)))
    if plan.inputs is not None:
        shapes = ", ".join(f"{units.clean(k)} [{', '.join(map(str, v))}]" for k, v in plan.inputs.shapes.items())
        made = " · ".join(filter(None, (source(plan.inputs.source), units.clean(str(plan.inputs.preprocessing)))))
        facts.append(Fact(say("report.inputs"), f"{shapes} ({made})", f"SHA-256 {units.clean(plan.inputs.sha256)}"))
    if plan.command and not shown_command(plan.command):
        not_shown = say("report.method.command_not_shown"), say("report.method.command_why")
        facts.append(Fact(say("report.method.command"), *not_shown))
    if plan.settings:
        facts.append(Fact(say("report.method.settings"), setting_words(plan.settings)))
    if plan.strict_placement:
        facts.append(Fact(say("report.placement"), say("report.method.strict")))
    if record.status == "ok":
        overhead = units.duration(record.harness.loop_overhead_ns)
        facts.append(Fact(say("report.method.harness"), overhead, say("report.method.overhead")))
    return (*facts, *_provenance(record))


def _model_bytes(model: PlannedModel) -> str:
    return say(
        "report.method.model_bytes",
        weights=model.weight_bytes,
        widest=model.peak_activation_bytes,
        alive=model.live_activation_bytes,
    )


def _provenance(record: Record) -> tuple[Fact, ...]:
    versions = ", ".join(f"{units.clean(k)} {units.clean(v)}" for k, v in record.environment.runtime.items())
    made = say("report.method.made", time=record.created_utc)
    return (
        Fact(say("report.method.versions"), versions or units.MISSING),
        Fact(say("report.column.record"), units.clean(record.record_id), made),
        Fact(say("report.method.record_sha256"), units.clean(record.record_sha256 or say("report.method.no_sha256"))),
    )
