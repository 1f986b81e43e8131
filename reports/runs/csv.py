"""One row a record, for spreadsheets and data frames. An empty cell was not measured."""

import csv
import io
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from bench.record.operators import Operator, OperatorPart
from bench.record.part import Part
from bench.record.quality import Paired, QualityMetric
from bench.record.record import Record, RecordedRun
from bench.record.refused import RefusedRecord
from bench.record.shown.command import shown_command
from bench.reports.view.operators import hottest
from bench.reports.words.causes import emulated, invalidating_codes
from bench.reports.words.quality import OF_TEXT, leading
from bench.settings import SETTINGS
from bench.words import sentence

if TYPE_CHECKING:
    from bench.analysis.metrics import Metric

Value = str | int | float | bool | None
_FORMULA = ("=", "+", "-", "@")
"""What begins a formula, also after spaces. Wide, small and raised forms count as the sign itself."""


class CsvReport:
    """Measured columns are empty for emulated runs, so that averages do not mix an emulator's times with a device's;
    the emulator's median has a separate column."""

    summary = sentence("report.summary.csv")
    suffix = ".csv"

    def __init__(self, refused: Sequence[RefusedRecord] = ()) -> None:
        self.refused = tuple(refused)

    def telling(self, refused: Sequence[RefusedRecord]) -> "CsvReport":
        return CsvReport(refused)

    def render(self, runs: Sequence[RecordedRun]) -> bytes:
        """UTF-8 with a header; lines end with a line feed. A record that could not be read has the status ``refused``,
        its reason and nothing else. Names of columns, codes and words of a fixed list are the same in every language;
        ``failure_message``, which people read, is in the one that is spoken."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        placed = any(run.folder for run in runs) or any(one.folder for one in self.refused)
        columns = [*(("folder",) if placed else ()), *_columns()]
        writer.writerow(columns)
        for run in runs:
            folder = (written(run.folder),) if placed else ()
            writer.writerow([*folder, *(written(make(run.record)) for make in _columns().values())])
        for one in self.refused:
            said = {"folder": one.folder, **_refused(one)}
            writer.writerow([written(said.get(column)) for column in columns])
        return out.getvalue().encode("utf-8", "replace")


def _refused(one: RefusedRecord) -> dict[str, Value]:
    return {
        "record_id": one.name,
        "status": "refused",
        "failure_kind": "bad_record",
        "failure_message": str(one.message),
    }


def written(value: Value) -> str:
    """Text on one line, and quoted with an apostrophe where a spreadsheet would take it for a formula; numbers stay
    numbers. A line break inside a cell is lost, as not every reader takes one for part of the cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = "".join(c if c.isprintable() or c == "\t" else " " for c in value)
        first = unicodedata.normalize("NFKC", text.lstrip()[:1])
        return f"'{text}" if first.startswith(_FORMULA) else text
    return repr(value)


def _of_device(make: Callable[[Record], Value]) -> Callable[[Record], Value]:
    return lambda record: None if emulated(record) else make(record)


def _latency(field: str) -> Callable[[Record], Value]:
    return _of_device(lambda r: _field(r.summary.latency_ns, field))


def _bound(metric: "Metric", end: int) -> Callable[[Record], Value]:
    def make(record: Record) -> Value:
        between = metric.interval(record.summary)
        return None if between is None else between[end]

    return _of_device(make)


def _memory(field: str) -> Callable[[Record], Value]:
    return _of_device(lambda r: _field(r.summary.memory_bytes, field))


def _energy(field: str) -> Callable[[Record], Value]:
    return _of_device(lambda r: _field(r.summary.energy, field))


def _text(field: str) -> Callable[[Record], Value]:
    return _of_device(lambda r: _field(r.summary.text_generation, field))


def _tokenized(field: str) -> Callable[[Record], Value]:
    return _of_device(lambda r: _field(r.summary.text_generation and r.summary.text_generation.tokenized, field))


def _kv_cache(field: str) -> Callable[[Record], Value]:
    return _of_device(lambda r: _field(r.summary.text_generation and r.summary.text_generation.kv_cache, field))


def _token_energy(field: str) -> Callable[[Record], Value]:
    return _of_device(lambda r: _field(r.summary.text_generation and r.summary.text_generation.energy, field))


def _agreement(of: str, field: str) -> Callable[[Record], Value]:
    def make(record: Record) -> Value:
        text = record.summary.text_generation
        found = next((a for a in text.agreement if a.of == of), None) if text is not None else None
        return _field(found, field)

    return make


def _field(part: Part | None, name: str) -> Value:
    value: Value = None if part is None else getattr(part, name)
    return value


def _emulator_p50(record: Record) -> Value:
    return _field(record.summary.latency_ns, "p50") if emulated(record) else None


def _nodes_on_target(record: Record) -> Value:
    return None if record.placement is None else record.placement.nodes.get(record.placement.requested, 0)


def _quality(make: Callable[[QualityMetric], Value]) -> Callable[[Record], Value]:
    """Of the leading metric; an emulator's answers count."""

    def of(record: Record) -> Value:
        first = leading(record)
        return None if first is None else make(first)

    return of


def _against_reference(make: Callable[[Paired], Value]) -> Callable[[Record], Value]:
    def of(record: Record) -> Value:
        first, found = leading(record), record.quality.paired if record.quality is not None else ()
        pair = next((p for p in found if first is not None and p.metric == first.name), None)
        return None if pair is None else make(pair)

    return of


def _perplexity(make: Callable[[Paired], Value]) -> Callable[[Record], Value]:
    def of(record: Record) -> Value:
        found = record.quality.paired if record.quality is not None else ()
        return next((make(pair) for pair in found if pair.metric == "perplexity"), None)

    return of


def _of_text(name: str) -> Callable[[Record], Value]:
    """A figure of a language model, by its name in the record."""

    def of(record: Record) -> Value:
        found = record.quality
        if found is None or found.dataset.task not in OF_TEXT:
            return None
        return next((metric.value for metric in found.metrics if metric.name == name), None)

    return of


def _profiled(make: Callable[[OperatorPart, Operator, float], Value]) -> Callable[[Record], Value]:
    """Of the part, the hottest operator and its share of the time; of a language model those of a token."""

    def of(record: Record) -> Value:
        found = hottest(record)
        return make(*found[-1]) if found else None

    return _of_device(of)


def _pairs(options: Mapping[str, str]) -> str:
    return ";".join(f"{k}={v}" for k, v in options.items())


def _metric(metric: "Metric") -> Callable[[Record], Value]:
    return _of_device(lambda record: metric.figure(record.summary))


@cache
def _columns() -> dict[str, Callable[[Record], Value]]:
    """All columns in order; metrics without a defined place come last."""
    from bench.analysis.metrics import METRICS

    figures: dict[str, Callable[[Record], Value]] = {}
    for metric in METRICS:
        figures[metric.column] = _metric(metric)
        if metric.rule.interval is not None:
            low, high = metric.bounds
            figures |= {low: _bound(metric, 0), high: _bound(metric, 1)}
    placed = {name: make or figures[name] for name, make in _PLACED.items()}
    last = {name: make for name, make in figures.items() if name not in placed}
    return {**placed, **last, **{setting.field: _setting(setting.field) for setting in SETTINGS}}


def _setting(field: str) -> Callable[[Record], Value]:
    return lambda record: record.plan.settings.get(field)


_PLACED: dict[str, Callable[[Record], Value] | None] = {
    "record_id": lambda r: r.record_id,
    "created_utc": lambda r: r.created_utc,
    "tool_version": lambda r: r.tool.version,
    "status": lambda r: r.status,
    "valid": lambda r: None if r.verdict is None else r.verdict.valid,
    "emulated": emulated,
    "invalidating_codes": lambda r: ";".join(invalidating_codes(r)),
    "failure_kind": lambda r: None if r.failure is None else r.failure.kind,
    "failure_phase": lambda r: None if r.failure is None else r.failure.phase,
    "failure_message": lambda r: None if r.failure is None else r.failure.message,
    "model": lambda r: r.plan.model.id,
    "task": lambda r: r.plan.model.task,
    "format": lambda r: r.plan.model.format,
    "weights_precision": lambda r: r.plan.model.precision,
    "executed_precision": lambda r: r.plan.target.executed_precision,
    "executed_weights": lambda r: r.plan.target.executed_weights,
    "executed_activations": lambda r: r.plan.target.executed_activations,
    "executed_kv_cache": lambda r: r.plan.target.executed_kv_cache,
    "model_sha256": lambda r: r.plan.model.sha256,
    "parameters": lambda r: r.plan.model.parameters,
    "peak_activation_bytes": lambda r: r.plan.model.peak_activation_bytes,
    "live_activation_bytes": lambda r: r.plan.model.live_activation_bytes,
    "target": lambda r: r.plan.target.id,
    "device_name": lambda r: str(r.plan.target.device_name or "") or None,
    "options_requested": lambda r: _pairs(r.plan.target.options_requested),
    "scenario": lambda r: r.plan.scenario.name,
    "lanes": lambda r: r.plan.scenario.lanes,
    "preset": lambda r: r.plan.preset,
    "repeats": lambda r: len(r.repeats) or r.plan.repeats,
    "input_source": lambda r: None if r.plan.inputs is None else r.plan.inputs.source,
    "input_sha256": lambda r: None if r.plan.inputs is None else r.plan.inputs.sha256,
    "queries": _latency("n"),
    "latency_p50_ns": None,
    "latency_p50_ci95_low_ns": None,
    "latency_p50_ci95_high_ns": None,
    "latency_p90_ns": None,
    "latency_p90_ci95_low_ns": None,
    "latency_p90_ci95_high_ns": None,
    "latency_p95_ns": None,
    "latency_p95_ci95_low_ns": None,
    "latency_p95_ci95_high_ns": None,
    "latency_p99_ns": None,
    "latency_p99_ci95_low_ns": None,
    "latency_p99_ci95_high_ns": None,
    "latency_p999_ns": None,
    "latency_p999_ci95_low_ns": None,
    "latency_p999_ci95_high_ns": None,
    "latency_mean_ns": _latency("mean"),
    "latency_min_ns": _latency("min"),
    "latency_max_ns": _latency("max"),
    "emulator_latency_p50_ns": _emulator_p50,
    "throughput_per_s": None,
    "cold_start_ns": None,
    "prompt_tokens": lambda r: r.plan.scenario.prompt_tokens,
    "depth_tokens": lambda r: r.plan.scenario.depth_tokens,
    "compile_cache": lambda r: r.plan.scenario.compile_cache,
    "generated_tokens": _text("generated_tokens"),
    "ttft_ns": None,
    "ttft_ci95_low_ns": None,
    "ttft_ci95_high_ns": None,
    "tpot_ns": None,
    "tpot_ci95_low_ns": None,
    "tpot_ci95_high_ns": None,
    "prefill_tokens_per_s": _text("prefill_tokens_per_s"),
    "decode_tokens_per_s": None,
    "e2e_ns": _text("e2e_ns"),
    "tokenized_ttft_ns": _tokenized("ttft_ns"),
    "tokenized_e2e_ns": _tokenized("e2e_ns"),
    "kv_cache_bytes_per_token": _kv_cache("bytes_per_token"),
    "kv_cache_executed_bytes_per_token": _kv_cache("executed_bytes_per_token"),
    "kv_cache_observed_bytes_per_token": _kv_cache("observed_bytes_per_token"),
    "cpu_seconds_per_prompt_token": _token_energy("cpu_seconds_per_prompt_token"),
    "cpu_seconds_per_generated_token": _token_energy("cpu_seconds_per_generated_token"),
    "joules_per_generated_token": None,
    "engine_token_prefix": _agreement("engine", "token_prefix"),
    "engine_kl_divergence_nats": _agreement("engine", "kl_divergence_nats"),
    "float32_token_prefix": _agreement("model", "token_prefix"),
    "float32_tokens_equal_share": _agreement("model", "tokens_equal_share"),
    "float32_kl_divergence_nats": _agreement("model", "kl_divergence_nats"),
    "memory_peak_rss_bytes": None,
    "memory_model_bytes": _memory("model"),
    "memory_inference_bytes": _memory("inference"),
    "artifact_bytes": lambda r: r.plan.model.size_bytes,
    "energy_tier": _energy("tier"),
    "energy_joules_per_inference": None,
    "energy_joules_per_inference_ci95_low": None,
    "energy_joules_per_inference_ci95_high": None,
    "energy_total_joules_per_inference": None,
    "energy_watts": _energy("watts"),
    "cpu_seconds_per_inference": None,
    "npu_busy_seconds_per_inference": _energy("npu_busy_seconds_per_inference"),
    "macs": lambda r: r.plan.model.macs,
    "nodes_on_target": _nodes_on_target,
    "nodes": lambda r: None if r.placement is None else sum(r.placement.nodes.values()),
    "fallback_nodes": lambda r: None if r.placement is None else len(r.placement.fallback),
    "fidelity_ok": lambda r: None if r.fidelity is None else r.fidelity.ok,
    "fidelity_cosine_min": lambda r: None if r.fidelity is None else r.fidelity.cosine_min,
    "fidelity_sqnr_db_min": lambda r: None if r.fidelity is None else r.fidelity.sqnr_db_min,
    "fidelity_top1_agreement": lambda r: None if r.fidelity is None else r.fidelity.top1_agreement,
    "dataset": lambda r: None if r.quality is None else r.quality.dataset.name,
    "dataset_sha256": lambda r: None if r.quality is None else r.quality.dataset.sha256,
    "dataset_samples": lambda r: None if r.quality is None else r.quality.dataset.samples,
    "dataset_left_out": lambda r: None if r.quality is None else len(r.quality.dataset.left_out),
    "quality_metric": _quality(lambda m: m.name),
    "quality_value": _quality(lambda m: m.value),
    "quality_ci95_low": _quality(lambda m: None if m.interval95 is None else m.interval95[0]),
    "quality_ci95_high": _quality(lambda m: None if m.interval95 is None else m.interval95[1]),
    "quality_difference": _against_reference(lambda p: p.difference),
    "quality_difference_ci95_low": _against_reference(lambda p: None if p.interval95 is None else p.interval95[0]),
    "quality_difference_ci95_high": _against_reference(lambda p: None if p.interval95 is None else p.interval95[1]),
    "quality_difference_p": _against_reference(lambda p: p.p_value),
    "quality_difference_word": _against_reference(lambda p: p.word),
    "perplexity_ratio": _perplexity(lambda p: p.ratio),
    "perplexity_ratio_ci95_low": _perplexity(lambda p: None if p.ratio_interval95 is None else p.ratio_interval95[0]),
    "perplexity_ratio_ci95_high": _perplexity(lambda p: None if p.ratio_interval95 is None else p.ratio_interval95[1]),
    "kl_divergence_nats": _of_text("kl_divergence"),
    "kl_divergence_p99_nats": _of_text("kl_divergence_p99"),
    "same_top_token": _of_text("top1_agreement"),
    "equal_prefix_tokens": _of_text("equal_prefix"),
    "prompts_equal": _of_text("prompts_equal"),
    "fdt": _of_text("fdt"),
    "sdt": _of_text("sdt"),
    "choice_accuracy": _of_text("choice_accuracy"),
    "choice_accuracy_per_byte": _of_text("choice_accuracy_per_byte"),
    "profiled_part": _profiled(lambda part, one, share: part.part),
    "profile_slowdown": _profiled(lambda part, one, share: part.slowdown),
    "operators_ns": _profiled(lambda part, one, share: part.operators_ns),
    "hottest_operator": _profiled(lambda part, one, share: one.name),
    "hottest_operator_type": _profiled(lambda part, one, share: one.op),
    "hottest_operator_share": _profiled(lambda part, one, share: share),
    "loop_overhead_ns": _of_device(lambda r: r.harness.loop_overhead_ns),
    "command": lambda r: shown_command(r.plan.command),
    "record_sha256": lambda r: r.record_sha256,
}
"""Columns in order; ``None``: a row of ``bench.analysis.metrics``."""
